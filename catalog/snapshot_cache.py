"""What snapshots of one catalog leave for the next ones: a library that is asked again and again answers from here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from anyseek.contracts import Filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.vectors import Halves
    from anyseek.contracts import Rows

_MOST_FILTERS = 32

T = TypeVar("T")


class Remembered:
    """Rows that recent filters let through, as of one change of the catalog, mapped vectors, and read index files.

    A million rows are a third of a second of SQL; a mapping that is made anew has every page of it to fault in; the
    codes of a million vectors take a tenth of a second to read. Threads may share it.
    """

    def __init__(self) -> None:
        # Each one attribute, so that a thread never sees the halves of two changes.
        self._rows: tuple[int, dict[tuple[int, Filter], Rows]] = (-1, {})
        self._vectors: dict[int, tuple[tuple[int, int], Halves]] = {}
        self._indexes: dict[int, tuple[tuple[str, int], Any]] = {}

    def rows(self, change: int, space_id: int, wanted: Filter) -> Rows | None:
        """What was put for this very change."""
        known, rows = self._rows
        return rows.get((space_id, wanted)) if change == known else None

    def put(self, change: int, space_id: int, wanted: Filter, found: Rows) -> None:
        """Keep it, and forget what is older; the array is not to be written to any more."""
        found.flags.writeable = False
        known, rows = self._rows
        if change != known or len(rows) >= _MOST_FILTERS:
            rows = {}
        rows[space_id, wanted] = found
        self._rows = (change, rows)

    def mapped(self, descriptor: int, space: SpaceRecord, folder: Path) -> Halves:
        """A space's rows (rows, dim) in its open vector file, see vectors.map_rows. Raises IndexDamaged."""
        from anyseek.catalog.vectors import map_rows

        if not space.rows:
            return map_rows(descriptor, space.card.dim, 0, folder)
        found = os.fstat(descriptor)
        # The very file: a mapping holds it, so that no other one can have its number.
        file = (found.st_dev, found.st_ino)
        known, vectors = self._vectors.get(space.space_id, ((-1, -1), None))
        enough = space.rows * space.card.dim * 2
        if vectors is None or known != file or len(vectors) < space.rows or found.st_size < enough:
            vectors = map_rows(descriptor, space.card.dim, space.rows, folder)
            self._vectors[space.space_id] = (file, vectors)
        return vectors[: space.rows]

    def index(self, space_id: int, which: tuple[str, int], read: Callable[[], T]) -> T:
        """A space's derived index, read if the one that is here is not this very file (its name and checksum)."""
        kept = self._indexes.get(space_id)
        if kept is None or kept[0] != which:
            kept = self._indexes[space_id] = (which, read())
        found: T = kept[1]
        return found

    def close(self) -> None:
        """Forget all; what was handed out stays valid."""
        self._rows = (-1, {})
        self._vectors = {}
        self._indexes = {}
