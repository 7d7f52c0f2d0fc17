"""`Index.store`: which store answers searches, and how to change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from anyseek.stores import registry
from anyseek.stores.registry import Choice, State

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.contracts import Floats

    Tell: TypeAlias = Callable[[str], None]


class StoreControl:
    """Of one index. Every method may raise what stores.opening raises."""

    def __init__(self, catalog: Catalog, texts: Callable[[], Floats]) -> None:
        """texts: makes (n, dim) queries of text, to measure recall with."""
        self._catalog, self._texts = catalog, texts

    def state(self) -> State | None:
        """Which store answers, and with which recall; None for an empty index."""
        with self._catalog.read() as snapshot:
            return registry.state(snapshot)

    def set(self, choice: Choice, tell: Tell | None = None) -> None:
        """Fill another store, try it, and let it answer. tell: progress in words."""
        registry.switch(self._catalog, choice, self._texts, tell)

    def refresh(self, tell: Tell | None = None, *, anew: bool = False) -> None:
        """Bring the store up to date with the index, as `Index.add` does. anew: build it again in any case."""
        registry.refresh(self._catalog, self._texts, tell, anew=anew)

    def promise(self, recall: float) -> None:
        """Keep the recall that an approximate store has to hold, a share of the true best ten: 0.5 to 1."""
        registry.promise(self._catalog, recall)

    def compact(self) -> int:
        """Drop the vectors of deleted files; the bytes that this freed. Open readers go on with the old ones."""
        with self._catalog.lock("anyseek compact"), self._catalog.read() as snapshot:
            freed = sum(self._catalog.compact(space.space_id) for space in snapshot.spaces())
        self.refresh()
        return freed
