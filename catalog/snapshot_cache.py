"""What snapshots of one catalog keep for later ones, so that a library that is searched again and again is fast."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from anyseek.contracts import Filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.vectors import Halves
    from anyseek.contracts import Floats, Rows

_MOST_FILTERS = 32

MOST_WIDE_BYTES = 64 << 20
"""Spaces whose rows take no more as float32 are kept so: to widen 10,000 rows takes five times as long as to multiply
them."""

T = TypeVar("T")


class SnapshotCache:
    """Rows that recent filters let through, as of one change of the catalog, mapped vectors, and read index files.

    Of one catalog file: another one in its place counts its changes anew. A million rows are a third of a second of
    SQL; a mapping that is made anew has every page of it to fault in; the codes of a million vectors take a tenth of a
    second to read. Threads may share it.
    """

    def __init__(self) -> None:
        # Each one attribute, so that a thread never sees the halves of two changes.
        self._rows: tuple[int, dict[tuple[int, Filter], Rows]] = (-1, {})
        self._vectors: dict[int, tuple[tuple[int, int], Halves]] = {}
        self._indexes: dict[int, tuple[tuple[str, int], Any]] = {}
        self._checks: dict[int, tuple[tuple[int, ...], Any]] = {}
        self._wide: dict[int, tuple[tuple[int, ...], Floats | None]] = {}

    def rows(self, change: int, space_id: int, filter_: Filter) -> Rows | None:
        """What was put for this very change of the catalog."""
        cached_change, rows = self._rows
        return rows.get((space_id, filter_)) if change == cached_change else None

    def put(self, change: int, space_id: int, filter_: Filter, rows: Rows) -> None:
        """Keep it, and forget what is older; the array becomes read-only."""
        rows.flags.writeable = False
        cached_change, cached = self._rows
        if change != cached_change or len(cached) >= _MOST_FILTERS:
            cached = {}
        cached[space_id, filter_] = rows
        self._rows = (change, cached)

    def mapped(self, descriptor: int, space: SpaceRecord, folder: Path) -> Halves:
        """A space's rows (rows, dim) in its open vector file, see vectors.map_rows. Raises IndexDamaged."""
        from anyseek.catalog.vectors import map_rows

        if not space.rows:
            return map_rows(descriptor, space.card.dim, 0, folder)
        stat = os.fstat(descriptor)
        # The very file: the mapping keeps it alive, so that no other one can have its number.
        file = (stat.st_dev, stat.st_ino)
        mapped_file, vectors = self._vectors.get(space.space_id, ((-1, -1), None))
        enough = space.rows * space.card.dim * 2
        if vectors is None or mapped_file != file or len(vectors) < space.rows or stat.st_size < enough:
            vectors = map_rows(descriptor, space.card.dim, space.rows, folder)
            self._vectors[space.space_id] = (file, vectors)
        return vectors[: space.rows]

    def wide(
        self,
        space: SpaceRecord,
        file: tuple[int, ...],
        vectors: Halves,
        widened: Callable[[Halves], Floats],
    ) -> Floats | None:
        """A small space's rows as `widened` makes them, (rows, dim) float32: kept from the second time on that they are
        wanted, since the only search of a program would make them for nobody. None before, and for a larger space.

        file: that they are of, see Snapshot.vector_file.
        """
        if space.rows * space.card.dim * 4 > MOST_WIDE_BYTES:
            return None
        state = (space.generation, space.rows, *file)
        kept = self._wide.get(space.space_id)
        if kept is None or kept[0] != state:
            kept = (state, None)
        elif kept[1] is None:
            kept = (state, widened(vectors))
        self._wide[space.space_id] = kept
        return kept[1]

    def check(self, space_id: int, state: tuple[int, ...], look: Callable[[], T]) -> T:
        """What `look` says of a space: once for each state of it. A look that raises is not kept."""
        cached = self._checks.get(space_id)
        if cached is None or cached[0] != state:
            cached = self._checks[space_id] = (state, look())
        result: T = cached[1]
        return result

    def index(self, space_id: int, which: tuple[str, int], read: Callable[[], T]) -> T:
        """A space's derived index, read unless this very file (its name and checksum) was the last one read."""
        cached = self._indexes.get(space_id)
        if cached is None or cached[0] != which:
            cached = self._indexes[space_id] = (which, read())
        index: T = cached[1]
        return index

    def close(self) -> None:
        """Forget all; arrays handed out stay valid."""
        self._rows = (-1, {})
        self._vectors = {}
        self._indexes = {}
        self._wide = {}
        self._checks = {}
