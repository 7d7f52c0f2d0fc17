"""The embedded Qdrant's own files may be anything: none is waited for, or followed out of the index."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from indexes import card

from anyseek.catalog.records import SpaceRecord
from anyseek.stores.qdrant_files import (
    are_whole,
    opened_for_reading,
    opened_for_writing,
    read_record,
    record_of,
)

pytest.importorskip("qdrant_client")

from anyseek.stores.qdrant_store import SyncedRows, read_synced_rows, write_synced_rows

SPACE = SpaceRecord(1, card(), 0, 1000, 1000)


@pytest.fixture
def qdrant(tmp_path: Path) -> Path:
    (tmp_path / "index/qdrant/collection").mkdir(parents=True)
    return tmp_path / "index/qdrant"


def test_a_pipe_in_the_collection_is_not_what_was_left(qdrant: Path) -> None:
    file = qdrant / "collection" / "storage"
    file.write_bytes(b"")
    record = record_of(file.parent)
    assert are_whole(file.parent, record, thorough=True)
    file.unlink()
    os.mkfifo(file)
    assert not are_whole(file.parent, record, thorough=True)


def test_a_record_that_is_a_pipe_is_none(qdrant: Path) -> None:
    os.mkfifo(qdrant / "1.files.json")
    assert read_record(qdrant, 1) is None


@pytest.mark.parametrize("name", ["open", "writer"])
def test_a_lock_that_is_a_link_is_not_followed_and_made_anew(qdrant: Path, tmp_path: Path, name: str) -> None:
    (qdrant / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="not a regular file"):
        opened_for_reading(qdrant)
    with opened_for_writing(qdrant):
        assert not (qdrant / name).is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_list_of_synced_rows_is_read_up_to_what_it_can_have(qdrant: Path) -> None:
    index = qdrant.parent
    name = read_synced_rows(index, SPACE, "1").collection
    whole = SyncedRows(name, 0, np.arange(1000, dtype=np.int64))
    write_synced_rows(index, 1, whole)
    assert len(read_synced_rows(index, SPACE, "1").rows) == 1000
    os.truncate(qdrant / "1.npz", 1 << 40)
    assert len(read_synced_rows(index, SPACE, "1").rows) == 0
    with (qdrant / "1.npz").open("wb") as file:
        np.savez_compressed(file, rows=whole.rows, about=np.array(f'{{"name": "{name}", "generation": 0}}'))
    assert len(read_synced_rows(index, SPACE, "1").rows) == 0, "it may be larger than its file"
