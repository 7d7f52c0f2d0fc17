"""Qdrant as a store: the choice of its engine. What it holds and how it is searched is qdrant_store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseek.stores.backend import State, StoreBackend, SyncRequest
from anyseek.stores.qdrant_engines import QdrantOptions

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import VectorStore
    from anyseek.stores.qdrant_engines import QdrantEngine
    from anyseek.stores.qdrant_store import SyncedRows


class QdrantBackend(StoreBackend[QdrantOptions]):
    """A server, a cluster, or the engine inside this process. Its collections stay when another store takes over."""

    options_type = QdrantOptions

    def open(self, snapshot: Snapshot, space: SpaceRecord) -> VectorStore:
        """Raises MissingExtra, StoreUnreachable, StoreRefused."""
        from anyseek.stores.qdrant_store import QdrantStore

        engine, synced = self._connect(snapshot, space)
        return QdrantStore(snapshot, space, engine, synced)

    def sync(self, snapshot: Snapshot, space: SpaceRecord, request: SyncRequest) -> None:
        """Sends what Qdrant does not hold yet. Raises MissingExtra, StoreUnreachable, StoreRefused."""
        from anyseek.stores import qdrant_store

        engine, synced = self._connect(snapshot, space)
        try:
            qdrant_store.sync(
                snapshot,
                space,
                engine,
                synced,
                lambda sent, total: request.progress(f"sent {sent:,} of {total:,} vectors to Qdrant"),
            )
        finally:
            engine.close()

    def state(self, snapshot: Snapshot, space: SpaceRecord) -> State:
        """By what was acknowledged."""
        from anyseek.stores import qdrant_store

        synced = qdrant_store.read_synced_rows(snapshot.folder, space, snapshot.index_id)
        name = f"qdrant ({self.options.url or 'embedded'})"
        return State(name, len(synced.rows), space.live, self.options.recall)

    def _connect(self, snapshot: Snapshot, space: SpaceRecord) -> tuple[QdrantEngine, SyncedRows]:
        from anyseek.stores import qdrant_store

        synced = qdrant_store.read_synced_rows(snapshot.folder, space, snapshot.index_id)
        return qdrant_store.connect(self.options, snapshot.folder, synced.collection), synced
