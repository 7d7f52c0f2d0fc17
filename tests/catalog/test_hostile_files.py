"""What others put in the place of an index's files is not waited for, not followed, not read without an end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from indexes import new_index, put, unit_rows

from anyseek import workspace
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.derived import read_file
from anyseek.catalog.pages import Pages
from anyseek.catalog.repair import repair
from anyseek.errors import UsageError

SPARSE = 1 << 40  # bytes, none of them on the disk


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_folder(path: Path) -> None:
    path.mkdir()


def put_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def put_link(path: Path) -> None:
    index = next(folder for folder in path.parents if folder.name == ".anyseek")
    precious = index.parent / "precious.txt"
    precious.write_text("mine")
    path.symlink_to(precious)


def put_endless_link(path: Path) -> None:
    path.symlink_to(path.name)


def put_lost_link(path: Path) -> None:
    path.symlink_to("not-mounted")


KINDS = [put_pipe, put_folder, put_device, put_link, put_endless_link]
FILES = ["vectors/1.0.f16", "catalog.sqlite-journal", "catalog.sqlite-wal", "catalog.sqlite-shm"]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    catalog, _ = new_index(tmp_path / "library", 2)
    catalog.close()
    return catalog.folder


def read_vectors(index: Path) -> None:
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        snapshot.vectors(1)


def append_vectors(index: Path) -> None:
    with Catalog.open(index) as catalog, catalog.begin() as writer:
        put(writer, 1, "new", unit_rows(1))


def compact_vectors(index: Path) -> None:
    with Catalog.open(index) as catalog:
        with catalog.begin() as writer:
            writer.delete([1])
        catalog.compact(1)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("put_there", KINDS, ids=lambda one: str(one.__name__))
def test_what_is_no_file_is_named_and_not_opened(
    index: Path, name: str, put_there: Callable[[Path], None]
) -> None:
    (index / name).unlink(missing_ok=True)
    put_there(index / name)
    for use in (read_vectors, append_vectors, compact_vectors):
        with pytest.raises(
            UsageError, match=r"^There is a (pipe|folder|link) where the index in .* has a file"
        ):
            use(index)
    findings = check(index)
    assert [(one.code, one.is_repairable) for one in findings] == [("not-a-file", False)]
    assert name in findings[0].message
    assert repair(index, findings) == []
    if put_there is put_link:
        assert (index.parent / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize("put_there", [put_pipe, put_folder, put_lost_link, put_device])
def test_what_lies_in_the_place_of_the_catalog_is_named_while_its_vectors_are_there(
    index: Path, put_there: Callable[[Path], None]
) -> None:
    catalog = index / "catalog.sqlite"
    catalog.unlink()
    put_there(catalog)
    for use in (Catalog.open, workspace.open, workspace.saved_tags, Catalog.create):
        with pytest.raises(UsageError, match=r"^There is a .* where the index in .* has a file") as caught:
            use(index)
        assert str(catalog) in caught.value.message
    findings = workspace.check(index, repair=True)
    assert [(one.code, one.is_repairable) for one in findings] == [("not-a-file", False)]
    assert os.path.lexists(catalog)


def test_a_file_where_the_vectors_folder_was_is_for_a_person(index: Path) -> None:
    (index / "vectors/1.0.f16").unlink()
    (index / "vectors").rmdir()
    (index / "vectors").write_text("mine")
    findings = check(index)
    assert [(one.code, one.is_repairable) for one in findings] == [("not-a-file", False)]
    assert repair(index, findings) == []
    assert (index / "vectors").read_text() == "mine"


@pytest.mark.parametrize("put_there", KINDS, ids=lambda one: str(one.__name__))
def test_a_derived_file_that_is_none_counts_as_missing(
    index: Path, put_there: Callable[[Path], None]
) -> None:
    file = index / "calibration" / "1.npz"
    file.parent.mkdir()
    put_there(file)
    assert read_file(file, 1 << 20) is None


def test_a_derived_file_is_not_read_beyond_its_bound(index: Path) -> None:
    file = index / "1.json"
    file.write_bytes(b"12345")
    assert (read_file(file, 5), read_file(file, 4)) == (b"12345", None)
    os.truncate(file, SPARSE)
    assert read_file(file, 1 << 20) is None


def test_a_log_is_read_no_further_than_it_counts(index: Path) -> None:
    log = index / "catalog.sqlite-wal"
    log.touch()
    os.truncate(log, SPARSE)
    with Pages(index / "catalog.sqlite", log) as pages:
        assert pages.count
        assert not pages.has_log


@pytest.mark.parametrize("name", [".gitignore", "CACHEDIR.TAG"])
def test_an_endless_mark_is_not_taken_for_our_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, SPARSE)
    with pytest.raises(UsageError, match="contains other files"):
        Catalog.create(tmp_path)
