"""A drive below a root that is not there: its files are missing, not gone; and who deletes files is not asked."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import sample_files
from folders import Indexed

from anyseek.catalog.tags import counts, tag
from anyseek.contracts import FileState
from anyseek.indexer import emptied, scan


def fill(folder: Path, n: int) -> Path:
    (folder / "deep").mkdir(parents=True)
    for i in range(n):
        sample_files.text(folder / "deep" / f"{i:02}.txt", f"{folder.name} {i}")
    return folder


def remarks(made: Indexed) -> list[str]:
    return [text for event in made.events for text in event.remarks]


def missing(made: Indexed) -> set[str]:
    return {path for path, record in made.records.items() if record.state is FileState.MISSING}


@pytest.fixture
def drive(made: Indexed) -> Path:
    """A folder of three files with a tag, in a root with other files."""
    sample_files.text(made.folder / "home.txt", "red")
    folder = fill(made.folder / "usb", 3)
    made.run(plain=True)
    tag(made.catalog, [folder], "Holiday")
    return folder


def test_files_of_a_folder_that_became_an_empty_one_are_missing_until_they_return(
    made: Indexed, drive: Path
) -> None:
    before, n_embedded = made.searchable, made.n_embedded
    drive.rename(made.folder.parent / "away")
    drive.mkdir()
    dry = made.run(plain=True, dry_run=True)
    assert dry.gone == 0
    assert made.planned == {("missing", "usb")}
    report = made.run(plain=True)
    assert (report.gone, report.unchanged) == (0, 1)
    (remark,) = remarks(made)
    assert report.remarks == dry.remarks == (remark,)
    assert str(drive) in remark
    assert "3 files" in remark
    assert "anyseek index --prune" in remark
    assert (made.searchable, len(missing(made))) == (before, 3)
    made.run(plain=True)
    assert remarks(made) == [], "once is enough"
    assert (made.searchable, len(missing(made))) == (before, 3)
    drive.rmdir()
    (made.folder.parent / "away").rename(drive)
    assert made.run(plain=True).unchanged == 4
    assert (missing(made), made.n_embedded) == (set(), n_embedded)
    with made.catalog.read() as snapshot:
        assert counts(snapshot) == {"Holiday": 3}


def test_prune_deletes_them_and_their_tags_return_with_the_content(made: Indexed, drive: Path) -> None:
    away = made.folder.parent / "away"
    drive.rename(away)
    drive.mkdir()
    made.run(plain=True)
    assert made.run(plain=True, dry_run=True, prune=True).gone == 3
    assert made.planned == {("gone", f"usb/deep/{i:02}.txt") for i in range(3)}
    assert made.run(plain=True, prune=True).gone == 3
    assert set(made.searchable) == {"home.txt"}
    shutil.copytree(away, made.folder / "elsewhere")
    assert made.run(plain=True).new == 3
    with made.catalog.read() as snapshot:
        assert counts(snapshot) == {"Holiday": 3}


def test_who_empties_a_folder_of_a_few_files_means_it(made: Indexed, drive: Path) -> None:
    shutil.rmtree(drive / "deep")
    assert made.run(plain=True).gone == 3
    assert (remarks(made), set(made.searchable)) == ([], {"home.txt"})


def test_a_folder_that_held_many_files_and_is_empty_needs_a_prune(made: Indexed) -> None:
    folder = fill(made.folder / "inbox", emptied.MANY)
    made.run(plain=True)
    shutil.rmtree(folder / "deep")
    assert made.run(plain=True).gone == 0
    assert len(missing(made)) == emptied.MANY
    sample_files.text(folder / "new.txt", "blue")  # then it is no drive that is not there
    assert made.run(plain=True).gone == emptied.MANY
    assert set(made.searchable) == {"inbox/new.txt"}


@pytest.mark.parametrize("how", ["deleted", "moved", "moved out of an emptied folder"])
def test_who_deletes_or_moves_a_folder_is_not_asked(made: Indexed, how: str) -> None:
    folder = fill(made.folder / "many", 2 * emptied.MANY)
    sample_files.text(made.folder / "home.txt", "red")
    made.run(plain=True)
    if how == "deleted":
        shutil.rmtree(folder)
    elif how == "moved":
        folder.rename(made.folder / "elsewhere")
    else:
        (folder / "deep").rename(made.folder / "elsewhere")
    report = made.run(plain=True)
    assert (report.gone, report.moved) == (
        (2 * emptied.MANY, 0) if how == "deleted" else (0, 2 * emptied.MANY)
    )
    assert (remarks(made), missing(made)) == ([], set())


@pytest.mark.parametrize("how", ["the mount point is gone", "other files lie in the mount point"])
def test_files_of_a_mount_point_that_is_none_any_more_are_missing(
    made: Indexed, drive: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    real = scan._listing

    def listing(base: bytes, path: bytes) -> tuple[list[bytes], bool, bool, os.stat_result]:
        """As if another device were mounted at the folder."""
        names, is_index, has_rules, facts = real(base, path)
        if path.endswith(b"usb/"):
            facts = os.stat_result([*facts[:2], facts.st_dev + 1, *facts[3:]])
        return names, is_index, has_rules, facts

    with monkeypatch.context() as patch:
        patch.setattr(scan, "_listing", listing)
        made.run(plain=True)
    shutil.move(drive, made.folder.parent / "away")
    if how != "the mount point is gone":
        drive.mkdir()
        sample_files.text(drive / "not mounted.txt", "blue")
    for _ in range(2):
        assert made.run(plain=True).gone == 0
        assert len(missing(made)) == 3
    assert made.run(plain=True, prune=True).gone == 3


def test_a_folder_that_cannot_be_looked_into_is_not_pruned(
    made: Indexed, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = scan._listing

    def listing(base: bytes, path: bytes) -> tuple[list[bytes], bool, bool]:
        if path.endswith(b"usb/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(base, path)

    monkeypatch.setattr(scan, "_listing", listing)
    assert made.run(plain=True, prune=True).gone == 0
    assert len(missing(made)) == 3
