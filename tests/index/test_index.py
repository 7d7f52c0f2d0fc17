"""Making, finding and keeping an index."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sample_files
from fakes import WordEmbedder
from ran import ANYSEEK

import anyseek
from anyseek import indexer
from anyseek.catalog.catalog import Catalog, WriterLock
from anyseek.contracts import Modality, Report
from anyseek.errors import (
    IndexDamaged,
    IndexLocked,
    IndexNotFound,
    ModelNotFound,
    NewerFormat,
    OtherModel,
    RootUnavailable,
    UsageError,
)
from anyseek.indexer import IndexOptions
from anyseek.workspace import open_or_create


def add(folder: Path) -> anyseek.Report:
    with anyseek.open(folder, model=WordEmbedder()) as index:
        return index.add(workers=1)


def first(folder: Path, words: str, to: str = "image") -> str:
    with anyseek.open(folder, model=WordEmbedder()) as index:
        return index.search(words, to=to, k=1)[0].path


def test_create_makes_an_empty_index_inside_and_add_fills_it(tmp_path: Path) -> None:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        assert index.folder == folder / ".anyseek"
        assert index.model.name == "words"
        empty = index.search("red")
        assert (len(empty), len(empty.missing), empty.available) == (0, 4, ())
        assert index.n_segments == 0
        report = index.add(workers=1)
        assert (report.new, report.segments, report.skipped) == (13, 15, {})
        assert index.n_segments == 15
        assert first(folder, "red") == str(folder / "pictures/red.png")


@pytest.mark.parametrize("has_mode", [False, True])
def test_what_an_older_program_left_of_a_creation_is_replaced(tmp_path: Path, has_mode: bool) -> None:
    """`anyseek index FOLDER`, killed while it made the catalog, ended with 10 for ever."""
    place = tmp_path / "media" / ".anyseek"
    place.mkdir(parents=True)
    (place / "catalog.sqlite").touch()
    if has_mode:  # no tables yet
        with closing(sqlite3.connect(place / "catalog.sqlite")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    for name in (".catalog.sqlite.new", ".catalog.sqlite.new-journal", "..gitignore.part"):
        (place / name).write_bytes(b"unfinished")
    with pytest.raises(IndexNotFound, match="There is no index"):
        anyseek.open(tmp_path / "media")
    with open_or_create([tmp_path / "media"], model=WordEmbedder()) as index:
        assert index.status().files == {}
    assert sorted(os.listdir(place)) == [".gitignore", "CACHEDIR.TAG", "catalog.sqlite", "lock"]
    assert anyseek.check(tmp_path / "media") == []


def test_who_makes_an_index_while_another_process_does_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".anyseek").mkdir()
    with WriterLock(tmp_path / ".anyseek", "create"), pytest.raises(IndexLocked):
        anyseek.create(tmp_path, model=WordEmbedder())


def test_processes_that_make_the_same_index_at_once(tmp_path: Path) -> None:
    """The second of two first runs ended with 2, a wrong call, instead of 11 or 0."""
    (tmp_path / "a.txt").write_text("rain on a roof\n")
    running = [subprocess.Popen([ANYSEEK, "index", tmp_path, "-q"], stderr=subprocess.PIPE) for _ in range(4)]
    codes = {process.wait() for process in running for _ in [process.communicate()]}
    assert 0 in codes
    assert codes <= {0, 11}
    assert anyseek.check(tmp_path) == []


def test_an_index_elsewhere_over_several_folders(tmp_path: Path) -> None:
    one, two = sample_files.fill(tmp_path / "one"), tmp_path / "two"
    two.mkdir()
    sample_files.picture(two / "deep.png", "blue")
    with anyseek.create(one, two, index=tmp_path / "elsewhere", model=WordEmbedder()) as index:
        assert index.add(workers=1).new == 14
        assert not (one / ".anyseek").exists()
    with anyseek.open(index=tmp_path / "elsewhere", model=WordEmbedder()) as index:
        assert {Path(hit.path).parent.name for hit in index.search("blue", to="image", k=2)} == {
            "pictures",
            "two",
        }
        assert len(index.search("blue", in_=two)) == 1


def test_add_takes_in_another_folder_and_then_updates_all(media: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    sample_files.picture(more / "a.png", "red")
    with anyseek.open(media, model=WordEmbedder()) as index:
        assert index.add(more, workers=1).new == 1
        sample_files.picture(more / "b.png", "red")
        sample_files.picture(media / "c.png", "red")
        assert index.add(workers=1).new == 2
        assert len(index.status().roots) == 2


@pytest.mark.parametrize("below", ["", "pictures", ".anyseek"])
def test_the_nearest_index_upward_is_found(media: Path, below: str) -> None:
    with anyseek.open(media / below) as index:
        assert index.folder == media / ".anyseek"


@pytest.mark.parametrize("place", ["", ".anyseek"])
def test_an_index_is_named_by_itself_or_by_the_folder_that_it_is_in(media: Path, place: str) -> None:
    with anyseek.open(index=media / place) as index:
        assert index.folder == media / ".anyseek"
    with open_or_create([media], index=media / place) as index:
        assert index.folder == media / ".anyseek"


def test_a_nearer_index_wins(media: Path) -> None:
    anyseek.create(media / "pictures", model=WordEmbedder()).close()
    with anyseek.open(media / "pictures") as index:
        assert index.folder == media / "pictures/.anyseek"


def test_no_index_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound) as caught:
        anyseek.open(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert "anyseek index" in caught.value.hint
    with pytest.raises(IndexNotFound):
        anyseek.open(index=tmp_path)


def test_folders_that_are_none(tmp_path: Path, media: Path) -> None:
    file = sample_files.text(tmp_path / "file.txt", "red")
    with pytest.raises(UsageError, match=r"file\.txt is a file"):
        anyseek.create(file)
    with pytest.raises(UsageError, match="no folder"):
        anyseek.create(tmp_path / "nowhere")
    with anyseek.open(media, model=WordEmbedder()) as index, pytest.raises(UsageError, match="no folder"):
        index.add(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="already"):
        anyseek.create(media, model=WordEmbedder())
    with pytest.raises(UsageError):
        anyseek.create(media, index=file, model=WordEmbedder())


@pytest.mark.parametrize(
    "call",
    [
        lambda index: anyseek.open(""),
        lambda index: anyseek.open(index=""),
        lambda index: anyseek.create(""),
        lambda index: anyseek.create(index.folder.parent, ""),
        lambda index: anyseek.create(index.folder.parent, index=""),
        lambda index: anyseek.check(""),
        lambda index: anyseek.check(index=""),
        lambda index: index.add(""),
        lambda index: index.forget(""),
        lambda index: index.search("red", in_=""),
        lambda index: index.search(image=""),
        lambda index: index.search(like=""),
        lambda index: index.similar(""),
        lambda index: index.modality_of(""),
        lambda index: index.tags.add("best", ""),
        lambda index: index.tags.remove("best", ""),
        lambda index: index.tags.export(""),
        lambda index: index.tags.import_(""),
        lambda index: index.library.map(""),
        lambda index: index.library.export(""),
        lambda index: index.library.import_(""),
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    media: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[anyseek.Index], object]
) -> None:
    monkeypatch.chdir(media)
    with anyseek.open(media, model=WordEmbedder()) as index:
        with pytest.raises(UsageError, match="The path is empty"):
            call(index)
        assert index.roots() == [media]
        assert not index.tags.counts()


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_filter_is_not_left_out(media: Path, blank: str) -> None:
    with anyseek.open(media, model=WordEmbedder()) as index:
        with pytest.raises(UsageError, match="The filter is empty"):
            index.search("red", where=blank)
        with pytest.raises(UsageError, match="modality"):
            index.search("red", to=blank)


def test_another_version_of_the_model_is_refused_by_name_and_fingerprint(media: Path) -> None:
    for other in (WordEmbedder(version="2"), WordEmbedder(name="others")):
        with pytest.raises(OtherModel) as caught:
            anyseek.open(media, model=other)
        assert "words-1" in caught.value.message
        assert other.card.fingerprint in caught.value.message
        assert ("another version of the model words" in caught.value.message) is (other.name == "words")
        assert f"anyseek reindex --model {other.name}" in (caught.value.hint or "")


def test_a_model_that_is_not_here(media: Path, tmp_path: Path) -> None:
    with anyseek.open(media) as index:  # the index was made by "words", which is not registered
        assert index.similar(media / "pictures/red.png")
        assert index.status().model == index.model
        with pytest.raises(ModelNotFound):
            index.search("red")
    with pytest.raises(ModelNotFound):
        anyseek.open(media, model="nonesuch")
    with pytest.raises(ModelNotFound):
        anyseek.create(tmp_path, model="nonesuch")
    assert not (tmp_path / ".anyseek").exists()


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"depth_unit": 0.0}, {"depth_unit": float("nan")}])
def test_options_of_add_that_make_no_sense(media: Path, wrong: dict[str, float]) -> None:
    with anyseek.open(media, model=WordEmbedder()) as index, pytest.raises(UsageError):
        index.add(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        IndexOptions(**wrong)  # type: ignore[arg-type]


def test_reindex_refuses_what_add_refuses(media: Path) -> None:
    with pytest.raises(UsageError, match="decoding processes cannot be -1"):
        anyseek.reindex(media, model=WordEmbedder(version="2"), workers=-1)


def test_after_a_reindex_the_chosen_store_answers(media: Path) -> None:
    pytest.importorskip("faiss")
    with anyseek.open(media, model=WordEmbedder()) as index:
        index.store.set("faiss")
        before = index.store.state()
    anyseek.reindex(media, model=WordEmbedder(version="2"), workers=1)
    assert anyseek.check(media) == []
    with anyseek.open(media, model=WordEmbedder(version="2")) as index:
        assert index.store.state() == before
        assert index.search("red", to="image").remarks == ()


def test_an_index_moves_with_its_folder(media: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(media, moved)
    assert first(moved, "green") == str(moved / "pictures/green.png")


def test_readers_go_on_while_a_writer_holds_the_index(media: Path) -> None:
    with Catalog.open(media / ".anyseek") as catalog, catalog.lock("a long run"):
        assert first(media, "red")
        with anyseek.open(media) as index:
            assert "a long run" in index.status().writer
        with pytest.raises(IndexLocked) as caught:
            add(media)
        assert str(os.getpid()) in caught.value.message
    with anyseek.open(media) as index:
        assert index.status().writer == ""


def test_an_index_of_a_newer_format_is_refused(media: Path) -> None:
    import sqlite3

    with sqlite3.connect(media / ".anyseek/catalog.sqlite") as catalog:
        catalog.execute("UPDATE index_info SET value = '99' WHERE name = 'format'")
        catalog.execute("PRAGMA user_version = 99")
    catalog.close()
    with pytest.raises(NewerFormat):
        anyseek.open(media)


def test_an_unplugged_folder_loses_nothing(media: Path, tmp_path: Path) -> None:
    index_dir = tmp_path / "elsewhere"
    with anyseek.create(media, index=index_dir, model=WordEmbedder()) as index:
        index.add(workers=1)
    media.rename(tmp_path / "unplugged")
    with anyseek.open(index=index_dir, model=WordEmbedder()) as index:
        for folders in ([], [media]):
            with pytest.raises(RootUnavailable) as caught:
                index.add(*folders, workers=1)
            assert str(media) in caught.value.message
        assert index.search("red", to="image", k=1)[0].path == str(media / "pictures/red.png")
        assert len(index.search("red", in_=media / "pictures", k=9)) == 3
        status = index.status()
        assert not status.roots[0].is_there
        assert (status.missing, status.gone) == (13, 0)


def test_the_store_follows_what_was_indexed_while_another_folder_is_away(media: Path, tmp_path: Path) -> None:
    pytest.importorskip("qdrant_edge")
    other = tmp_path / "other"
    other.mkdir()
    sample_files.text(other / "a.txt", "red")
    with anyseek.create(media, other, index=tmp_path / "elsewhere", model=WordEmbedder()) as index:
        index.add(workers=1)
        index.store.set("qdrant")
        other.rename(tmp_path / "unplugged")
        sample_files.text(media / "new.txt", "green")
        with pytest.raises(RootUnavailable) as caught:
            index.add(workers=1)
        assert isinstance(caught.value.report, Report)
        assert (caught.value.report.new, caught.value.report.unchanged) == (1, 13)
        state = index.store.state()
        assert state is not None
        assert (state.rows, state.of) == (17, 17)


def test_a_run_that_is_done_succeeds_though_another_writer_has_the_index_by_then(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with anyseek.open(media, model=WordEmbedder()) as index, ExitStack() as another:
        update = indexer.update

        def then_locked(*arguments: Any, **options: Any) -> Report:
            report = update(*arguments, **options)
            another.enter_context(WriterLock(index.folder, "another"))
            return report

        monkeypatch.setattr(indexer, "update", then_locked)
        sample_files.text(media / "new.txt", "green")
        report = index.add(workers=1)
        assert report.new == 1
        (remark,) = report.remarks
        assert "another" in remark
        assert "The index itself is up to date" in remark


# ---------------------------------------------------------------- status and doctor


def test_status_counts_what_is_there_and_what_changed(media: Path) -> None:
    with anyseek.open(media) as index:
        status = index.status()
    assert status.files == {"text": 3, "image": 3, "audio": 4, "depth": 3}
    assert status.segments == {"text": 3, "image": 3, "audio": 6, "depth": 3}
    assert status.skipped == {}
    assert status.model is not None
    assert status.model.name == "words"
    assert status.last_run is not None
    assert status.last_run.report is not None
    assert status.last_run.report.new == 13
    assert status.size_bytes > 10_000


def test_status_tells_stale_files_and_reasons(media: Path) -> None:
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    report = add(media)
    assert sum(report.skipped.values()) == 1
    (media / "notes/red.txt").write_text("green now")
    (media / "notes/blue.txt").unlink()
    with anyseek.open(media) as index:
        status = index.status()
        assert (status.changed, status.gone) == (1, 1)
        assert (index.status(look=False).changed, index.status(look=False).gone) == (None, None)
    (skipped,) = status.problems
    assert (skipped.path, {skipped.code: 1}) == (str(media / "broken.jpg"), status.skipped)
    assert "broken.jpg" in skipped.reason


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_status_does_not_call_gone_what_it_cannot_see(
    media: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.lstat

    def lstat(path: Any, **how: Any) -> os.stat_result:
        if os.fsencode(path).endswith(b"red.txt"):
            raise OSError(number, os.strerror(number), path)
        return real(path, **how)

    with anyseek.open(media) as index:
        monkeypatch.setattr("anyseek.library.status.os.lstat", lstat)
        status = index.status()
    assert status.gone == 0


def test_doctor_finds_nothing_wrong_and_then_something(media: Path) -> None:
    with anyseek.open(media) as index:
        assert index.library.check() == []
    (vectors,) = (media / ".anyseek/vectors").iterdir()
    data = bytearray(vectors.read_bytes())
    data[0:64] = bytes(64)
    vectors.write_bytes(data)
    assert anyseek.check(media)
    assert anyseek.check(media, repair=True) == []
    assert anyseek.check(media, mend=True) == []  # its older name
    assert add(media).embedded >= 1
    assert first(media, "red")


def test_check_takes_an_index_that_cannot_be_opened(media: Path) -> None:
    catalog = media / ".anyseek/catalog.sqlite"
    catalog.write_bytes(b"not a catalog" * 500)
    with pytest.raises(IndexDamaged):
        anyseek.open(media)
    assert anyseek.check(media)


def test_dry_run_counts_and_writes_nothing(media: Path) -> None:
    sample_files.picture(media / "new.png", "red")
    planned = []
    with anyseek.open(media, model=WordEmbedder()) as index:
        report = index.add(
            dry_run=True, workers=1, progress=lambda progress: planned.extend(progress.planned)
        )
        assert (report.new, report.unchanged) == (1, 13)
        assert planned == [("new", str(media / "new.png"))]
        assert index.status().files[Modality.IMAGE] == 3


def test_add_can_be_stopped_and_goes_on(tmp_path: Path) -> None:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        assert index.add(workers=1, stop=lambda: True).interrupted
        assert not index.add(workers=1).interrupted
        assert sum(index.status().files.values()) == 13


def test_a_folder_is_forgotten_where_the_model_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        index.add(workers=1)

        def gone() -> None:
            raise ModelNotFound("The model words is not on this disk.")

        monkeypatch.setattr(index, "_embedder", gone)
        forgotten = index.forget(folder)
        assert (forgotten.files, forgotten.remarks) == (13, ())
        assert index.n_segments == 0
