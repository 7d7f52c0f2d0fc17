"""A new generation of a vector file, without the rows that nobody owns any more."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from anyseek.atomic import sync_folder
from anyseek.catalog.database import Database
from anyseek.catalog.failures import REPAIR, translated
from anyseek.errors import IndexDamaged, UsageError
from anyseek.opening import open_own

_BLOCK_BYTES = 8 << 20


def compact(database: Database, space_id: int) -> int:
    """Write the next generation of a space and swap it in; returns the bytes freed. Closes `database`.

    One transaction: killed before its end, the old generation is still the one, and the unfinished file is
    written over by the next attempt.
    """
    new_path = None
    try:
        database.run("BEGIN IMMEDIATE")
        database.check_place()
        row = database.first("SELECT dim, generation, rows FROM spaces WHERE space_id = ?", [space_id])
        if row is None:
            raise UsageError(f"The index in {database.folder} has no space number {space_id}.")
        dim, generation, n_rows = map(int, row)
        _remove_replaced(database.folder / "vectors", space_id, generation, n_rows * dim * 2)
        owned = [
            number
            for (number,) in database.rows(
                "SELECT row FROM embeddings WHERE space_id = ? ORDER BY row", [space_id]
            )
        ]
        if len(owned) == n_rows:
            return 0
        folder = database.folder / "vectors"
        old = folder / f"{space_id}.{generation}.f16"
        new_path = folder / f"{space_id}.{generation + 1}.f16"
        with translated(database.folder):
            _copy_rows(old, new_path, owned, dim * 2)
        # Ascending, and no row moves up: a row's new place is always free.
        database.run_many(
            "UPDATE embeddings SET row = ? WHERE space_id = ? AND row = ?",
            ((new, space_id, number) for new, number in enumerate(owned) if new != number),
        )
        database.run(
            "UPDATE spaces SET generation = ?, rows = ? WHERE space_id = ?",
            [generation + 1, len(owned), space_id],
        )
        database.run("INSERT INTO changes (at, what) VALUES (?, 'compact')", [time.time()])
        database.run("COMMIT")
        new_path = None
        with suppress(OSError):  # an unused file is no reason to fail; `doctor` finds it
            old.unlink()
        return (n_rows - len(owned)) * dim * 2
    finally:
        database.rollback()
        database.close()
        if new_path is not None:
            with suppress(OSError):
                new_path.unlink(missing_ok=True)


def _remove_replaced(vectors: Path, space_id: int, generation: int, n_bytes: int) -> None:
    """Files of generations before this one, which a compaction left that was killed after its commit.

    n_bytes: of this generation. While its own file lacks some, an older one may have them, and stays.
    """
    with suppress(OSError):  # an unused file is no reason to fail; `doctor` finds it
        if n_bytes == 0 or (vectors / f"{space_id}.{generation}.f16").stat().st_size < n_bytes:
            return
        for path in vectors.glob(f"{space_id}.*.f16"):
            number = path.name.split(".")[1]
            if number.isdecimal() and int(number) < generation:
                path.unlink()


def _copy_rows(old: Path, new: Path, owned: list[int], row_bytes: int) -> None:
    """Copy rows in their order; the new file and its name are on the disk afterwards."""
    with (
        os.fdopen(open_own(str(old)), "rb") as source,
        os.fdopen(open_own(str(new), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as target,
    ):
        for first, count in _stretches(owned):
            source.seek(first * row_bytes)
            left = count * row_bytes
            while left:
                data = source.read(min(left, _BLOCK_BYTES))
                if not data:
                    raise IndexDamaged(f"The vector file {old} is cut off.", REPAIR)
                target.write(data)
                left -= len(data)
        target.flush()
        os.fsync(target.fileno())
    sync_folder(new.parent)


def _stretches(rows: list[int]) -> list[tuple[int, int]]:
    """Ascending numbers as (first, count) of each unbroken stretch."""
    if not rows:
        return []
    starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(rows)) if b != a + 1), len(rows)]
    return [(rows[a], b - a) for a, b in pairwise(starts)]
