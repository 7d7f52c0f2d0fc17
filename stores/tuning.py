"""The promise of recall: how wide a search has to be and how many of its answers to score again, measured on the
index's own vectors against exact truth.

Queries of another modality lie outside of what the index was fitted to, so every pair counts for itself: queries
sampled from each modality, and texts from a bank, against the rows of each modality, with that filter in place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from anyseek.contracts import Filter, Modality
from anyseek.stores.exact import ExactStore
from anyseek.stores.faiss_file import Description, OpenIndex, Tuned
from anyseek.stores.faiss_store import FaissStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, Rows

K = 10
QUERIES = 200
"""Sampled of each modality: a recall measured with 2,000 answers is known to about half a hundredth."""

_MARGIN = 0.01  # a sample is not the truth: it has to reach so much more than was promised
_FIRST = {"ivf": 4, "hnsw": 32}
_LEAST_CANDIDATES, _MOST_CANDIDATES = 4 * K, 256 * K
"""For K hits; beyond, scoring them would take longer than finding them."""


def tuned(
    snapshot: Snapshot,
    space: SpaceRecord,
    description: Description,
    index: OpenIndex,
    target: float,
    texts: Floats | None,
) -> Description:
    """The description with the breadth that reaches `target` (recall@10) for the worst pair, or the widest.

    texts: (n, dim) more queries, of text, for libraries that have none.
    """
    store = FaissStore(snapshot, space, description, index)
    exact = ExactStore(snapshot, space.space_id)
    queries = _sampled(snapshot, space.space_id, texts)
    results = {}
    for modality in snapshot.counts_in(space.space_id):
        rows = _rows_of(snapshot, space.space_id, modality)
        if store.is_few(len(rows)):
            results[str(modality)] = Tuned(0, len(rows), dict.fromkeys(queries, 1.0))
        else:
            results[str(modality)] = _tune_one(store, exact, queries, rows, description, target)
    store.close()
    return replace(description, target=target, tuned=results)


def _tune_one(
    store: FaissStore,
    exact: ExactStore,
    queries: dict[str, Floats],
    rows: Rows,
    description: Description,
    target: float,
) -> Tuned:
    truth = {name: exact.search(vectors, K, rows)[0][:, -1] for name, vectors in queries.items()}
    widest = description.cells if description.kind == "ivf" else 4096
    enough = min(1.0, target + _MARGIN)

    def measured(breadth: int, candidates: int) -> dict[str, float]:
        return {
            name: _recall(store.search_with(vectors, K, rows, breadth, candidates)[0], truth[name])
            for name, vectors in queries.items()
        }

    def suffices(recall: dict[str, float]) -> bool:
        return min(recall.values()) >= enough

    candidates, recall = _LEAST_CANDIDATES, measured(widest, _LEAST_CANDIDATES)
    while not suffices(recall) and candidates < min(_MOST_CANDIDATES, len(rows)):
        candidates *= 2
        recall = measured(widest, candidates)
    breadth, recall = _narrowed(
        lambda breadth: measured(breadth, candidates), suffices, _FIRST[description.kind], widest
    )
    return Tuned(breadth, len(rows), {name: round(value, 4) for name, value in recall.items()}, candidates)


def _narrowed(
    measured: Callable[[int], dict[str, float]],
    suffices: Callable[[dict[str, float]], bool],
    first: int,
    widest: int,
) -> tuple[int, dict[str, float]]:
    """The narrowest breadth that suffices, to an eighth of the way, or the widest; and its recall."""
    too_narrow, breadth = 0, min(first, widest)
    recall = measured(breadth)
    while not suffices(recall) and breadth < widest:
        too_narrow, breadth = breadth, min(widest, 2 * breadth)
        recall = measured(breadth)
    for _ in range(3):
        middle = (too_narrow + breadth + 1) // 2
        if not too_narrow or middle >= breadth:
            break
        narrower = measured(middle)
        if suffices(narrower):
            breadth, recall = middle, narrower
        else:
            too_narrow = middle
    return breadth, recall


def _recall(scores: Floats, tenth: Floats) -> float:
    """How many of the answers are as good as the true tenth: ties count."""
    return float((scores >= tenth[:, None] - 1e-6).mean())


def _sampled(snapshot: Snapshot, space_id: int, texts: Floats | None) -> dict[str, Floats]:
    rng = np.random.default_rng(1)
    """Queries, by the modality they are of; "words" for the texts of the bank."""
    queries: dict[str, Floats] = {}
    for modality in snapshot.counts_in(space_id):
        rows = _rows_of(snapshot, space_id, modality)
        if len(rows):
            sample = np.sort(rng.choice(rows, min(QUERIES, len(rows)), replace=False))
            queries[str(modality)] = snapshot.vectors_at(space_id, sample)
    if texts is not None and len(texts):
        queries["words"] = np.asarray(texts[:QUERIES], np.float32)
    return queries


def _rows_of(snapshot: Snapshot, space_id: int, modality: Modality) -> Rows:
    rows = snapshot.allowed_rows(space_id, Filter(frozenset({modality})))
    assert rows is not None, "a filter by modality gives rows"
    return rows
