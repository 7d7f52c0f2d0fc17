"""Qdrant as a derived index: filled from the catalog, searched for candidates, scored from our own vectors.

A file beside the catalog remembers which rows Qdrant holds. It is written after Qdrant has acknowledged them, so a run
that is killed sends some rows twice and loses none. Rows that Qdrant does not hold yet are searched exactly and merged;
rows that it still holds but the catalog does not are passed over. So an answer is right however far it lags.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anyseek.contracts import Filter, Modality
from anyseek.stores.exact import ExactStore, checked
from anyseek.stores.qdrant_embedded import Edge
from anyseek.stores.qdrant_engines import Engine, QdrantOptions
from anyseek.stores.qdrant_server import Server

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, Rows

FOLDER = "qdrant"
BATCH = 512

# So few allowed rows are scored one by one from the mapped file faster than any server answers.
FEW = 2_000


@dataclass(slots=True)
class Held:
    """What Qdrant holds: the rows of one generation, ascending, in the collection `name`."""

    name: str
    generation: int
    rows: Rows = field(default_factory=lambda: np.empty(0, np.int64))


def folder_of(index: Path) -> Path:
    """Where the index keeps what it knows about its Qdrant, and the embedded engine's files."""
    return index / FOLDER


def read_held(index: Path, space: SpaceRecord, index_id: str) -> Held:
    """What was acknowledged so far; nothing when the file is missing, damaged, or of another generation."""
    name = f"anyseek-{index_id}-{space.space_id}-{space.generation}"
    try:
        with np.load(folder_of(index) / f"{space.space_id}.npz") as saved:
            told = json.loads(str(saved["about"]))
            if told == {"name": name, "generation": space.generation}:
                return Held(name, space.generation, saved["rows"].astype(np.int64))
    except (OSError, ValueError, KeyError, EOFError):
        pass  # it is only a memory: without it, rows are sent again
    return Held(name, space.generation)


def write_held(index: Path, space_id: int, held: Held) -> None:
    """Whole or not at all, and durable."""
    folder = folder_of(index)
    folder.mkdir(exist_ok=True)
    partial = folder / f"{space_id}.part"
    with partial.open("wb") as file:
        about = json.dumps({"name": held.name, "generation": held.generation})
        np.savez(file, rows=held.rows, about=np.array(about))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / f"{space_id}.npz")


def connect(options: QdrantOptions, index: Path, name: str) -> Engine:
    """The engine that `options` name. Raises MissingExtra, StoreUnreachable, StoreRefused."""
    return Server(options, name) if options.url else Edge(options, folder_of(index) / name)


def sync(
    snapshot: Snapshot,
    space: SpaceRecord,
    engine: Engine,
    held: Held,
    progress: Callable[[int, int], None] | None = None,
) -> Held:
    """Make Qdrant hold what the snapshot holds, batch by batch; the rows that it holds now.

    progress: (rows sent, rows to send). Raises StoreUnreachable, StoreRefused; what was acknowledged is remembered.
    """
    index = snapshot.folder
    engine.ensure(space.card.dim)
    if len(held.rows) and engine.count() == 0:  # somebody emptied it
        held = Held(held.name, held.generation)
    live = snapshot.allowed_rows(space.space_id)
    wanted = np.arange(space.rows, dtype=np.int64) if live is None else live
    gone = np.setdiff1d(held.rows, wanted, assume_unique=True)
    for i in range(0, len(gone), BATCH):
        engine.delete(gone[i : i + BATCH])
    held.rows = np.setdiff1d(held.rows, gone, assume_unique=True)
    missing = np.setdiff1d(wanted, held.rows, assume_unique=True)
    n_sent = 0
    try:
        for rows in _sent(snapshot, space, engine, missing):
            held.rows = np.union1d(held.rows, rows)
            n_sent += len(rows)
            if (n_sent // BATCH) % 16 == 0:
                write_held(index, space.space_id, held)
            if progress:
                progress(n_sent, len(missing))
        if len(missing):
            engine.settle()
    finally:
        write_held(index, space.space_id, held)
    return held


def _sent(snapshot: Snapshot, space: SpaceRecord, engine: Engine, missing: Rows) -> Iterator[Rows]:
    """Sends `missing`, as many batches at once as the engine takes; gives the rows of each that was acknowledged."""
    kinds = modality_of_rows(snapshot, space)
    batches = [missing[i : i + BATCH] for i in range(0, len(missing), BATCH)]
    with ThreadPoolExecutor(engine.lanes) as threads:
        for i in range(0, len(batches), engine.lanes):
            sent = [
                (
                    rows,
                    threads.submit(
                        engine.upsert,
                        rows,
                        snapshot.vectors_at(space.space_id, rows),
                        [kinds(int(row)) for row in rows],
                    ),
                )
                for rows in batches[i : i + engine.lanes]
            ]
            wait([future for _, future in sent])
            # Those that were acknowledged first, then the failure of another.
            for rows, future in sorted(sent, key=lambda one: one[1].exception() is not None):
                future.result()
                yield rows


def modality_of_rows(snapshot: Snapshot, space: SpaceRecord) -> Callable[[int], Modality]:
    """A function from a live row to its modality."""
    found = sorted(snapshot.counts_in(space.space_id))
    number = np.zeros(space.rows, np.int8)
    for i, modality in enumerate(found):
        rows = snapshot.allowed_rows(space.space_id, Filter(frozenset({modality})))
        number[slice(None) if rows is None else rows] = i
    return lambda row: found[number[row]]


class QdrantStore:
    """A VectorStore over an engine. Lives as long as its snapshot; one thread at a time."""

    def __init__(self, snapshot: Snapshot, space_id: int, engine: Engine, held: Held, few: int = FEW) -> None:
        """few: up to so many allowed rows are searched exactly, without asking Qdrant."""
        self._snapshot, self._engine, self._few = snapshot, engine, few
        self._space = next(space for space in snapshot.spaces() if space.space_id == space_id)
        self._exact = ExactStore(snapshot, space_id)
        live = snapshot.allowed_rows(space_id)
        self._live = np.arange(self._space.rows, dtype=np.int64) if live is None else live
        self._held = np.intersect1d(held.rows, self._live, assume_unique=True)
        self._stale = len(held.rows) - len(self._held)
        self._late = np.setdiff1d(self._live, self._held, assume_unique=True)
        self._by_modality: dict[Modality, Rows] = {}

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """See contracts.VectorStore. Raises UsageError, StoreUnreachable, StoreRefused."""
        queries = checked(queries, k, self._space.card.dim)
        wanted = self._live if allow is None else np.intersect1d(np.unique(allow), self._live)
        if k >= len(wanted) or len(wanted) <= self._few or not len(queries):
            return self._exact.search(queries, k, allow)
        modalities = self._modalities(wanted)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        late = np.intersect1d(wanted, self._late, assume_unique=True)
        for i in range(len(queries)):
            query = queries[i : i + 1]
            near = np.union1d(self._near(query, k, wanted, modalities), late)
            one_scores, one_rows = self._exact.search(query, k, near)
            scores[i], rows[i] = one_scores[0], one_rows[0]
        return scores, rows

    def _near(self, query: Floats, k: int, wanted: Rows, modalities: frozenset[Modality] | None) -> Rows:
        """At least k allowed rows that Qdrant holds, as long as there are so many: asks wider until they came."""
        reachable = np.intersect1d(wanted, self._held, assume_unique=True)
        asked = k + min(self._stale, k)
        while True:
            found = np.array(self._engine.candidates(query, asked, modalities)[0], np.int64)
            good = np.intersect1d(found, reachable)
            if len(good) >= k or len(good) == len(reachable):
                return good
            if len(found) < asked or asked >= 16 * k:
                # Few of what is near may answer. The mapped file knows them all.
                return reachable
            asked *= 4

    def _modalities(self, wanted: Rows) -> frozenset[Modality] | None:
        """The modalities that `wanted` has rows of, None for all: Qdrant can leave out the others by itself."""
        if len(wanted) == len(self._live):
            return None
        if not self._by_modality:
            for modality in self._snapshot.counts_in(self._space.space_id):
                rows = self._snapshot.allowed_rows(self._space.space_id, Filter(frozenset({modality})))
                self._by_modality[modality] = self._live if rows is None else rows
        found = {
            modality
            for modality, rows in self._by_modality.items()
            if len(np.intersect1d(rows, wanted, assume_unique=True))
        }
        return None if len(found) == len(self._by_modality) else frozenset(found)

    def close(self) -> None:
        """Safe to call twice."""
        self._exact.close()
        self._engine.close()
