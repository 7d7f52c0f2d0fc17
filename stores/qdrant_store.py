"""Qdrant as a derived index: filled from the catalog, searched for candidates, scored from our own vectors.

A file beside the catalog lists the rows that Qdrant has. It is written after Qdrant acknowledged them, so a run that is
killed sends some rows twice and loses none. Rows that Qdrant does not have yet are searched exactly and merged; rows
that it still has but the catalog does not are passed over. So an answer is right however far it lags behind.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anyseek.catalog import derived
from anyseek.contracts import Filter, Modality
from anyseek.stores.exact import ExactStore, checked
from anyseek.stores.qdrant_embedded import EmbeddedEngine
from anyseek.stores.qdrant_engines import QdrantEngine, QdrantOptions
from anyseek.stores.qdrant_server import ServerEngine

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, Rows

LOG = logging.getLogger(__name__)

FOLDER = "qdrant"
BATCH = 512

# So few allowed rows are scored one by one from the mapped file faster than any server answers.
FEW = 2_000

_MOST_ROWS, _MOST_BESIDE_ROWS = 1 << 27, 64 << 10  # of the list of synced rows: numbers, bytes of all else


@dataclass(slots=True)
class SyncedRows:
    """The rows of one generation that Qdrant has acknowledged, ascending, in the collection of that name."""

    collection: str
    generation: int
    rows: Rows = field(default_factory=lambda: np.empty(0, np.int64))


def folder_of(folder: Path) -> Path:
    """Where the lists of synced rows are, and the embedded engine's files."""
    return folder / FOLDER


def read_synced_rows(folder: Path, space: SpaceRecord, index_id: str) -> SyncedRows:
    """What was acknowledged so far; no rows when the file is missing, damaged, or of another generation."""
    collection = f"anyseek-{index_id}-{space.space_id}-{space.generation}"
    try:
        data = derived.read_file(
            folder_of(folder) / f"{space.space_id}.npz", 8 * min(space.rows, _MOST_ROWS) + _MOST_BESIDE_ROWS
        )
        with np.load(io.BytesIO(data or b"")) as saved:
            derived.check_stored(saved)
            about = json.loads(str(saved["about"]))
            if about == {"name": collection, "generation": space.generation}:
                return SyncedRows(collection, space.generation, saved["rows"].astype(np.int64))
    except Exception:
        LOG.debug("The list of what Qdrant has cannot be read, so all rows are sent again.", exc_info=True)
    return SyncedRows(collection, space.generation)


def write_synced_rows(folder: Path, space_id: int, synced: SyncedRows) -> None:
    """Whole or not at all, and durable. Raises DiskFull, ReadOnlyIndex."""
    about = json.dumps({"name": synced.collection, "generation": synced.generation})
    data = io.BytesIO()
    np.savez(data, rows=synced.rows, about=np.array(about))
    derived.write_file(folder_of(folder) / f"{space_id}.npz", data.getvalue())


def connect(options: QdrantOptions, folder: Path, collection: str) -> QdrantEngine:
    """The engine that `options` name. Raises MissingExtra, StoreUnreachable, StoreRefused."""
    if options.url:
        return ServerEngine(options, collection)
    return EmbeddedEngine(options, folder_of(folder) / collection)


def sync(
    snapshot: Snapshot,
    space: SpaceRecord,
    engine: QdrantEngine,
    synced: SyncedRows,
    progress: Callable[[int, int], None] | None = None,
) -> SyncedRows:
    """Bring Qdrant up to date with the snapshot, batch by batch; returns the rows that it has now.

    progress: (rows sent, rows to send). Raises StoreUnreachable, StoreRefused, DiskFull, ReadOnlyIndex; what was
    acknowledged before is on the list then.
    """
    engine.ensure(space.card.dim)
    if len(synced.rows) and engine.count() == 0:  # somebody emptied it
        synced = SyncedRows(synced.collection, synced.generation)
    live = snapshot.allowed_rows(space.space_id)
    rows = np.arange(space.rows, dtype=np.int64) if live is None else live
    gone = np.setdiff1d(synced.rows, rows, assume_unique=True)
    for i in range(0, len(gone), BATCH):
        engine.delete(gone[i : i + BATCH])
    synced.rows = np.setdiff1d(synced.rows, gone, assume_unique=True)
    missing = np.setdiff1d(rows, synced.rows, assume_unique=True)
    n_sent = 0
    try:
        for sent in _send(snapshot, space, engine, missing):
            synced.rows = np.union1d(synced.rows, sent)
            n_sent += len(sent)
            if (n_sent // BATCH) % 16 == 0:
                write_synced_rows(snapshot.folder, space.space_id, synced)
            if progress:
                progress(n_sent, len(missing))
        if len(missing):
            engine.finish_building()
    finally:
        write_synced_rows(snapshot.folder, space.space_id, synced)
    return synced


def _send(snapshot: Snapshot, space: SpaceRecord, engine: QdrantEngine, missing: Rows) -> Iterator[Rows]:
    """Sends `missing`, as many batches at once as the engine takes; yields the rows of each that was acknowledged."""
    modality = modality_of_rows(snapshot, space)
    batches = [missing[i : i + BATCH] for i in range(0, len(missing), BATCH)]
    with ThreadPoolExecutor(engine.upsert_threads) as threads:
        for i in range(0, len(batches), engine.upsert_threads):
            sent = [
                (
                    rows,
                    threads.submit(
                        engine.upsert,
                        rows,
                        snapshot.vectors_at(space.space_id, rows),
                        [modality(int(row)) for row in rows],
                    ),
                )
                for rows in batches[i : i + engine.upsert_threads]
            ]
            wait([future for _, future in sent])
            # Those that were acknowledged first, then the failure of another.
            for rows, future in sorted(sent, key=lambda one: one[1].exception() is not None):
                future.result()
                yield rows


def modality_of_rows(snapshot: Snapshot, space: SpaceRecord) -> Callable[[int], Modality]:
    """A function from a live row to its modality."""
    modalities = sorted(snapshot.counts_in(space.space_id))
    number = np.zeros(space.rows, np.int8)
    for i, modality in enumerate(modalities):
        rows = snapshot.allowed_rows(space.space_id, Filter(frozenset({modality})))
        number[slice(None) if rows is None else rows] = i
    return lambda row: modalities[number[row]]


class QdrantStore:
    """A VectorStore over an engine. Lives as long as its snapshot; one thread at a time."""

    def __init__(
        self,
        snapshot: Snapshot,
        space: SpaceRecord,
        engine: QdrantEngine,
        synced: SyncedRows,
        few: int | None = None,
    ) -> None:
        """few: up to so many allowed rows are searched exactly, without asking Qdrant; None for the rule."""
        self._snapshot, self._space, self._engine = snapshot, space, engine
        self._few = FEW if few is None else few
        self._exact = ExactStore(snapshot, space.space_id)
        live = snapshot.allowed_rows(space.space_id)
        self._live = np.arange(space.rows, dtype=np.int64) if live is None else live
        self._synced = np.intersect1d(synced.rows, self._live, assume_unique=True)
        self._n_stale = len(synced.rows) - len(self._synced)
        self._late = np.setdiff1d(self._live, self._synced, assume_unique=True)
        self._by_modality: dict[Modality, Rows] = {}

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """See contracts.VectorStore. Raises UsageError, StoreUnreachable, StoreRefused."""
        queries = checked(queries, k, self._space.card.dim)
        allowed = self._live if allow is None else np.intersect1d(np.unique(allow), self._live)
        if k >= len(allowed) or len(allowed) <= self._few or not len(queries):
            return self._exact.search(queries, k, allow)
        modalities = self._modalities(allowed)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        late = np.intersect1d(allowed, self._late, assume_unique=True)
        for i in range(len(queries)):
            query = queries[i : i + 1]
            near = np.union1d(self._near(query, k, allowed, modalities), late)
            one_scores, one_rows = self._exact.search(query, k, near)
            scores[i], rows[i] = one_scores[0], one_rows[0]
        return scores, rows

    def _near(self, query: Floats, k: int, allowed: Rows, modalities: frozenset[Modality] | None) -> Rows:
        """At least k allowed rows that Qdrant has, as long as there are so many: more are requested until they came."""
        reachable = np.intersect1d(allowed, self._synced, assume_unique=True)
        n_requested = k + min(self._n_stale, k)
        while True:
            near = np.array(self._engine.candidates(query, n_requested, modalities)[0], np.int64)
            allowed_near = np.intersect1d(near, reachable)
            if len(allowed_near) >= k or len(allowed_near) == len(reachable):
                return allowed_near
            if len(near) < n_requested or n_requested >= 16 * k:
                # Few of the rows that are near are allowed. The mapped file has them all.
                return reachable
            n_requested *= 4

    def _modalities(self, allowed: Rows) -> frozenset[Modality] | None:
        """The modalities of the allowed rows, None for all: Qdrant can leave out the others by itself."""
        if len(allowed) == len(self._live):
            return None
        if not self._by_modality:
            for modality in self._snapshot.counts_in(self._space.space_id):
                rows = self._snapshot.allowed_rows(self._space.space_id, Filter(frozenset({modality})))
                self._by_modality[modality] = self._live if rows is None else rows
        present = {
            modality
            for modality, rows in self._by_modality.items()
            if len(np.intersect1d(rows, allowed, assume_unique=True))
        }
        return None if len(present) == len(self._by_modality) else frozenset(present)

    def close(self) -> None:
        """Safe to call twice."""
        self._exact.close()
        self._engine.close()
