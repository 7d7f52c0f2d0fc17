"""Another model: the old vectors answer until the new ones are there, whatever happens in between."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import sample_files
from fakes import WordEmbedder
from folders import Indexed
from indexes import contents
from moments import kill_when_it_is_there
from waiting import BRAKE_S

import anyseek
from anyseek.catalog import database as database_module
from anyseek.catalog.catalog import Catalog, WriterLock
from anyseek.catalog.check import check
from anyseek.catalog.tag_records import TagRecord, TagWriter, read_tags
from anyseek.catalog.tags import counts, tag
from anyseek.errors import IndexDamaged, IndexLocked, RootUnavailable, UsageError
from anyseek.indexer import IndexOptions, Progress, Reindexed, reindex
from anyseek.indexer import reindex as reindexing
from anyseek.indexer.reindex import EXCHANGE_SETTING
from anyseek.library.doctor import check_all

SCRIPT = Path(__file__).parents[1] / "support" / "reindexing_process.py"
PLAIN = IndexOptions(workers=1)
SECOND = WordEmbedder(version="2")


def state(index: Path) -> tuple[str, dict[str, list[bytes]]]:
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        return snapshot.spaces()[0].card.fingerprint, {
            path: rows for path, rows in contents(snapshot).items() if rows
        }


@pytest.fixture
def filled(made: Indexed) -> Indexed:
    sample_files.fill(made.folder)
    made.run()
    return made


def move(made: Indexed, embedder: WordEmbedder = SECOND, *, keep: bool = False) -> Reindexed:
    return reindex(made.catalog.folder, embedder, keep=keep, options=PLAIN)


def test_the_index_is_the_other_models_afterwards_and_nothing_else_is_left(filled: Indexed) -> None:
    before = state(filled.catalog.folder)
    done = move(filled)
    after = state(filled.catalog.folder)
    assert (done.is_done, done.vanished, done.kept) == (True, (), None)
    assert (before[0], after[0]) == ("words-1", "words-2")
    assert before[1] == after[1]  # the two versions compute the same
    assert sorted(path.name for path in filled.folder.parent.iterdir()) == ["index", "media"]
    assert check(filled.catalog.folder) == []


def test_keep_leaves_the_old_index_beside_the_new_one_and_it_still_answers(filled: Indexed) -> None:
    filled.catalog.close()
    done = move(filled, keep=True)
    assert done.kept == filled.catalog.folder.with_name("index.words")
    assert not list(done.kept.glob("catalog.sqlite-*"))  # it can go to media that cannot be written
    with anyseek.open(index=done.kept, model=WordEmbedder()) as old:
        assert old.search("green", to="image", k=1)[0].path.endswith("green.png")
    again = move(filled, WordEmbedder(version="3"), keep=True)
    assert again.kept == filled.catalog.folder.with_name("index.words-2")


def test_files_that_are_gone_are_named(filled: Indexed) -> None:
    (filled.folder / "pictures/green.png").unlink()
    (filled.folder / "notes/red.txt").write_bytes(b"")
    done = move(filled)
    assert set(done.vanished) == {
        str(filled.folder / "pictures/green.png"),
        str(filled.folder / "notes/red.txt"),
    }


def test_a_folder_that_is_unplugged_leaves_the_old_index_as_it_was(filled: Indexed) -> None:
    before = state(filled.catalog.folder)
    filled.folder.rename(filled.folder.with_name("away"))
    with pytest.raises(RootUnavailable):
        move(filled)
    assert state(filled.catalog.folder) == before
    filled.folder.with_name("away").rename(filled.folder)
    assert move(filled).is_done


def test_an_interrupted_run_is_gone_on_with(filled: Indexed) -> None:
    events: list[Progress] = []
    few = IndexOptions(workers=1, batch=2, commit_s=0)
    first = reindex(
        filled.catalog.folder,
        SECOND,
        options=few,
        progress=events.append,
        stop=lambda: any(event.segments >= 2 for event in events),  # after the first batch
    )
    assert (first.is_done, first.report.interrupted) == (False, True)
    assert state(filled.catalog.folder)[0] == "words-1"
    second = move(filled)
    assert second.is_done
    assert first.report.embedded + second.report.embedded == 13
    assert 0 < second.report.embedded < 13


def test_what_another_model_left_half_done_is_made_anew(filled: Indexed) -> None:
    beside = filled.catalog.folder.with_name("index.next")
    Catalog.create(beside, [filled.folder]).close()
    with Catalog.open(beside) as half, half.begin() as writer:
        writer.ensure_space(WordEmbedder(version="9").card)
    assert move(filled).report.embedded == 13


def test_the_settings_that_the_index_was_made_with_hold(made: Indexed) -> None:
    from PIL import Image

    Image.new("L", (8, 8), 100).save(made.folder / "a_depth.png")
    made.run(depth_unit=0.04)
    assert move(made).report.skipped == {}
    assert len(state(made.catalog.folder)[1]) == 1


def test_what_people_chose_and_their_tags_come_along(filled: Indexed) -> None:
    tag(filled.catalog, [filled.folder / "notes"], "Notes")
    tag(filled.catalog, [filled.folder / "notes/red.txt"], "kept")
    (filled.folder / "notes/red.txt").unlink()
    filled.run()
    with filled.catalog.begin() as writer:
        writer.set_setting("store", {"name": "exact", "exact": {}})
        writer.set_setting("depth_unit", 0.5)
    move(filled)
    sample_files.text(filled.folder / "again.txt", "red red")
    with Catalog.open(filled.catalog.folder) as catalog:
        Indexed(filled.folder, catalog, SECOND).run()
        with catalog.read() as snapshot:
            assert counts(snapshot) == {"kept": 1, "Notes": 3}
            settings = snapshot.settings()
    assert (settings["store"], settings["depth_unit"]) == ({"name": "exact", "exact": {}}, 0.5)


def exchange_names(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def take_a_name(one: Path, other: Path) -> None:
    one.rename(other)
    sample_files.text(one, "something else")


def write_a_name_anew(one: Path, other: Path) -> None:
    """As editors do, beside another name of the same file."""
    one.unlink()
    sample_files.text(one, "something else")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (exchange_names, {"one.txt": "second", "two.txt": "first"}),
        (take_a_name, {"two.txt": "first"}),
        (write_a_name_anew, {"one.txt": "first"}),
    ],
)
def test_tags_stay_with_the_file_that_had_them_whatever_it_is_called_by_now(
    made: Indexed, change: Callable[[Path, Path], None], names: dict[str, str]
) -> None:
    """As they do when `anyseek index` meets these changes first."""
    one, two = made.folder / "one.txt", made.folder / "two.txt"
    sample_files.text(one, "red")
    if change is exchange_names:
        sample_files.text(two, "a blue sea")
    elif change is write_a_name_anew:
        two.hardlink_to(one)
    made.run()
    tag(made.catalog, [one], "first")
    if change is exchange_names:
        tag(made.catalog, [two], "second")
    change(one, two)
    move(made)
    assert tags_by_name(made.catalog.folder) == names


def tags_by_name(index: Path) -> dict[str, str]:
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        records = [record for record in read_tags(snapshot) if not record.is_kept]
        return {Path(record.path).name: " ".join(record.tags) for record in records}


@pytest.mark.thorough
@pytest.mark.parametrize("end", [".next", ".aside"])
@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_somebody_elses_is_not_deleted_for_its_name(filled: Indexed, end: str, kind: str) -> None:
    index = filled.catalog.folder
    theirs, diary = index.with_name(index.name + end), index.with_name("diary.txt")
    diary.write_text("mine")
    if kind == "folder":
        theirs.mkdir()
        diary = diary.rename(theirs / "diary.txt")
    elif kind == "file":
        diary = diary.rename(theirs)
    else:
        theirs.symlink_to(diary.parent)
    if end == ".next":  # where the new index would be made
        with pytest.raises(UsageError, match=r"index\.next (contains other files|is not a folder)"):
            move(filled)
    else:
        assert move(filled).is_done
    assert diary.read_text() == "mine"
    assert theirs.is_symlink() == (kind == "link")
    assert check(index) == []


STRAYS = (
    "catalog.sqlite3",
    ".DS_Store",
    "diary.txt",
    "vectors/.DS_Store",
    "vectors/old.f16",
    "calibration/note",
)


def lay(folder: Path, said: str = "mine") -> None:
    for name in STRAYS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(said)


def test_what_somebody_put_into_the_folder_of_an_index_stays_in_it(filled: Indexed) -> None:
    index = filled.catalog.folder
    lay(index)
    (index / "catalog.sqlite.damaged").write_text("tags, perhaps")
    for version in ("2", "3"):
        assert move(filled, WordEmbedder(version=version)).is_done
        assert {(index / name).read_text() for name in STRAYS} == {"mine"}
        assert (index / "catalog.sqlite.damaged").read_text() == "tags, perhaps"
        assert sorted(path.name for path in index.parent.iterdir()) == ["index", "media"]
    assert check_all(index, repair=True) == []
    assert {(index / name).read_text() for name in STRAYS} == {"mine"}


@pytest.mark.parametrize("version", ["2", "3"])
def test_what_somebody_put_into_an_unfinished_index_goes_to_the_one_that_stays(
    filled: Indexed, version: str
) -> None:
    """A file manager leaves its files wherever it looks."""
    index = filled.catalog.folder
    reindex(index, SECOND, options=PLAIN, stop=lambda: True)
    lay(index.with_name("index.next"))
    if version == "3":  # the unfinished one is of no use, and the index has such a file itself
        (index / "diary.txt").write_text("mine too")
    assert move(filled, WordEmbedder(version=version)).is_done
    assert sorted(path.name for path in index.parent.iterdir()) == ["index", "media"]
    assert (index / "catalog.sqlite3").read_text() == "mine"
    diaries = {path.read_text() for path in index.glob("diary.txt*")}
    assert diaries == ({"mine", "mine too"} if version == "3" else {"mine"})


def test_a_disk_that_is_full_when_the_tags_were_handed_over_costs_nothing(
    filled: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the next run meets has tags, and is nobody's own."""
    tag(filled.catalog, [filled.folder / "notes/red.txt"], "holiday")
    module = import_module("anyseek.indexer.reindex")  # whose name is the function's too
    real = module.carry_over

    def full(old: Catalog, new: Catalog) -> None:
        real(old, new)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(module, "carry_over", full)
        with pytest.raises(OSError):
            move(filled)
    assert move(filled).is_done
    with Catalog.open(filled.catalog.folder) as catalog, catalog.read() as snapshot:
        assert [record.tags for record in read_tags(snapshot)] == [("holiday",)]


def test_an_index_that_somebody_works_with_is_not_taken_for_an_unfinished_one(filled: Indexed) -> None:
    index = filled.catalog.folder
    theirs = index.with_name("index.next")
    with Catalog.create(theirs, [filled.folder]) as catalog, catalog.begin() as writer:
        TagWriter(writer).apply(TagRecord("/their/own.jpg", b"", ("holiday",)))
    with pytest.raises(UsageError, match=r"index\.next is an index with tags of its own"):
        move(filled)
    with Catalog.open(theirs) as catalog, catalog.read() as snapshot:
        assert [record.tags for record in read_tags(snapshot)] == [("holiday",)]
    assert check(index) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["a/b", "/etc", "..", ".", "a\0b", "\ud800"])
def test_an_old_index_is_kept_beside_the_new_one_and_nowhere_else(filled: Indexed, name: str) -> None:
    report = filled.run()
    with filled.catalog.begin() as writer:
        left = {"kept_name": name, "report": asdict(report), "vanished": []}
        writer.set_setting(EXCHANGE_SETTING, left)
    with pytest.raises(IndexDamaged, match="record of an exchange"):
        move(filled)
    assert [finding.code for finding in check_all(filled.catalog.folder, repair=False)] == ["settings-wrong"]
    assert check_all(filled.catalog.folder, repair=True) == []
    assert move(filled).is_done


def test_two_folders_that_have_become_one_are_one_in_the_new_index(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    sample_files.text(one / "red.txt", "red")
    sample_files.text(two / "blue.txt", "blue")
    with anyseek.create(one, two, index=tmp_path / "index", model=WordEmbedder()) as index:
        index.add(workers=1)
        index.tags.add("sea", two / "blue.txt")
    (two / "blue.txt").rename(one / "blue.txt")
    two.rmdir()
    two.symlink_to(one)
    done = reindex(tmp_path / "index", SECOND, options=PLAIN)
    assert (done.is_done, done.vanished) == (True, ())
    assert tags_by_name(tmp_path / "index") == {"blue.txt": "sea"}


class Killed(BaseException):
    """Stands for the end of the process: nothing that runs after it is run."""


@pytest.mark.thorough
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("moment", ["after the exchange", "in the middle of three renames", "half deleted"])
def test_killed_after_the_exchange_the_same_command_tidies_up(
    filled: Indexed, monkeypatch: pytest.MonkeyPatch, moment: str, keep: bool
) -> None:
    module = sys.modules["anyseek.indexer.reindex"]
    index = filled.catalog.folder
    real = module.exchange

    def killed(one: Path, other: Path) -> None:
        if moment == "in the middle of three renames":
            one.rename(one.with_name(f"{one.name}.aside"))
            other.rename(one)
        else:
            real(one, other)
        if moment == "half deleted" and not keep:
            (other / "catalog.sqlite").unlink()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, "exchange", killed)
        with pytest.raises(Killed):
            move(filled, keep=keep)
    assert state(index)[0] == "words-2"
    done = move(filled, keep=keep)
    assert (done.is_done, done.report.embedded) == (True, 13)
    assert sorted(path.name for path in index.parent.iterdir()) == (
        ["index", "index.words", "media"] if keep else ["index", "media"]
    )
    if keep:
        assert state(index.with_name("index.words"))[0] == "words-1"
    assert check(index) == []
    with pytest.raises(UsageError, match="already"):
        move(filled, keep=keep)


def test_killed_after_the_exchange_a_third_model_goes_on(
    filled: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["anyseek.indexer.reindex"]
    real = module.exchange

    def killed(one: Path, other: Path) -> None:
        real(one, other)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, "exchange", killed)
        with pytest.raises(Killed):
            move(filled)
    assert move(filled, WordEmbedder(version="3")).is_done
    assert state(filled.catalog.folder)[0] == "words-3"
    assert sorted(path.name for path in filled.folder.parent.iterdir()) == ["index", "media"]


def test_who_tags_or_sets_something_while_the_indexes_are_exchanged_does_it_in_the_new_one(
    filled: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, module = filled.catalog.folder, sys.modules["anyseek.indexer.reindex"]
    began = threading.Event()
    threads: list[threading.Thread] = []

    def give() -> None:
        with Catalog.open(index) as other:
            began.set()
            tag(other, [filled.folder / "notes/red.txt"], "waited")

    def meanwhile(*folders: Path) -> None:
        with monkeypatch.context() as patch, Catalog.open(index) as other:
            patch.setattr(database_module, "BUSY_MS", 0)
            with pytest.raises(IndexLocked):
                tag(other, [filled.folder / "notes/red.txt"], "refused")
        threads.append(threading.Thread(target=give))
        threads[0].start()
        assert began.wait(BRAKE_S)
        exchange(*folders)

    exchange = module.exchange
    monkeypatch.setattr(module, "exchange", meanwhile)
    assert move(filled).is_done
    threads[0].join()
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        assert counts(snapshot) == {"waited": 1}


def test_a_setting_and_a_tag_that_are_given_while_files_are_read_come_along(
    filled: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, module = filled.catalog.folder, sys.modules["anyseek.indexer.reindex"]
    vanished = module._vanished

    def meanwhile(*catalogs: Catalog) -> list[str]:
        with Catalog.open(index) as other:
            tag(other, [filled.folder / "notes/red.txt"], "late")
            with other.begin() as writer:
                writer.set_setting("late", 1)
        result: list[str] = vanished(*catalogs)
        return result

    monkeypatch.setattr(module, "_vanished", meanwhile)
    assert move(filled).is_done
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        assert counts(snapshot) == {"late": 1}
        assert snapshot.settings()["late"] == 1


def test_the_same_model_and_a_second_writer_are_refused(filled: Indexed) -> None:
    with pytest.raises(UsageError, match="already"):
        move(filled, WordEmbedder())
    with filled.catalog.lock("anyseek index"), pytest.raises(IndexLocked):
        move(filled)


def test_where_two_names_cannot_be_exchanged_three_renames_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "said").write_text(name)
    exchange = sys.modules["anyseek.indexer.reindex"].exchange
    exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one/said").read_text() == "other"
    monkeypatch.setattr(sys.modules["anyseek.indexer.reindex"].ctypes, "CDLL", lambda *_, **__: object())
    exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one/said").read_text() == "one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def refusing(number: int) -> object:
    """A C library whose renameat2 fails with this error."""

    def renameat2(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    return SimpleNamespace(renameat2=renameat2)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.EACCES, errno.EIO])
def test_three_renames_are_for_systems_that_cannot_exchange_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "said").write_text(name)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: refusing(number))
    exchange = sys.modules["anyseek.indexer.reindex"].exchange
    if number in (errno.ENOSYS, errno.EINVAL):
        exchange(tmp_path / "one", tmp_path / "other")
        assert (tmp_path / "one/said").read_text() == "other"
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            exchange(tmp_path / "one", tmp_path / "other")
        assert (tmp_path / "one/said").read_text() == "one"


def test_three_renames_that_fail_in_the_middle_leave_the_old_index_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    with pytest.raises(FileNotFoundError):
        sys.modules["anyseek.indexer.reindex"].exchange(tmp_path / "one", tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.fixture
def left_aside(filled: Indexed, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the index of a run was that was killed between the first rename and the second."""
    tag(filled.catalog, [filled.folder / "notes"], "mine")
    index = filled.catalog.folder
    filled.catalog.close()

    def killed(one: Path, other: Path) -> None:
        one.rename(one.with_name(f"{one.name}.aside"))
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["anyseek.indexer.reindex"], "exchange", killed)
        with pytest.raises(Killed):
            reindex(index, SECOND, options=PLAIN)
    assert not index.exists()
    return index


def test_killed_between_the_renames_a_search_has_the_old_index_and_the_next_run_ends_it(
    left_aside: Path,
) -> None:
    with anyseek.open(index=left_aside, model=WordEmbedder()) as index:
        assert index.search("green", to="image", k=1)[0].path.endswith("green.png")
        assert index.tags.counts() == {"mine": 3}
    assert check(left_aside) == []
    assert reindex(left_aside, SECOND, options=PLAIN).is_done
    assert sorted(path.name for path in left_aside.parent.iterdir()) == ["index", "media"]


def test_killed_between_the_renames_the_same_command_goes_on(left_aside: Path) -> None:
    assert reindex(left_aside, SECOND, options=PLAIN).is_done
    with Catalog.open(left_aside) as catalog, catalog.read() as snapshot:
        assert counts(snapshot) == {"mine": 3}
    assert sorted(path.name for path in left_aside.parent.iterdir()) == ["index", "media"]


def test_killed_between_the_renames_no_empty_index_is_made_in_its_place(left_aside: Path) -> None:
    with pytest.raises(UsageError, match="already an index"):
        Catalog.create(left_aside, [left_aside.with_name("media")])
    with Catalog.open(left_aside) as catalog, catalog.read() as snapshot:
        assert counts(snapshot) == {"mine": 3}


def test_between_the_renames_of_a_run_that_lives_nobody_interferes(left_aside: Path) -> None:
    aside = left_aside.with_name("index.aside")
    with WriterLock(aside, "anyseek reindex"):
        for make in (
            lambda: Catalog.open(left_aside),
            lambda: Catalog.create(left_aside, [left_aside.with_name("media")]),
        ):
            with pytest.raises(IndexLocked):
                make()
    assert aside.exists()
    assert not left_aside.exists()


@pytest.mark.thorough
def test_killed_at_any_moment_one_of_the_two_indexes_answers_whole(made: Indexed) -> None:
    sample_files.fill(made.folder)
    for i in range(30):
        sample_files.text(made.folder / f"{i:02}.txt", f"red green {i}")
    made.run()
    index = made.catalog.folder
    expected = state(index)[1]

    def start(version: str, say_at: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", str(SCRIPT), str(index), version, str(say_at)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    n_calls = int(start("2", 0).communicate()[0])
    rng = random.Random(5)
    for _ in range(8):
        version = "2" if state(index)[0] == "words-1" else "1"
        kill_when_it_is_there(start(version, rng.randint(1, n_calls)))
        assert state(index)[1] == expected
    last = reindexing(index, WordEmbedder(version="end"), options=PLAIN)
    assert last.is_done
    assert state(index) == ("words-end", expected)
    assert check(index) == []
