"""Every vector of a space against its checksum: doctor's work. Files are read and not mapped, so that a disk that fails
is an error and no signal."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyseek.catalog.database import Database
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
    what was stored. shortage: how the vector file is shorter than what is counted; "" where it is not. n_rows: that
    it has."""

    lost: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()
    shortage: str = ""
    n_rows: int = 0


def is_whole(damage: VectorDamage) -> bool:
    """Whether each segment's vector is there, and what was stored."""
    return not damage.lost and not damage.damaged


def vector_damage(snapshot: Snapshot, space: SpaceRecord, path: Path | None = None) -> VectorDamage:
    """What is wrong with a space's vectors. path: of another file than its own that may hold them.

    Raises ReadOnlyIndex, DiskFailed, SystemRefused for a file that is there and cannot be read: it may be whole.
    """
    lost, damaged = set(), set()
    with _opened(snapshot.folder, space, path) as (descriptor, n_rows):
        for file_id, is_there, is_whole in _compare(snapshot, space, descriptor, n_rows):
            if not is_there:
                lost.add(file_id)
            elif not is_whole:
                damaged.add(file_id)
    shortage = ""
    if n_rows < space.rows:
        shortage = (
            "The vector file is gone."
            if descriptor < 0
            else f"The vector file is cut off: it has {n_rows:,} vectors of {space.rows:,}."
        )
    return VectorDamage(tuple(sorted(lost)), tuple(sorted(damaged)), shortage, n_rows)


def rows_in_file(folder: Path, space: SpaceRecord) -> int:
    """How many whole rows a space's vector file has, 0 where there is none. Raises what `vector_damage` raises."""
    with _opened(folder, space) as (_, n_rows):
        return n_rows


def rows_to_count(database: Database, space: SpaceRecord, n_in_file: int) -> int:
    """What a space is to count: no more rows than its file has, and no fewer than segments have in it."""
    (owned,) = database.first(
        "SELECT coalesce(max(row) + 1, 0) FROM embeddings WHERE space_id = ? AND row BETWEEN 0 AND ?",
        [space.space_id, n_in_file - 1],
    )
    return max(int(owned), min(space.rows, n_in_file))


_FALLING = (
    "SELECT 1 FROM (SELECT segment_id, lag(segment_id) OVER (ORDER BY row) AS before FROM embeddings"
    " WHERE space_id = ? AND row BETWEEN 0 AND ?) WHERE segment_id <= before LIMIT 1"
)


def misplaced(snapshot: Snapshot, space: SpaceRecord, n_rows: int) -> list[int]:
    """Numbers of files that have rows of other segments than their own, or several rows for one segment; of the first
    n_rows, which are those in the vector file.

    Segments get their numbers and rows together, in the same order, and a compaction keeps it. So rows whose segments
    were exchanged are told without their vectors, by where these segments would stand.
    """
    which = [space.space_id, n_rows - 1]
    if snapshot.database.first(_FALLING, which) is None:
        return []
    rows = snapshot.database.all(
        "SELECT e.segment_id, s.file_id FROM embeddings e JOIN segments s ON s.segment_id = e.segment_id"
        " WHERE e.space_id = ? AND e.row BETWEEN 0 AND ? ORDER BY e.row",
        which,
    )
    times = Counter(segment_id for segment_id, _ in rows)
    single = [row for row in rows if times[row[0]] == 1]
    wrong = {file_id for segment_id, file_id in rows if times[segment_id] > 1}
    wrong.update(
        file_id
        for (segment_id, file_id), (right, _) in zip(single, sorted(single), strict=True)
        if segment_id != right
    )
    return sorted(wrong)


@contextmanager
def _opened(folder: Path, space: SpaceRecord, path: Path | None = None) -> Iterator[tuple[int, int]]:
    """A vector file, -1 where there is none, and how many whole rows are in it."""
    path = path or vector_path(folder, space.space_id, space.generation)
    with translated(folder):
        try:
            descriptor = open_own(str(path))
        except ABSENT:
            yield -1, 0
            return
    try:
        with translated(folder):
            length = os.fstat(descriptor).st_size
        yield descriptor, length // (space.card.dim * HALF.itemsize)
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
