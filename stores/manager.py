"""`Index.store`: which store answers searches, how it is kept up to date, and how another one is chosen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.errors import StoreRefused, UsageError
from anyseek.stores import registry
from anyseek.stores.backend import State, StoreBackend, SyncRequest, silent
from anyseek.stores.backend_options import make_options
from anyseek.stores.registry import Choice

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.records import SpaceRecord
    from anyseek.contracts import Floats

LOG = logging.getLogger(__name__)

_SAMPLE = 20
"""Stored vectors that a new store has to find before it answers."""


class StoreManager:
    """Of one index.

    Every method but `state` may raise IndexLocked, DiskFull, ReadOnlyIndex, MissingExtra, StoreUnreachable,
    StoreRefused.
    """

    def __init__(self, catalog: Catalog, texts: Callable[[], Floats]) -> None:
        """texts: makes (n, dim) queries of text, to measure recall with."""
        self._catalog, self._texts = catalog, texts

    def state(self) -> State | None:
        """Which store answers, and with which recall; None for an empty index."""
        with self._catalog.read() as snapshot:
            return registry.state(snapshot)

    def set(
        self, choice: Choice | str, progress: Callable[[str], None] | None = None, **options: Any
    ) -> None:
        """Fill another store from the catalog, try it, and only then let it answer. Resumable: the same call again.

        choice: a store by its name, with its options as keywords; or both as a Choice. progress: is called with lines
        for people. Raises UsageError for a store or options that do not exist.
        """
        if isinstance(choice, Choice):
            choice = Choice(choice.name, {**choice.options, **options})
        else:
            choice = Choice(choice, options)
        request = self._request(progress)
        registry.require(choice)
        with self._catalog.lock("anyseek store"), self._catalog.read() as snapshot:
            for space in snapshot.spaces()[:1]:
                registry.backend(choice, space).sync(snapshot, space, request)
        self._verify(choice)
        # Before it answers: killed in between, the old store is filled again, and nothing is left behind for ever.
        with self._catalog.lock("anyseek store"), self._catalog.read() as snapshot:
            for space in snapshot.spaces()[:1]:
                old, new = registry.chosen_backend(snapshot, space), registry.backend(choice, space)
                if not registry.are_alike(old, new):
                    _remove(old, snapshot.folder, space)
        registry.write_choice(self._catalog, choice)

    def refresh(self, progress: Callable[[str], None] | None = None, *, anew: bool = False) -> None:
        """Bring the store up to date with the index, as `Index.add` does. anew: build it again in any case."""
        request = self._request(progress, rebuild=anew)
        with self._catalog.lock("anyseek store"), self._catalog.read() as snapshot:
            for space in snapshot.spaces()[:1]:
                chosen = registry.chosen_backend(snapshot, space)
                chosen.sync(snapshot, space, request)
                # What the rule has left behind, or a change of stores that was killed.
                for other in registry.built_in():
                    if not registry.are_alike(other, chosen):
                        other.remove(snapshot.folder, space)

    def promise(self, recall: float) -> None:
        """Keep the recall that an approximate store has to reach, a share of the true best ten: 0.5 to 1.

        It holds from the next refresh on. Raises UsageError for a store that promises none.
        """
        with self._catalog.read() as snapshot:
            choice = registry.read_choice(snapshot)
        options = {**choice.options, "recall": recall}
        if choice.name != registry.AUTO and registry.backend_type(choice.name).is_exact:
            # Whatever is promised holds; the value is checked all the same.
            make_options(registry.AUTO, registry.options_type(registry.AUTO), {"recall": recall})
        else:
            registry.write_choice(self._catalog, Choice(choice.name, options))

    def compact(self) -> int:
        """Drop the vectors of deleted files; the bytes that this freed. Open readers go on with the old ones."""
        with self._catalog.lock("anyseek compact"), self._catalog.read() as snapshot:
            freed = sum(self._catalog.compact(space.space_id) for space in snapshot.spaces())
        self.refresh()
        return freed

    def _request(self, progress: Callable[[str], None] | None, *, rebuild: bool = False) -> SyncRequest:
        return SyncRequest(self._texts, progress or silent, rebuild)

    def _verify(self, choice: Choice) -> None:
        """A sample of stored vectors must find themselves. Raises UsageError."""
        with self._catalog.read() as snapshot:
            for space in snapshot.spaces()[:1]:
                live = snapshot.allowed_rows(space.space_id)
                rows = np.arange(space.rows, dtype=np.int64) if live is None else live
                if not len(rows):
                    return
                sample = np.random.default_rng(2).choice(rows, min(_SAMPLE, len(rows)), replace=False)
                queries = snapshot.vectors_at(space.space_id, sample)
                store = registry.open_store(snapshot, space.space_id, choice)
                try:
                    scores, _ = store.search(queries, 1)
                finally:
                    store.close()
                if (scores[:, 0] < 0.99).mean() > 0.1:
                    raise UsageError("The new store does not find what was put into it; the old one stays.")


def _remove(old: StoreBackend[Any], folder: Path, space: SpaceRecord) -> None:
    """A store that cannot be left in order is left all the same."""
    try:
        old.remove(folder, space)
    except StoreRefused as error:
        LOG.warning("%s Some of its files may be left.", error.message)
