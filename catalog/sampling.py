"""A look at some vectors before a search believes them: a file of another index, zeros, rows that moved by one.

Checksums of all rows are doctor's work. A sample costs a few milliseconds however large the index is, and finds
whatever concerns many rows; the single rows that answer a search are compared when they do (`damaged_rows`).
"""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.catalog.failures import REPAIR
from anyseek.errors import IndexDamaged
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot

SAMPLE_ROWS = 100
BUDGET_S = 0.002
"""Of a slow disk fewer rows are looked at: one, or FEWEST_ROWS where one is damaged."""

MOST_DAMAGED = 0.5
"""With more than this share of the sample damaged, ranks mean nothing."""

FEWEST_ROWS = 8
"""So many different rows are compared before most of them count as damaged; of fewer, all that there are."""

LEFT_OUT = f"Hits whose vectors are damaged were left out. {REPAIR}"
"""The remark on `damaged_rows` of an answer."""

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Sample:
    """n_rows different ones were compared with their checksums, n_damaged of them are not what was stored."""

    n_rows: int
    n_damaged: int


def sample(snapshot: Snapshot, space: SpaceRecord, luck: random.Random | None = None) -> Sample:
    """Random rows of a space against their checksums. Raises IndexDamaged when the vector file is gone or too short."""
    snapshot.vectors(space.space_id)  # whose length is checked; a search needs them anyway
    luck = luck or random.Random()
    checked: dict[int, bool] = {}
    ends = time.perf_counter() + BUDGET_S
    for first in (luck.randrange(space.rows) for _ in range(min(SAMPLE_ROWS, space.rows))):
        _compare(
            snapshot, space, "row >= ? LIMIT 1", first, checked
        )  # none, where nobody owns what is behind
        is_enough = len(checked) >= FEWEST_ROWS or not any(checked.values())
        if checked and is_enough and time.perf_counter() > ends:
            break
    if any(checked.values()) and len(checked) < FEWEST_ROWS:  # luck hit the same rows again and again
        _compare(snapshot, space, f"row >= ? ORDER BY row LIMIT {FEWEST_ROWS}", 0, checked)
    return Sample(len(checked), sum(checked.values()))


def _compare(
    snapshot: Snapshot, space: SpaceRecord, which: str, first: int, checked: dict[int, bool]
) -> None:
    """Note which of these rows are damaged."""
    rows = snapshot.database.rows(
        f"SELECT row, crc FROM embeddings WHERE space_id = ? AND {which}", [space.space_id, first]
    )
    for row, crc in rows:
        checked[row] = zlib.crc32(snapshot.row_bytes(space.space_id, row)) != crc


def check_sample(snapshot: Snapshot, space: SpaceRecord) -> str:
    """A remark on damaged rows, which do not answer, "" where none was met; looked for once a change of the catalog
    and of the vector file.

    Raises IndexDamaged when most of the sample is damaged.
    """
    if not space.rows:
        return ""
    state = (space.generation, snapshot.change, *snapshot.vector_file(space.space_id))
    result = snapshot.cache.check(space.space_id, state, lambda: sample(snapshot, space))
    where = printable(str(snapshot.folder))
    if result.n_damaged > MOST_DAMAGED * result.n_rows:
        raise IndexDamaged(
            f"The vectors in {where} are not those that were stored: of {result.n_rows} that were looked at,"
            f" {result.n_damaged} are damaged.",
            REPAIR,
        )
    if not result.n_damaged:
        return ""
    return f"Some vectors in {where} are damaged, and their files may be missing from what is found. {REPAIR}"


def damaged_rows(snapshot: Snapshot, space_id: int, rows: Sequence[int]) -> set[int]:
    """Those of these rows whose vector is not what was stored."""
    damaged = set()
    for i in range(0, len(rows), _AT_ONCE):
        part = [int(row) for row in rows[i : i + _AT_ONCE]]
        damaged |= {
            row
            for row, crc in snapshot.database.rows(
                f"SELECT row, crc FROM embeddings WHERE space_id = ? AND row IN ({', '.join('?' * len(part))})",
                [space_id, *part],
            )
            if zlib.crc32(snapshot.row_bytes(space_id, row)) != crc
        }
    return damaged
