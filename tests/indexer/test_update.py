"""Whole runs over real files: what a run does, counts and tells."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder
from folders import Indexed, indexed
from PIL import Image

from anyseek import indexer
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.vectors import VectorAppender
from anyseek.contracts import Modality
from anyseek.errors import DiskFull, IndexDamaged, IndexLocked, OtherModel, ReadOnlyIndex
from anyseek.indexer import IndexOptions
from anyseek.indexer import run as running
from anyseek.library.doctor import check_all
from anyseek.media.source import Source


def counted(report: object, *names: str) -> tuple[int, ...]:
    return tuple(getattr(report, name) for name in names)


CHANGES = ("new", "changed", "moved", "gone", "unchanged")


def test_a_folder_of_four_modalities(made: Indexed) -> None:
    sample_files.fill(made.folder)
    report = made.run()
    assert counted(report, *CHANGES, "seen", "embedded") == (13, 0, 0, 0, 0, 13, 13)
    assert report.segments == 15  # the tour has three windows
    assert report.skipped == {}
    assert not report.interrupted
    assert made.embedder.embedded == {
        Modality.TEXT: 3,
        Modality.IMAGE: 3,
        Modality.AUDIO: 6,
        Modality.DEPTH: 3,
    }
    with made.catalog.read() as snapshot:
        (tour,) = (record for record in snapshot.files() if record.path == "sounds/tour.wav")
        assert [part.span.start for part in snapshot.segments_of_file(tour.file_id)] == [0, 10, 20]
        last = snapshot.last_run()
        assert last is not None
        assert last.report == report
    assert check(made.catalog.folder) == []


def test_a_second_run_opens_nothing(made: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_files.fill(made.folder)
    (made.folder / "notes.bin").write_bytes(os.urandom(100))
    for path in made.folder.rglob("*.*"):
        os.utime(path, (1, 1))  # files as young as the run would be hashed once more
    made.run()
    opened: list[object] = []
    monkeypatch.setattr("anyseek.media.source.Source.open", lambda path: opened.append(path))
    report = made.run()
    assert counted(report, *CHANGES, "embedded") == (0, 0, 0, 0, 13, 0), "what is no media is not counted"
    assert report.seen == 14
    assert opened == []


def test_moved_copied_and_deleted_files_are_not_embedded_again(made: Indexed) -> None:
    sample_files.fill(made.folder)
    made.run()
    before, vectors = made.n_embedded, made.searchable
    (made.folder / "old").mkdir()
    for path in ("pictures", "sounds"):
        (made.folder / path).rename(made.folder / "old" / path)
    shutil.copy(made.folder / "notes" / "red.txt", made.folder / "copy of red.txt")
    (made.folder / "rooms" / "blue.npy").unlink()
    report = made.run()
    assert counted(report, *CHANGES) == (1, 0, 7, 1, 5)
    assert made.n_embedded == before
    after = made.searchable
    assert after["copy of red.txt"] == vectors["notes/red.txt"]
    assert after["old/sounds/tour.wav"] == vectors["sounds/tour.wav"]
    assert "rooms/blue.npy" not in after
    assert "pictures/red.png" not in after
    assert check(made.catalog.folder) == []


def test_equal_files_of_one_run_are_embedded_once(made: Indexed) -> None:
    for name in ("a.png", "b.png", "c.png"):
        sample_files.picture(made.folder / name, "red")
    sample_files.sound(made.folder / "d.wav", "red", "blue", "green")
    shutil.copy(made.folder / "d.wav", made.folder / "e.wav")
    report = made.run(batch=2)  # the recording comes in two tasks
    assert counted(report, "new", "embedded", "segments") == (5, 2, 4)
    found = made.searchable
    assert found["a.png"] == found["b.png"] == found["c.png"]
    assert found["d.wav"] == found["e.wav"]
    assert len(found["e.wav"]) == 3


def test_touched_files_cost_a_hash_and_changed_ones_an_embedding(made: Indexed) -> None:
    sample_files.fill(made.folder)
    made.run()
    before = made.n_embedded
    for path in made.folder.rglob("*.*"):
        os.utime(path)
    sample_files.text(made.folder / "notes" / "red.txt", "blue blu")  # of the same length
    sample_files.picture(made.folder / "pictures" / "red.png", "blue")
    report = made.run()
    assert counted(report, *CHANGES) == (0, 2, 0, 0, 11)
    assert made.n_embedded - before == 1  # the picture now equals another one
    assert made.searchable["pictures/red.png"] == made.searchable["pictures/blue.png"]
    assert made.run().changed == 0


def test_an_edit_within_one_tick_of_the_clock_is_found(made: Indexed) -> None:
    note = sample_files.text(made.folder / "note.txt", "red")
    made.run()
    facts = note.stat()
    with note.open("r+") as file:  # in place: same size, inode and, put back, time
        file.write("abc")
    os.utime(note, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert made.run().changed == 1
    with note.open("r+") as file:
        file.write("xyz")
    os.utime(note, ns=(1, 10**18))
    made.run()
    with note.open("r+") as file:
        file.write("red")
    os.utime(note, ns=(1, 10**18))  # an old time: that is trusted
    assert made.run().unchanged == 1


def test_an_interrupted_run_vouches_for_nothing(made: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as young as the last whole run stays in doubt until a run has really compared it."""
    note = sample_files.text(made.folder / "note.txt", "red")
    made.run(plain=True)
    facts = note.stat()
    with note.open("r+") as file:  # in place: same size, inode and, put back, time
        file.write("abc")
    os.utime(note, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with monkeypatch.context() as patch:
        patch.setattr("anyseek.indexer.run.time.time_ns", lambda: facts.st_mtime_ns + 60_000_000_000)
        assert indexer.update(made.catalog, made.embedder, stop=lambda: True).interrupted
    assert made.run(plain=True).changed == 1


def test_what_a_broken_off_first_run_committed_is_not_opened_again(
    made: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(6):
        os.utime(sample_files.text(made.folder / f"{i}.txt", f"word{i}"), (1, 1))
    made.embedder.fail = lambda modality, item: RuntimeError("out of memory") if "word4" in item else None
    with pytest.raises(RuntimeError, match="out of memory"):
        made.run(plain=True, batch=1, commit_s=0.0)
    made.embedder.fail = lambda modality, item: None
    hashed: list[str] = []
    digest = Source.digest
    monkeypatch.setattr(Source, "digest", lambda source: hashed.append(source.name) or digest(source))
    assert counted(made.run(plain=True), "new", "unchanged") == (2, 4)
    assert sorted(map(os.path.basename, made.read)) == ["4.txt", "5.txt"]
    assert hashed == []


def test_vectors_move_once_and_are_copied_for_the_rest(made: Indexed) -> None:
    old = sample_files.text(made.folder / "old.txt", "red")
    made.run(plain=True)
    number = made.records["old.txt"].file_id
    for name in ("one.txt", "two.txt"):
        shutil.copy(old, made.folder / name)
    old.unlink()
    before = made.n_embedded
    assert counted(made.run(plain=True), *CHANGES) == (1, 0, 1, 0, 0)
    assert made.n_embedded == before
    assert set(made.searchable) == {"one.txt", "two.txt"}
    assert number in {record.file_id for record in made.records.values()}
    assert check(made.catalog.folder) == []


def test_what_the_rules_begin_to_name_disappears(made: Indexed) -> None:
    sample_files.fill(made.folder)
    made.run(exclude=("rooms/",))
    assert not any(path.startswith("rooms") for path in made.searchable)
    (made.folder / ".anyseekignore").write_text("*.png\n")
    report = made.run()
    assert counted(report, "new", "gone") == (3, 3)
    assert not any(path.endswith(".png") for path in made.searchable)


def test_long_recordings_come_in_several_tasks_and_commits(made: Indexed) -> None:
    sample_files.sound(made.folder / "long.wav", *["red", "green", "blue"] * 5)
    sample_files.fill(made.folder)
    report = made.run(batch=2, commit_s=0.0)
    assert counted(report, "new", "segments") == (14, 30)
    red, green, blue = made.searchable["long.wav"][:3]
    assert made.searchable["long.wav"] == [red, green, blue] * 5
    assert len({red, green, blue}) == 3
    assert check(made.catalog.folder) == []


def test_a_recording_that_changes_between_two_tasks(made: Indexed) -> None:
    path = sample_files.sound(made.folder / "long.wav", *["red"] * 12)

    original = made.embedder.embed

    def embed(*arguments: object, **more: object) -> object:
        if path.stat().st_mtime_ns != 5:
            os.utime(path, ns=(5, 5))
        return original(*arguments, **more)  # type: ignore[arg-type]

    made.embedder.embed = embed  # type: ignore[method-assign, assignment]
    report = made.run(batch=1, commit_s=0.0)
    assert report.skipped == {"changed-while-read": 1}
    assert made.searchable == {}
    assert made.run(batch=1).new == 0  # known by now, and read to its end this time
    assert len(made.searchable["long.wav"]) == 12


def stored(made: Indexed) -> dict[Path, bytes]:
    """Every byte of the index, but for SQLite's note of who is reading."""
    files = (
        path for path in made.catalog.folder.rglob("*") if path.is_file() and path.suffix != ".sqlite-shm"
    )
    return {path: path.read_bytes() for path in files}


def test_a_dry_run_tells_and_writes_nothing(made: Indexed) -> None:
    sample_files.fill(made.folder)
    report = made.run(dry_run=True)
    assert counted(report, *CHANGES) == (13, 0, 0, 0, 0)
    assert ("new", "notes/red.txt") in made.planned
    assert made.records == {}
    made.run()
    before = stored(made)
    (made.folder / "notes" / "red.txt").rename(made.folder / "notes" / "rot.txt")
    (made.folder / "notes" / "blue.txt").unlink()
    sample_files.text(made.folder / "notes" / "green.txt", "other words")
    sample_files.text(made.folder / "more.txt", "more")
    report = made.run(dry_run=True)
    assert counted(report, *CHANGES) == (1, 1, 1, 1, 10)
    assert made.planned == {
        ("moved", "notes/rot.txt"),
        ("gone", "notes/blue.txt"),
        ("changed", "notes/green.txt"),
        ("new", "more.txt"),
    }
    assert stored(made) == before
    assert counted(made.run(), *CHANGES) == (1, 1, 1, 1, 10)


def test_a_dry_run_needs_neither_the_lock_nor_a_known_folder(made: Indexed, tmp_path: Path) -> None:
    sample_files.fill(tmp_path / "other")
    with made.catalog.lock("another"):
        report = made.run(dry_run=True, roots=[tmp_path / "other"])
    assert report.new == 13
    with made.catalog.read() as snapshot:
        assert len(snapshot.roots()) == 1


def test_progress_goes_from_scan_to_the_last_file(made: Indexed) -> None:
    sample_files.fill(made.folder)
    made.run()
    stages = [event.stage for event in made.events]
    assert stages == sorted(stages, key=["scan", "index"].index)
    last = made.events[-1]
    assert (last.done, last.total, last.skipped) == (13, 13, 0)
    done = [event.done for event in made.events if event.stage == "index"]
    assert done == sorted(done)
    assert {event.modality for event in made.events} >= {Modality.TEXT, Modality.IMAGE, Modality.AUDIO}


def test_stop_ends_after_the_batch_and_the_next_run_goes_on(made: Indexed) -> None:
    for i in range(40):
        sample_files.text(made.folder / f"{i:02}.txt", f"word{i}")
    sample_files.text(made.folder / "will be gone.txt", "gone")
    made.run(plain=True)
    (made.folder / "will be gone.txt").unlink()
    for i in range(40):
        sample_files.text(made.folder / f"{i:02}.txt", f"another{i}")
    seen_before = made.n_embedded
    stop = lambda: made.n_embedded - seen_before >= 8  # noqa: E731
    report = indexer.update(
        made.catalog,
        made.embedder,
        options=indexer.IndexOptions(batch=4, workers=1),
        stop=stop,
        pool_factory=made._plain_pool,
    )
    assert report.interrupted
    assert 8 <= report.changed < 40
    assert report.gone == 0
    assert "will be gone.txt" in made.searchable
    assert len(made.searchable) == 41
    after = made.run(plain=True)
    assert after.changed == 40 - report.changed
    assert after.gone == 1
    assert made.n_embedded - seen_before == 40


def test_a_stop_before_anything_deletes_nothing(made: Indexed) -> None:
    sample_files.fill(made.folder)
    made.run()
    report = indexer.update(made.catalog, made.embedder, stop=lambda: True)
    assert report.interrupted
    assert report.gone == 0
    assert len(made.searchable) == 13
    assert counted(made.run(), *CHANGES) == (0, 0, 0, 0, 13)


def test_what_the_model_raises_leaves_and_the_batches_before_stay(made: Indexed) -> None:
    for i in range(10):
        sample_files.text(made.folder / f"{i}.txt", f"word{i}")
    made.embedder.fail = lambda modality, item: RuntimeError("out of memory") if "word7" in item else None
    with pytest.raises(RuntimeError, match="out of memory"):
        made.run(plain=True, batch=1, commit_s=0.0)
    assert sorted(made.searchable) == [f"{i}.txt" for i in range(7)]
    made.embedder.fail = lambda modality, item: None
    assert counted(made.run(plain=True), "new", "unchanged") == (3, 7)


def test_a_full_disk_leaves_what_was_committed(made: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(10):
        sample_files.text(made.folder / f"{i}.txt", f"word{i}")
    n_appended = 0

    def append(appender: VectorAppender, halves: object) -> int:
        nonlocal n_appended
        n_appended += 1
        if n_appended > 6:
            raise DiskFull("There is no space left.")
        return original(appender, halves)  # type: ignore[arg-type]

    original = VectorAppender.append
    with monkeypatch.context() as patch:
        patch.setattr(VectorAppender, "append", append)
        with pytest.raises(DiskFull):
            made.run(plain=True, batch=1, commit_s=0.0)
    assert len(made.searchable) == 6
    assert made.run(plain=True).new == 4
    assert check(made.catalog.folder) == []


def test_modalities_that_the_model_lacks_are_counted_and_named(made: Indexed) -> None:
    made.embedder.modalities = (Modality.TEXT, Modality.IMAGE)
    sample_files.fill(made.folder)
    report = made.run()
    assert report.skipped == {"no-tower": 7}
    assert counted(report, "new", "embedded") == (6, 6)
    assert any("audio" in problem.reason for _, problem in made.told)
    assert any("depth" in problem.reason for _, problem in made.told)
    assert made.run().skipped == {}


def test_another_model_is_refused(made: Indexed) -> None:
    made.run()
    made.embedder = WordEmbedder(version="2")
    with pytest.raises(OtherModel, match="words-1"):
        made.run()


def test_another_writer_is_named_and_the_index_stays_readable(made: Indexed) -> None:
    sample_files.fill(made.folder)
    made.run()
    with made.catalog.lock("somebody else"), pytest.raises(IndexLocked, match="somebody else"):
        made.run()
    assert len(made.searchable) == 13


def test_a_read_only_index(made: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    made.run()
    opened = os.open

    def refuse(path: Any, flags: int, *mode: int, **options: Any) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(30, "Read-only file system")
        assert Path(path).name == "lock", "only the lock is opened"
        return opened(path, flags, *mode, **options)

    monkeypatch.setattr("anyseek.catalog.locking.os.open", refuse)
    with pytest.raises(ReadOnlyIndex):
        made.run()


def test_another_depth_unit_reads_depth_anew_and_is_kept(made: Indexed) -> None:
    sample_files.fill(made.folder)
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(made.folder / "wall.png")
    Image.fromarray(np.full((8, 8), 100, np.uint8)).save(made.folder / "eight_bits_depth.png")
    assert made.run().skipped == {"no-unit": 1}
    near = made.searchable["wall.png"]
    report = made.run(depth_unit=0.01)
    assert report.embedded == 5, "what failed for want of a unit too"
    assert made.searchable["wall.png"] != near
    far = made.searchable["wall.png"]
    assert made.run().embedded == 0
    Image.fromarray(np.full((8, 8), 1001, np.uint16)).save(made.folder / "wall.png")
    made.run()
    assert made.searchable["wall.png"] == far


def test_a_copy_is_not_taken_from_a_file_that_is_written_over_itself(made: Indexed) -> None:
    """Both copies are of one commit, and the first one goes where the second one would be taken from."""
    Image.new("RGB", (64, 64), "lime").save(made.folder / "a.png")
    Image.new("RGB", (8, 8), "red").save(made.folder / "red.png")
    os.utime(
        made.folder / "red.png", (1, 1)
    )  # not young: its content is not known by a hash before it is decoded
    made.run()
    before = made.searchable
    shutil.copy(made.folder / "a.png", made.folder / "b.bmp")  # read by its content, but not taken for moved
    shutil.copy(made.folder / "red.png", made.folder / "a.png")
    made.run()
    after = made.searchable
    assert after["a.png"] == before["red.png"]
    assert after["b.bmp"] == before["a.png"] != before["red.png"]


def test_a_copy_is_not_taken_from_vectors_of_another_depth_unit(made: Indexed) -> None:
    """The old vectors of `wall.png` are about to be made anew when its copy comes first."""
    wall = made.folder / "wall.png"
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(wall)
    made.run()
    near = made.searchable["wall.png"]
    shutil.copy(wall, made.folder / "a copy.png")
    made.run(depth_unit=0.01)
    found = made.searchable
    assert found["a copy.png"] == found["wall.png"] != near


def test_nor_from_another_root_that_is_not_read_anew(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(one / "wall.png")
    with indexed(one, tmp_path / "index") as both:
        both.run()
        two.mkdir()
        shutil.copy(one / "wall.png", two / "copy.png")
        both.run(roots=[two], depth_unit=0.01)
        found = both.searchable
    assert found["copy.png"] != found["wall.png"]


def test_empty_and_mediocre_folders(made: Indexed) -> None:
    assert counted(made.run(), "seen", *CHANGES) == (0, 0, 0, 0, 0, 0)
    (made.folder / "program.py").write_text("print()")
    (made.folder / "archive.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    report = made.run()
    assert counted(report, "seen", "new") == (2, 0)
    assert report.skipped == {}
    assert made.searchable == {}


@pytest.mark.thorough
@pytest.mark.own_process
def test_many_runs_leave_nothing_open(made: Indexed) -> None:
    import threading

    sample_files.text(made.folder / "a.txt", "red")
    made.run(plain=True)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for i in range(20):
        sample_files.text(made.folder / "a.txt", f"word{i}")
        made.run(plain=True)
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_names_that_are_not_text(made: Indexed) -> None:
    strange = [b"\xff\xfe.txt", b"line\nbreak.txt", "é 猫.txt".encode(), b"-rf.txt"]
    for i, name in enumerate(strange):
        Path(os.fsdecode(os.fsencode(made.folder) + b"/" + name)).write_text(f"word{i}")
    assert made.run().new == 4
    assert set(made.searchable) == {os.fsdecode(name) for name in strange}
    assert made.run().unchanged == 4


@pytest.mark.slow
def test_a_hundred_thousand_unchanged_files_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    for i in range(100_000):
        if i % 1000 == 0:
            (folder / f"d{i // 1000}").mkdir()
        path = folder / f"d{i // 1000}" / f"{i}.txt"
        path.write_text(f"word{i % 7}")
        os.utime(path, (1, 1))
    with Catalog.create(tmp_path / "index", [folder]) as catalog:
        both = Indexed(folder, catalog)
        assert both.run(plain=True).seen == 100_000
        assert both.n_embedded == 7
        monkeypatch.setattr(Source, "open", lambda path: pytest.fail(f"{path} was opened"))
        assert both.run(plain=True).unchanged == 100_000


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_a_worker_keeps_as_many_files_open_as_a_run_has_going_on(workers: int) -> None:
    """All may be in the hands of one worker: a file that it closes in between is read from its start again."""
    options = IndexOptions(workers=workers)
    with running._new_pool({}, options) as pool:
        assert pool._setting.most_readings == options.most_open() == workers + 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("damage", ["deleted", "emptied", "halved"])
@pytest.mark.parametrize("is_dry_run", [False, True])
def test_an_index_whose_vectors_are_not_all_there_is_not_called_fine(
    made: Indexed, damage: str, is_dry_run: bool
) -> None:
    sample_files.fill(made.folder)
    made.run(plain=True)
    (vectors,) = (made.catalog.folder / "vectors").iterdir()
    if damage == "deleted":
        vectors.unlink()
    else:
        os.truncate(vectors, 0 if damage == "emptied" else vectors.stat().st_size // 2)
    sample_files.text(made.folder / "new.txt", "red")
    with pytest.raises(IndexDamaged, match="gone" if damage == "deleted" else "cut off") as caught:
        made.run(plain=True, dry_run=is_dry_run)
    assert "doctor --repair" in caught.value.hint
    assert check_all(made.catalog.folder, repair=True) == []
    assert (made.run(plain=True).new, len(made.searchable)) == (1, 14)


def test_no_writer_leaves_a_hole_where_vectors_were_lost(tmp_path: Path) -> None:
    path = tmp_path / "vectors" / "1.0.f16"
    path.parent.mkdir()
    path.write_bytes(bytes(16))
    appender = VectorAppender(path, 8, 4)
    try:
        with pytest.raises(IndexDamaged, match="cut off: 16 bytes of 64"):
            appender.append(np.zeros((1, 8), np.float16))
    finally:
        appender.close()
    assert path.read_bytes() == bytes(16)
