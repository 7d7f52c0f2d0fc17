"""`Index.store`: which store answers searches, how it is kept up to date, and how another one is chosen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek.errors import AnyseekError
from anyseek.stores import registry
from anyseek.stores.backend import State, StoreBackend, SyncRequest, silent
from anyseek.stores.backend_options import make_options
from anyseek.stores.fallback import ask_again
from anyseek.stores.guarded import sentence
from anyseek.stores.registry import Choice
from anyseek.stores.trial import try_out

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats

LOG = logging.getLogger(__name__)

_INDEXED = "The index itself is up to date, and searched exactly where the store is behind."


class StoreManager:
    """Of one index.

    Every method but `state` and `follow` may raise IndexLocked, DiskFull, ReadOnlyIndex, MissingExtra,
    StoreUnreachable, StoreRefused.
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
                self._sync(snapshot, space, registry.backend(choice, space), request)
        with self._catalog.read() as snapshot:
            for space in snapshot.spaces()[:1]:
                try_out(snapshot, space, registry.backend(choice, space))
        # Before it answers: killed in between, the old store is filled again, and nothing is left behind for ever.
        with self._catalog.lock("anyseek store"), self._catalog.read() as snapshot:
            for space in snapshot.spaces()[:1]:
                old, new = registry.chosen(snapshot, space).backend, registry.backend(choice, space)
                if not registry.are_alike(old, new):
                    _remove(old, snapshot.folder, space)
        registry.write_choice(self._catalog, choice)

    def refresh(self, progress: Callable[[str], None] | None = None, *, anew: bool = False) -> None:
        """Bring the store up to date with the index, as `Index.add` does. anew: build it again in any case.

        Raises UsageError too, where the chosen store is not installed or does not take the options that are kept.
        """
        request = self._request(progress, rebuild=anew)
        with self._catalog.lock("anyseek store"), self._catalog.read() as snapshot:
            for space in snapshot.spaces()[:1]:
                chosen = registry.chosen(snapshot, space)
                if chosen.problem is not None:
                    raise chosen.problem
                self._sync(snapshot, space, chosen.backend, request)
                # What the rule has left behind, or a change of stores that was killed.
                for other in registry.built_in():
                    if not registry.are_alike(other, chosen.backend):
                        _remove(other, snapshot.folder, space)

    def follow(self) -> str:
        """`refresh` after the index has changed. A store that cannot follow is no reason to fail: what was indexed is
        kept and found by exact search; nor is another writer who has the index by now. Returns a remark on why it
        could not, "" when all is well. Raises none of what the others raise.
        """
        try:
            self.refresh()
        except (AnyseekError, OSError) as error:
            return " ".join(filter(None, [str(error), _INDEXED, getattr(error, "hint", "")]))
        return ""

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
        if remark := self.follow():
            LOG.warning("%s", remark)
        return freed

    def _request(self, progress: Callable[[str], None] | None, *, rebuild: bool = False) -> SyncRequest:
        return SyncRequest(self._texts, progress or silent, rebuild)

    def _sync(
        self, snapshot: Snapshot, space: SpaceRecord, backend: StoreBackend[Any], request: SyncRequest
    ) -> None:
        with sentence(f"The store {registry.name_of(backend)}", "filled"):
            backend.sync(snapshot, space, request)
        ask_again(snapshot.folder)


def _remove(old: StoreBackend[Any], folder: Path, space: SpaceRecord) -> None:
    """A store that cannot be left in order is left all the same."""
    try:
        with sentence(f"The store {registry.name_of(old)}", "removed"):
            old.remove(folder, space)
    except (AnyseekError, OSError) as error:
        LOG.warning("%s Some of its files may be left.", error)
