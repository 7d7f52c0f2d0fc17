"""Another catalog in a catalog's place: whoever has the old one open goes on with the new one, and loses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from indexes import card, contents, hash_of, new_index, put, seen, stored, unit_rows
from waiting import BRAKE_S

from anyseek.catalog import database as database_module
from anyseek.catalog import descriptors, rebuild
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.database import CATALOG_NAME
from anyseek.catalog.pages import Pages
from anyseek.catalog.snapshot import Snapshot
from anyseek.catalog.tags import Tags, saved, tag
from anyseek.contracts import Filter, Modality
from anyseek.errors import AnyseekError, IndexLocked, IndexNotFound
from anyseek.indexer.reindex import exchange


def rebuilt(index: Path) -> None:
    assert rebuild.rebuild(index) == ""


def exchanged(index: Path) -> None:
    other = index.with_name("other")
    shutil.copytree(index, other)
    exchange(index, other)
    shutil.rmtree(other)


def made_anew(index: Path) -> None:
    shutil.rmtree(index)
    again, _ = new_index(index.parent, 3)
    again.close()


WAYS = pytest.mark.parametrize("replace", [rebuilt, exchanged, made_anew])
Way = Callable[[Path], None]


def everything(index: Path) -> dict[str, list[bytes]]:
    """Files and vectors, as a process sees them that opens the index now."""
    assert check(index) == []
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        return contents(snapshot)


def counts(index: Path) -> dict[str, int]:
    with Catalog.open(index) as catalog:
        return Tags(catalog).counts()


@WAYS
def test_a_tag_that_is_given_later_is_in_the_new_catalog(tmp_path: Path, replace: Way) -> None:
    catalog, _ = new_index(tmp_path, 3)
    with catalog:
        Tags(catalog).add("one", tmp_path / "a0")
        replace(catalog.folder)
        assert Tags(catalog).add("two", tmp_path / "a1") == 1
        assert Tags(catalog).counts() == counts(catalog.folder)
        assert counts(catalog.folder)["two"] == 1


@WAYS
def test_vectors_that_are_written_later_overwrite_none_of_the_new_catalog(
    tmp_path: Path, replace: Way
) -> None:
    catalog, space = new_index(tmp_path, 3)
    with catalog:
        replace(catalog.folder)
        with Catalog.open(catalog.folder) as other, other.begin() as writer:
            put(writer, space, "theirs", unit_rows(2, 8))
        with catalog.begin() as writer:
            put(writer, space, "ours", unit_rows(2, 9))
        after = everything(catalog.folder)
    assert sorted(after) == ["a0", "a1", "a2", "ours", "theirs"]
    for name, seed in (("theirs", 8), ("ours", 9)):
        rows = [row.astype("<f2").tobytes() for row in unit_rows(2, seed)]
        assert after[name] == rows


@WAYS
def test_what_is_committed_to_a_replaced_catalog_is_an_error(tmp_path: Path, replace: Way) -> None:
    catalog, _ = new_index(tmp_path, 3)
    with catalog:
        before = counts(catalog.folder)

        def write() -> None:
            with catalog.begin() as writer:
                writer.database.run("COMMIT")  # so that nobody waits for us
                writer.database.run("BEGIN")
                replace(catalog.folder)
                writer.database.run("INSERT INTO tags VALUES ('lost', 1, 'lost')")

        with pytest.raises(IndexLocked, match="replaced"):
            write()
        assert counts(catalog.folder) == before
        assert Tags(catalog).add("again", tmp_path / "a0") == 1
        assert counts(catalog.folder) == {**before, "again": 1}


@WAYS
def test_vectors_are_not_appended_to_those_of_another_catalog(tmp_path: Path, replace: Way) -> None:
    catalog, space = new_index(tmp_path, 3)
    with catalog:

        def write() -> None:
            with catalog.begin() as writer:
                writer.database.run("COMMIT")
                writer.database.run("BEGIN")
                replace(catalog.folder)
                with Catalog.open(catalog.folder) as other, other.begin() as theirs:
                    put(theirs, space, "theirs", unit_rows(2, 8))
                put(writer, space, "ours", unit_rows(2, 9))

        with pytest.raises(IndexLocked, match="replaced"):
            write()
        after = everything(catalog.folder)
    assert after["theirs"] == [row.astype("<f2").tobytes() for row in unit_rows(2, 8)]


def test_a_run_does_not_write_its_numbers_into_another_catalog(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 3)
    with catalog:
        with catalog.lock("anyseek index"):
            made_anew(catalog.folder)
            before = everything(catalog.folder)
            with pytest.raises(IndexLocked, match="replaced"):
                catalog.begin()
            with pytest.raises(IndexLocked, match="replaced"):
                catalog.compact(space)
            assert everything(catalog.folder) == before
        with catalog.lock("anyseek index"), catalog.begin() as writer:  # the next one
            put(writer, space, "new", unit_rows(1, 5))
        assert "new" in everything(catalog.folder)


def test_an_index_that_is_gone_is_not_written(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 1)
    with catalog:
        Tags(catalog).add("one", tmp_path / "a0")
        shutil.rmtree(catalog.folder)
        with pytest.raises(IndexNotFound):
            Tags(catalog).add("two", tmp_path / "a0")


# ---------------------------------------------------------------- reading


def pictures(catalog: Catalog, space: int) -> list[str]:
    with catalog.read() as snapshot:
        rows = snapshot.allowed_rows(space, Filter(frozenset({Modality.IMAGE})))
        assert rows is not None
        return sorted(os.path.basename(path) for _, path in snapshot.hits_for_rows(space, rows))


def test_rows_that_a_filter_let_through_are_not_those_of_an_index_made_anew(tmp_path: Path) -> None:
    """Its changes have the same numbers."""
    catalog, space = new_index(tmp_path, 4)
    with catalog:
        with catalog.read() as snapshot:
            first = snapshot.change
        assert pictures(catalog, space) == ["a0", "a1", "a2", "a3"]
        shutil.rmtree(catalog.folder)
        again = Catalog.create(catalog.folder, [tmp_path])
        with again, again.begin() as writer:
            writer.ensure_space(card())
            put(writer, space, "sound", unit_rows(1, 9), Modality.AUDIO)
            put(writer, space, "picture", unit_rows(1, 8))
        with catalog.read() as snapshot:
            assert snapshot.change == first
        assert pictures(catalog, space) == ["picture"]


def test_a_snapshot_has_no_twin_in_an_index_made_anew(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 3)
    with catalog, catalog.read() as snapshot:
        same = snapshot.twin()
        assert same is not None
        same.close()
        made_anew(catalog.folder)
        assert snapshot.twin() is None


def test_vectors_of_an_index_made_anew_are_its_own(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 2)
    with catalog:
        with catalog.read() as snapshot:
            snapshot.vectors(space)
        shutil.rmtree(catalog.folder)
        again = Catalog.create(catalog.folder, [tmp_path])
        with again, again.begin() as writer:
            writer.ensure_space(card())
            put(writer, space, "b", unit_rows(2, 9))
        with catalog.read() as snapshot:
            np.testing.assert_array_equal(snapshot.vectors(space).astype(np.float32), stored(unit_rows(2, 9)))


def test_a_snapshot_never_has_the_vectors_of_another_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaced between the reading of its records and the opening of its vectors, it is begun again."""
    catalog, space = new_index(tmp_path, 2)
    catalog.close()
    open_vectors = Snapshot._open_vectors

    def after_an_exchange(self: Snapshot) -> bool:
        monkeypatch.setattr(Snapshot, "_open_vectors", open_vectors)
        shutil.rmtree(catalog.folder)
        again = Catalog.create(catalog.folder, [tmp_path])
        with again, again.begin() as writer:
            writer.ensure_space(card())
            put(writer, space, "b", unit_rows(2, 9))
        return open_vectors(self)

    monkeypatch.setattr(Snapshot, "_open_vectors", after_an_exchange)
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        assert contents(snapshot) == {"b": [row.astype("<f2").tobytes() for row in unit_rows(2, 9)]}


# ---------------------------------------------------------------- while it is replaced


def test_nobody_tags_while_a_catalog_is_made_anew_from_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, _ = new_index(tmp_path, 2)
    with catalog:
        Tags(catalog).add("before", tmp_path / "a0")
    put_in_place = rebuild.atomic.put_in_place
    refused: list[AnyseekError] = []

    def tagging_first(*paths: Path) -> None:
        with monkeypatch.context() as patch, Catalog.open(catalog.folder) as other:
            patch.setattr(database_module, "BUSY_MS", 0)
            with pytest.raises(IndexLocked) as caught:
                Tags(other).add("meanwhile", tmp_path / "a1")
            refused.append(caught.value)
        put_in_place(*paths)

    monkeypatch.setattr(rebuild.atomic, "put_in_place", tagging_first)
    rebuild.rebuild(catalog.folder)
    assert len(refused) == 1
    assert counts(catalog.folder) == {"before": 1}


def test_who_waits_for_a_catalog_that_is_replaced_tags_in_the_new_one(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    began = threading.Event()

    def add() -> None:
        with Catalog.open(catalog.folder) as other:
            began.set()
            Tags(other).add("meanwhile", tmp_path / "a1")

    with catalog:
        with catalog.without_writers():
            thread = threading.Thread(target=add)
            thread.start()
            assert began.wait(BRAKE_S)
            exchanged(catalog.folder)
        thread.join()
        assert counts(catalog.folder) == {"meanwhile": 1}


# ---------------------------------------------------------------- beside SQLite


def in_another_process(index: Path, name: str, path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from anyseek.catalog.catalog import Catalog;"
        " from anyseek.catalog.tags import Tags\n"
        "with Catalog.open(Path(sys.argv[1])) as catalog: Tags(catalog).add(*sys.argv[2:])"
    )
    subprocess.run([sys.executable, "-c", code, index, name, path], check=True)


def looked_at(index: Path) -> None:
    assert rebuild.can_be_rebuilt(index)


def opened_and_closed(index: Path) -> None:
    descriptors.close_file(descriptors.open_file(index / CATALOG_NAME))


def copied(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no hard links."""

    def refused(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(rebuild.os, "link", refused)
    rebuild._link(index / CATALOG_NAME, index / f"{CATALOG_NAME}.damaged")


@pytest.mark.thorough
@pytest.mark.parametrize("look", [rebuild.saved_tags, looked_at, opened_and_closed, copied])
def test_reading_a_catalog_beside_sqlite_leaves_sqlite_its_locks(
    tmp_path: Path, look: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them another process that closes the index takes itself for the last, and removes the log."""
    catalog, _ = new_index(tmp_path, 3)
    with catalog:
        Tags(catalog).add("one", tmp_path / "a0")
        look(catalog.folder, *([monkeypatch] if look is copied else []))
        in_another_process(catalog.folder, "two", tmp_path / "a1")
        assert (catalog.folder / f"{CATALOG_NAME}-wal").exists()
        assert Tags(catalog).add("three", tmp_path / "a2") == 1
        assert Tags(catalog).counts() == {"one": 1, "two": 1, "three": 1}
        in_another_process(catalog.folder, "four", tmp_path / "a0")
    assert counts(catalog.folder) == {"one": 1, "two": 1, "three": 1, "four": 1}


def test_a_catalog_that_was_read_beside_sqlite_is_closed_with_the_last_connection(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 1)
    descriptor = descriptors.open_file(catalog.folder / CATALOG_NAME)
    with catalog, catalog.read():
        descriptors.close_file(descriptor)
        os.fstat(descriptor)  # still open
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_pages_whose_log_cannot_be_read_leave_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, log = tmp_path / CATALOG_NAME, tmp_path / f"{CATALOG_NAME}-wal"
    path.write_bytes(bytes(4096))
    log.mkdir()
    opened: list[int] = []
    real = descriptors.open_file

    def noted(file: Path) -> int:
        opened.append(real(file))
        return opened[-1]

    monkeypatch.setattr(descriptors, "open_file", noted)
    with pytest.raises(AnyseekError):
        Pages(path, log)
    for descriptor in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


# ---------------------------------------------------------------- a run between two steps of a tagger


def test_a_file_that_is_recorded_anew_before_its_tag_is_stored_gets_the_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, space = new_index(tmp_path, 3)
    begin = Catalog.begin
    with catalog:

        def after_a_run(self: Catalog) -> Any:
            monkeypatch.setattr(Catalog, "begin", begin)
            with begin(self) as writer:
                record = writer.put_file(seen("a0"), hash_of("a0"), Modality.IMAGE)
                writer.delete([record])
                put(writer, space, "a0", unit_rows(1))
            return begin(self)

        monkeypatch.setattr(Catalog, "begin", after_a_run)
        assert tag(catalog, [tmp_path / "a0"], "holiday") == 1
        assert b"a0" in b"".join(saved(catalog.folder).lines)
        assert check(catalog.folder) == []
