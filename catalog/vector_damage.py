"""Every vector of a space against its checksum: doctor's work. Files are read and not mapped, so that a disk that fails
is an error and no signal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from anyseek.catalog.failures import translated
from anyseek.catalog.records import SpaceRecord
from anyseek.catalog.snapshot import Snapshot
from anyseek.catalog.vectors import HALF, checksums, lengths_are_one, rows_at, vector_path
from anyseek.opening import open_own
from anyseek.system_errors import ABSENT

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class VectorDamage:
    """Numbers of files, ascending. lost: with rows that are not in the vector file. damaged: with rows that are not
    what was stored. shortage: why rows are not there; "" where all are."""

    lost: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()
    shortage: str = ""


def is_whole(damage: VectorDamage) -> bool:
    """Whether nothing is wrong."""
    return damage == VectorDamage()


def vector_damage(snapshot: Snapshot, space: SpaceRecord) -> VectorDamage:
    """What is wrong with a space's vectors.

    Raises ReadOnlyIndex, DiskFailed, SystemRefused for a file that is there and cannot be read: it may be whole.
    """
    if not space.rows:
        return VectorDamage()
    lost, damaged = set(), set()
    with _opened(snapshot, space) as (descriptor, n_rows, shortage):
        for file_id, is_there, is_whole in _compare(snapshot, space, descriptor, n_rows):
            if not is_there:
                lost.add(file_id)
            elif not is_whole:
                damaged.add(file_id)
    return VectorDamage(tuple(sorted(lost)), tuple(sorted(damaged)), shortage)


@contextmanager
def _opened(snapshot: Snapshot, space: SpaceRecord) -> Iterator[tuple[int, int, str]]:
    """A space's vector file, the rows that are in it, and why these are not enough."""
    path = vector_path(snapshot.folder, space.space_id, space.generation)
    with translated(snapshot.folder):
        try:
            descriptor = open_own(str(path))
        except ABSENT:
            yield -1, 0, "The vector file is gone."
            return
    try:
        needed = space.rows * space.card.dim * HALF.itemsize
        with translated(snapshot.folder):
            length = os.fstat(descriptor).st_size
        shortage = "" if length >= needed else f"The vector file is cut off: {length} bytes of {needed}."
        yield descriptor, min(space.rows, length // (space.card.dim * HALF.itemsize)), shortage
    finally:
        os.close(descriptor)


def _compare(
    snapshot: Snapshot, space: SpaceRecord, descriptor: int, n_rows: int
) -> Iterator[tuple[int, bool, bool]]:
    """Each owned row: its file, whether the vector file has it, and its bytes are what was stored and a unit vector."""
    rows = snapshot.database.rows(
        "SELECT e.row, e.crc, s.file_id FROM embeddings e JOIN segments s ON s.segment_id = e.segment_id"
        " WHERE e.space_id = ? ORDER BY e.row",
        [space.space_id],
    )
    for batch in _batches(rows):
        in_file = [fields for fields in batch if _is_in(fields[0], n_rows)]
        halves = rows_at(descriptor, space.card.dim, [row for row, _, _ in in_file], snapshot.folder)
        facts = zip(in_file, checksums(halves), lengths_are_one(halves), strict=True)
        for (_, crc, file_id), actual, is_unit in facts:
            yield file_id, True, actual == crc and bool(is_unit)
        yield from ((file_id, False, False) for row, _, file_id in batch if not _is_in(row, n_rows))


def _is_in(row: object, n_rows: int) -> bool:
    """A damaged number may be anything."""
    return isinstance(row, int) and 0 <= row < n_rows


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
