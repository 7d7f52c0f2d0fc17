"""Readers keep what they saw, wherever the index lies and whatever writers do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from indexes import contents, new_index, put, unit_rows

from anyseek.catalog.catalog import Catalog
from anyseek.errors import AnyseekError, ReadOnlyIndex, UsageError
from anyseek.stores.exact import ExactStore


def test_a_reader_keeps_its_snapshot(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 20)
    queries = unit_rows(3, seed=5)
    with catalog, catalog.read() as snapshot:
        before = contents(snapshot)
        listing = snapshot.files()
        first = next(listing)
        with ExactStore(snapshot, space) as store:
            found = store.search(queries, 5)
            with catalog.begin() as writer:
                writer.delete(range(1, 11))
                for i in range(50):
                    put(writer, space, f"new{i}", unit_rows(1, 100 + i))
            catalog.compact(space)
            with catalog.begin() as writer:
                writer.delete(range(11, 16))
            catalog.compact(space)
            assert contents(snapshot) == before
            assert [first, *listing] == list(snapshot.files())
            again = store.search(queries, 5)
            assert (found[0] == again[0]).all()
            assert (found[1] == again[1]).all()
        # The vectors may even be mapped for the first time now: their file was opened with the snapshot.
        with catalog.read() as late:
            assert len(contents(late)) == 55
        with ExactStore(snapshot, space) as store:
            assert (store.search(queries, 5)[1] == found[1]).all()


@pytest.mark.thorough
def test_readers_and_a_writer_at_once(tmp_path: Path) -> None:
    """Every snapshot taken meanwhile is one of the committed states: pairs are there whole or not at all."""
    catalog, space = new_index(tmp_path)
    done = threading.Event()
    faults: list[object] = []

    def read() -> None:
        while not done.is_set():
            try:
                with catalog.read() as snapshot:
                    names = [record.path for record in snapshot.files()]
                    vectors = contents(snapshot)
                    if len(names) % 2 or any(len(rows) != 1 for rows in vectors.values()):
                        faults.append(names)
                    for path, (row,) in vectors.items():
                        if row != unit_rows(1, int(path[1:])).astype("<f2").tobytes():
                            faults.append(path)
            except AnyseekError as error:
                faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    with catalog:
        for i in range(40):
            with catalog.begin() as writer:
                put(writer, space, f"l{i}", unit_rows(1, i))
                put(writer, space, f"r{i}", unit_rows(1, i))
                if i >= 5:
                    writer.delete([2 * i - 9, 2 * i - 8])
            if i % 3 == 0:
                catalog.compact(space)
        done.set()
        for reader in readers:
            reader.join()
    assert faults == []


def test_two_snapshots_of_one_catalog(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 1)
    with catalog, catalog.read() as old:
        with catalog.begin() as writer:
            put(writer, space, "b", unit_rows(1))
        with catalog.read() as new:
            assert (len(contents(old)), len(contents(new))) == (1, 2)
            assert new.change > old.change


def test_closed_in_the_middle_of_a_listing(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 5)
    with catalog, catalog.read() as snapshot:
        listing, other = snapshot.files(), snapshot.files()
        next(listing)
        next(other)
    with pytest.raises(UsageError, match="closed"):
        next(listing)
    del other  # must not complain


def test_arrays_outlive_the_snapshot(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 5)
    with catalog, catalog.read() as snapshot:
        vectors = snapshot.vectors(space)
        store = ExactStore(snapshot, space)
    snapshot.close()
    assert np.isfinite(vectors).all()
    assert store.search(unit_rows(1), 5)[1].min() >= 0
    store.close()


# ---------------------------------------------------------------- read-only places

READ = """
import os
import sys
from pathlib import Path
from indexes import contents
import anyseek.catalog.vectors  # later, nobody may not read the interpreter's files
from anyseek.errors import AnyseekError
from anyseek.catalog.catalog import Catalog
if sys.argv[2:]:
    os.setuid(int(sys.argv[2]))
with Catalog.open(Path(sys.argv[1])) as catalog:
    with catalog.read() as snapshot:
        print(len(contents(snapshot)))
    for attempt in (catalog.begin, catalog.lock("test").__enter__, lambda: catalog.compact(1)):
        try:
            attempt()
        except AnyseekError as error:
            print(error.code)
"""


def run_reader(folder: Path, *uid: str) -> list[str]:
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1] / "support"))
    told = subprocess.run(
        [sys.executable, "-c", READ, str(folder), *uid], capture_output=True, text=True, env=env, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.split()


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """tmp_path/place, seen through a read-only mount at tmp_path/view."""
    (tmp_path / "place").mkdir()
    (tmp_path / "view").mkdir()
    yield tmp_path / "view"
    subprocess.run(["umount", "view"], cwd=tmp_path, capture_output=True, check=False)


def mount_read_only(folder: Path) -> None:
    for command in (["--bind", "place", "view"], ["-o", "remount,ro,bind", "view"]):
        told = subprocess.run(["mount", *command], cwd=folder, capture_output=True, text=True, check=False)
        if told.returncode:
            pytest.skip(f"no right to mount here: {told.stderr.strip()}")


def test_read_only_media(tmp_path: Path, read_only_folder: Path) -> None:
    new_index(tmp_path / "place", 3)[0].close()
    mount_read_only(tmp_path)
    assert run_reader(read_only_folder / ".anyseek") == ["3", "read-only", "read-only", "read-only"]


def test_read_only_media_with_a_log_left_on_it(tmp_path: Path, read_only_folder: Path) -> None:
    """What a killed writer had committed is seen, or the reader says why not; never an older state."""
    catalog, space = new_index(tmp_path / "place", 3)
    with catalog:
        with catalog.begin() as writer:
            put(writer, space, "late", unit_rows(1))
        for name in ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm", "vectors/1.0.f16"):
            source = tmp_path / "place/.anyseek" / name
            target = tmp_path / "place/copy" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    assert (tmp_path / "place/copy/catalog.sqlite-wal").stat().st_size > 0
    mount_read_only(tmp_path)
    assert run_reader(read_only_folder / "copy")[0] == "4"
    subprocess.run(["umount", "view"], cwd=tmp_path, check=True)
    (tmp_path / "place/copy/catalog.sqlite-shm").unlink()
    mount_read_only(tmp_path)
    with pytest.raises(ReadOnlyIndex, match="not closed cleanly"):
        Catalog.open(read_only_folder / "copy")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_somebody_elses_index(open_to_all: Path) -> None:
    new_index(open_to_all, 3)[0].close()
    assert run_reader(open_to_all / ".anyseek", "65534") == ["3", "read-only", "read-only", "read-only"]


def test_a_connection_is_used_again_but_never_a_snapshot(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 5)
    with catalog:
        with catalog.read() as first:
            before = contents(first)
        with pytest.raises(UsageError, match="closed"):
            list(first.files())
        with catalog.begin() as writer:
            put(writer, space, "new", unit_rows(1, 7))
        with catalog.read() as second:
            assert contents(second) == before | {"new": contents(second)["new"]}
            assert len(second.vectors(space)) == 6


def test_a_listing_that_was_not_read_to_its_end_holds_no_later_snapshot_back(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 5)
    with catalog:
        with catalog.read() as first:
            unread = first.files()
            next(unread)
        with catalog.begin() as writer:
            put(writer, space, "new", unit_rows(1, 7))
        with catalog.read() as second:
            assert len(list(second.files())) == 6
        del unread


def test_another_index_in_the_same_place_is_what_is_read(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path / "one", 5)
    new_index(tmp_path / "two", 3)[0].close()
    with catalog:
        with catalog.read() as snapshot:
            assert len(snapshot.vectors(space)) == 5
        (tmp_path / "one").rename(tmp_path / "gone")
        (tmp_path / "two").rename(tmp_path / "one")
        with catalog.read() as snapshot:
            assert len(list(snapshot.files())) == 3
            assert len(snapshot.vectors(space)) == 3
