"""Files that cannot be indexed: each costs itself, with its reason, and nothing else."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import sample_files
from folders import Indexed, indexed
from PIL import Image

from anyseek.catalog.check import check
from anyseek.contracts import FileState, Limits
from anyseek.errors import RootUnavailable
from anyseek.library.status import status


def fill_with_bad_files(folder: Path) -> dict[str, str]:
    """What each is to be called."""
    sample_files.picture(folder / "cut.jpg", "red")
    Image.effect_noise((200, 200), 90).convert("RGB").save(folder / "cut.jpg", "JPEG")
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "zip.jpg").write_bytes(b"PK\x03\x04 this is no picture")
    (folder / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "empty.png").write_bytes(b"")
    np.save(folder / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    header = (sample_files.sound(folder / "header.wav", "red")).read_bytes()[:44]
    (folder / "header.wav").write_bytes(header)
    png = bytearray(sample_files.picture(folder / "sum.png", "blue").read_bytes())
    png[png.index(b"IDAT") + 6] ^= 0xFF
    (folder / "sum.png").write_bytes(png)
    return {
        "cut.jpg": "truncated",
        "zip.jpg": "mislabelled",
        "noise.mp3": "mislabelled",
        "empty.png": "empty",
        "pickled.npy": "pickled",
        "header.wav": "",
        "sum.png": "",
    }


def test_each_has_its_reason_and_the_rest_goes_on(made: Indexed) -> None:
    expected = fill_with_bad_files(made.folder)
    os.mkfifo(made.folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        before = Path.cwd()
        os.chdir(made.folder)
        listener.bind("socket.wav")
        os.chdir(before)
        sample_files.fill(made.folder)
        report = made.run()
    told = {os.path.basename(path): code for path, code in made.problems.items()}
    assert set(told) == set(expected)
    assert all(told[name] == code for name, code in expected.items() if code), told
    assert sum(report.skipped.values()) == len(expected)
    assert report.embedded == 13
    assert made.events[-1].done == made.events[-1].total == 20
    for path, problem in made.told:
        assert os.path.basename(path) in problem.reason
        record = made.records[os.path.relpath(path, made.folder)]
        assert record.state is FileState.FAILED
        assert record.problem == problem


def test_a_known_problem_is_neither_tried_nor_told_again(made: Indexed) -> None:
    expected = fill_with_bad_files(made.folder)
    made.run()
    report = made.run(plain=True)  # would count what it reads
    assert made.read == []
    assert report.skipped == {}
    assert (report.unchanged, report.known_problems) == (0, len(expected))
    assert made.problems == {}


def test_it_is_tried_again_on_request_and_when_the_file_changes(made: Indexed) -> None:
    fill_with_bad_files(made.folder)
    first = made.run()
    assert made.run(retry_failed=True).skipped == first.skipped  # tried at the user's wish, so told again
    sample_files.picture(made.folder / "zip.jpg", "red")
    report = made.run()
    assert report.changed == 1
    assert "zip.jpg" in made.searchable
    assert made.records["zip.jpg"].problem is None


def test_a_good_file_that_goes_bad_leaves_the_results(made: Indexed) -> None:
    path = sample_files.picture(made.folder / "a.png", "red")
    good = path.read_bytes()
    made.run()
    before = made.n_embedded
    path.write_bytes(b"no picture any more")
    assert made.run().skipped == {"mislabelled": 1}
    assert made.searchable == {}
    path.write_bytes(good)
    made.run()
    assert list(made.searchable) == ["a.png"]
    assert made.n_embedded == before, "its old vectors were kept for this"


def test_limits(made: Indexed) -> None:
    sample_files.fill(made.folder)
    Image.new("RGB", (300, 300)).save(made.folder / "large.png")
    report = made.run(limits=Limits(max_pixels=80_000))
    assert report.skipped == {"too-many-pixels": 1}
    assert report.embedded == 13


def test_a_file_that_vanishes_between_scan_and_read(made: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_files.fill(made.folder)
    doomed = sample_files.text(made.folder / "doomed.txt", "red")
    monkeypatch.setattr("anyseek.indexer.run.match_content", _after(lambda: doomed.unlink()))
    report = made.run()
    assert report.skipped == {"vanished": 1}
    assert made.problems == {str(doomed): "vanished"}
    assert "doomed.txt" not in made.records
    assert len(made.searchable) == 13


def test_a_file_that_grows_between_scan_and_read(made: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    growing = sample_files.text(made.folder / "growing.txt", "red")
    with monkeypatch.context() as patch:
        patch.setattr(
            "anyseek.indexer.run.match_content", _after(lambda: growing.write_text("red green blue"))
        )
        made.run()
    assert made.records["growing.txt"].size == len("red green blue"), "the facts are those of what was read"
    before = made.n_embedded
    assert made.run().unchanged == 1
    assert made.n_embedded == before


def _after(act: object) -> object:
    from anyseek.indexer.content_match import match_content

    def instead(*arguments: object) -> None:
        match_content(*arguments)  # type: ignore[arg-type]
        act()  # type: ignore[operator]

    return instead


# ---------------------------------------------------------------- permissions, for real


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may read anything, so a test that runs as root becomes somebody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def owned() -> Iterator[Indexed]:
    """An index that the user of `without_rights` owns, in a place that he can reach."""
    base = Path(mkdtemp())
    base.chmod(0o777)
    with without_rights(), indexed(base / "media", base / "index") as both:
        yield both
    os.system(f"rm -rf {base}")


def test_an_unreadable_folder_loses_nothing(owned: Indexed) -> None:
    with without_rights():
        sample_files.fill(owned.folder)
        owned.run(plain=True)
        (owned.folder / "notes").chmod(0)
        (owned.folder / "pictures" / "red.png").unlink()
        report = owned.run(plain=True)
        assert report.gone == 1
        assert report.skipped == {"unreadable": 1}
        assert owned.problems == {f"{owned.folder}/notes/": "unreadable"}
        assert len(owned.searchable) == 12
        assert owned.records["notes/red.txt"].state is FileState.MISSING
        again = owned.run(plain=True)
        assert (again.skipped, again.known_problems) == ({}, 1), "known by now, and still counted"
        assert skipped_in_status(owned) == {f"{owned.folder}/notes/": "unreadable"}
        (owned.folder / "notes").chmod(0o700)
        assert owned.run(plain=True).embedded == 0
        assert owned.records["notes/red.txt"].state is FileState.OK
        assert skipped_in_status(owned) == {}


def skipped_in_status(made: Indexed) -> dict[str, str]:
    overview = status(made.catalog)
    assert overview.skipped == Counter(one.code for one in overview.problems)
    return {one.path: one.code for one in overview.problems}


def test_a_folder_that_may_be_listed_and_not_entered_stays_skipped(owned: Indexed) -> None:
    """Names can be seen in it, and nothing be said of them: it is one place that cannot be read."""
    with without_rights():
        sample_files.fill(owned.folder)
        notes = owned.folder / "notes"
        notes.chmod(0o644)
        assert owned.run(plain=True).skipped == {"unreadable": 1}
        assert owned.problems == {f"{notes}/": "unreadable"}
        again = owned.run(plain=True)
        assert (again.skipped, again.known_problems, again.unchanged) == ({}, 1, 10)
        assert owned.problems == {}
        assert skipped_in_status(owned) == {f"{notes}/": "unreadable"}
        assert owned.run(plain=True, retry_failed=True).skipped == {"unreadable": 1}, "who asks is told"
        notes.chmod(0o755)
        assert owned.run(plain=True).new == 3
        assert skipped_in_status(owned) == {}


def test_a_path_too_long_for_the_system_stays_skipped(made: Indexed) -> None:
    sample_files.text(made.folder / "short.txt", "red")
    folder = os.open(made.folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open("a.txt", os.O_CREAT, dir_fd=folder))
    os.close(folder)
    assert made.run(plain=True).skipped == {"unreadable": 1}
    again = made.run(plain=True)
    assert (again.skipped, again.known_problems, again.unchanged) == ({}, 1, 1)
    (problem,) = status(made.catalog).problems
    assert problem.path.endswith("/a.txt")
    assert "cannot be read: File name too long." in problem.reason


def test_a_run_of_one_folder_forgets_nothing_of_another(owned: Indexed) -> None:
    with without_rights():
        other = owned.folder.parent / "other"
        other.mkdir()
        sample_files.text(other / "blue.txt", "blue")
        sample_files.fill(owned.folder)
        (owned.folder / "notes").chmod(0)
        owned.run(plain=True, roots=[owned.folder, other])
        assert owned.run(plain=True, roots=[other]).known_problems == 0
        assert skipped_in_status(owned) == {f"{owned.folder}/notes/": "unreadable"}
        assert owned.run(plain=True).skipped == {}
        (owned.folder / "notes").chmod(0o755)


def test_an_unreadable_root_loses_nothing(owned: Indexed) -> None:
    with without_rights():
        sample_files.fill(owned.folder)
        owned.run(plain=True)
        try:
            for mode in (0, 0o644):
                owned.folder.chmod(mode)
                with pytest.raises(RootUnavailable, match="cannot be read"):
                    owned.run(plain=True)
        finally:
            owned.folder.chmod(0o700)
        assert len(owned.searchable) == 13
        assert {record.state for record in owned.records.values()} == {FileState.MISSING}
        assert owned.run(plain=True).unchanged == 13


def test_an_unreadable_file_comes_back_when_it_may_be_read(owned: Indexed) -> None:
    with without_rights():
        note = sample_files.text(owned.folder / "note.txt", "red")
        other = sample_files.text(owned.folder / "other.txt", "blue")
        other.chmod(0)
        assert owned.run(plain=True).skipped == {"unreadable": 1}
        assert owned.run(plain=True).known_problems == 1
        note.chmod(0)
        note.touch() if os.access(note, os.W_OK) else os.utime(note)
        assert owned.run(plain=True).skipped == {"unreadable": 1}
        assert owned.searchable == {}
        before = owned.n_embedded
        note.chmod(0o600)
        other.chmod(0o600)
        owned.run(plain=True)
        assert set(owned.searchable) == {"note.txt", "other.txt"}
        assert owned.n_embedded - before == 1, "the note's vectors were kept"
        assert check(owned.catalog.folder) == []
