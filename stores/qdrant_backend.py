"""Qdrant as a store: the choice of its engine. What it holds and how it is searched is qdrant_store's."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from anyseek.errors import StoreRefused, StoreUnreachable
from anyseek.stores.backend import State, StoreBackend, SyncRequest
from anyseek.stores.qdrant_engines import QdrantOptions

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import VectorStore
    from anyseek.stores.qdrant_store import SyncedRows


class QdrantBackend(StoreBackend[QdrantOptions]):
    """A server, a cluster, or the engine inside this process. Its collections stay when another store takes over."""

    options_type = QdrantOptions

    def __init__(self, options: QdrantOptions) -> None:
        super().__init__(options)
        if not options.url:
            self.deadline_s = None

    def open(self, snapshot: Snapshot, space: SpaceRecord) -> VectorStore | None:
        """None where nothing was sent to it, and where the embedded engine's files are not what was left.

        Raises MissingExtra, StoreUnreachable, StoreRefused.
        """
        from anyseek.stores.qdrant_store import QdrantStore, connect

        if not self.options.url and not self._are_files_usable(snapshot, space):
            return None
        synced = self._synced(snapshot, space)
        if not len(synced.rows):
            return None
        engine = connect(self.options, snapshot.folder, synced.collection)
        return QdrantStore(snapshot, space, engine, synced)

    def _are_files_usable(self, snapshot: Snapshot, space: SpaceRecord) -> bool:
        """Whether the embedded engine's files are what was left. Raises StoreInUse where a sync is at work."""
        from anyseek.stores import qdrant_files
        from anyseek.stores.qdrant_store import folder_of

        qdrant = folder_of(snapshot.folder)
        for _ in range(2):  # a sync may end between the two looks
            record = qdrant_files.read_record(qdrant, space.space_id)
            if record is not None and qdrant_files.are_whole(
                qdrant / self._synced(snapshot, space).collection, record
            ):
                return True
            with suppress(OSError):  # no folder, or none that can be read
                qdrant_files.check_no_writer(qdrant)
        return False

    def sync(self, snapshot: Snapshot, space: SpaceRecord, request: SyncRequest) -> None:
        """Sends what Qdrant does not hold yet. Raises MissingExtra, StoreUnreachable, StoreRefused."""
        synced = self._synced(snapshot, space)
        if not self.options.url:
            self._sync_files(snapshot, space, request)
        elif request.rebuild:
            self._fill(snapshot, space, request, replace(synced, rows=synced.rows[:0]))
        else:
            self._fill(snapshot, space, request, synced)

    def _sync_files(self, snapshot: Snapshot, space: SpaceRecord, request: SyncRequest) -> None:
        """`sync` of the embedded engine, whose files are made anew where they are not what was left."""
        from anyseek.stores import qdrant_files
        from anyseek.stores.guarded import sentence
        from anyseek.stores.qdrant_store import folder_of

        qdrant = folder_of(snapshot.folder)
        with qdrant_files.opened_for_writing(qdrant):
            synced = self._synced(snapshot, space)
            folder = qdrant / synced.collection
            record = qdrant_files.read_record(qdrant, space.space_id)
            is_whole = record is not None and qdrant_files.are_whole(folder, record, access=os.R_OK | os.W_OK)
            if is_whole and not request.rebuild and _has_all(snapshot, space, synced):
                return
            qdrant_files.write_record(qdrant, space.space_id, None)
            # Without a record, a sync was killed in the middle, and goes on where it was.
            if request.rebuild or (record is not None and not is_whole):
                synced = self._emptied(snapshot, space)
            try:
                with sentence("Qdrant", "filled"):
                    self._fill(snapshot, space, request, synced)
            except (StoreRefused, StoreUnreachable):
                self._fill(snapshot, space, request, self._emptied(snapshot, space))
            self._settle(snapshot, synced)
            qdrant_files.write_record(qdrant, space.space_id, qdrant_files.record_of(folder))

    def _fill(self, snapshot: Snapshot, space: SpaceRecord, request: SyncRequest, synced: SyncedRows) -> None:
        from anyseek.stores import qdrant_store

        engine = qdrant_store.connect(self.options, snapshot.folder, synced.collection)
        try:
            synced = qdrant_store.sync(
                snapshot,
                space,
                engine,
                synced,
                lambda sent, total: request.progress(f"sent {sent:,} of {total:,} vectors to Qdrant"),
            )
            if not self.options.url and engine.count() != len(synced.rows):
                raise StoreRefused(f"Qdrant holds {engine.count():,} of {len(synced.rows):,} vectors.", "")
        finally:
            engine.close()

    def _settle(self, snapshot: Snapshot, synced: SyncedRows) -> None:
        """The engine writes its configuration anew when it is opened first; from then on its files stay the same."""
        from anyseek.stores import qdrant_store

        engine = qdrant_store.connect(self.options, snapshot.folder, synced.collection)
        try:
            engine.ensure(0)
        finally:
            engine.close()

    def _emptied(self, snapshot: Snapshot, space: SpaceRecord) -> SyncedRows:
        """Its files deleted: nothing was sent to it. Raises ReadOnlyIndex."""
        from anyseek.catalog import derived
        from anyseek.catalog.failures import translated
        from anyseek.stores.qdrant_store import SyncedRows, folder_of, write_synced_rows

        synced = self._synced(snapshot, space)
        with translated(snapshot.folder):
            derived.remove(folder_of(snapshot.folder) / synced.collection)
        empty = SyncedRows(synced.collection, synced.generation)
        write_synced_rows(snapshot.folder, space.space_id, empty)
        return empty

    def check(self, snapshot: Snapshot, space: SpaceRecord) -> str:
        """Holds the embedded engine's files against their checksums."""
        from anyseek.stores import qdrant_files
        from anyseek.stores.qdrant_store import folder_of

        qdrant = folder_of(snapshot.folder)
        record = None if self.options.url else qdrant_files.read_record(qdrant, space.space_id)
        if record is None or qdrant_files.are_whole(qdrant / record.collection, record, thorough=True):
            return ""
        if qdrant_files.read_record(qdrant, space.space_id) != record:
            return ""  # a sync has begun
        return f"The files of the embedded Qdrant of {space.card.name} are damaged; searches go without them."

    def repair(self, snapshot: Snapshot, space: SpaceRecord) -> None:
        """Deletes the embedded engine's files, and the list of what was sent to a server."""
        from anyseek.stores import qdrant_files
        from anyseek.stores.qdrant_store import SyncedRows, folder_of, write_synced_rows

        qdrant = folder_of(snapshot.folder)
        if self.options.url:
            synced = self._synced(snapshot, space)
            empty = SyncedRows(synced.collection, synced.generation)
            write_synced_rows(snapshot.folder, space.space_id, empty)
            return
        with qdrant_files.opened_for_writing(qdrant):
            qdrant_files.write_record(qdrant, space.space_id, None)
            self._emptied(snapshot, space)

    def state(self, snapshot: Snapshot, space: SpaceRecord) -> State:
        """By what was acknowledged."""
        synced = self._synced(snapshot, space)
        name = f"qdrant ({self.options.url or 'embedded'})"
        return State(name, len(synced.rows), space.live, self.options.recall)

    def _synced(self, snapshot: Snapshot, space: SpaceRecord) -> SyncedRows:
        from anyseek.stores.qdrant_store import read_synced_rows

        return read_synced_rows(snapshot.folder, space, snapshot.index_id)


def _has_all(snapshot: Snapshot, space: SpaceRecord, synced: SyncedRows) -> bool:
    """Whether the list is of exactly the rows that can be found."""
    import numpy as np

    live = snapshot.allowed_rows(space.space_id)
    rows = np.arange(space.rows, dtype=np.int64) if live is None else live
    return np.array_equal(synced.rows, rows)
