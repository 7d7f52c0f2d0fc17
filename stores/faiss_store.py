"""FAISS for candidates, our own float16 rows for scores: so a score never depends on the kind of index.

What an approximate index loses it loses most for queries of another modality and for narrow filters (docs/stores.md).
So the breadth of a search is the one that was measured for it (see tuning.py), it grows as a filter narrows, few
allowed rows are scored one by one, and rows that the file does not cover yet are scored too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.stores import faiss_file
from anyseek.stores.exact import ExactStore, checked
from anyseek.stores.faiss_file import Description, OpenIndex

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, Rows

# So few allowed numbers (rows times dimensions) are scored one by one about as fast as an index is searched under a
# filter: 6 ms on one core. And a filter that keeps so small a share makes any search as wide as the index.
FEW_NUMBERS = 8_000_000
FEW_SHARE = 0.02

# The breadth of a search and its candidates are measured for so many hits.
MEASURED_HITS = 10
_UNMEASURED_CANDIDATES = 640


class FaissStore:
    """A VectorStore over a file of faiss_file. Lives as long as its snapshot; several threads may search."""

    def __init__(
        self,
        snapshot: Snapshot,
        space: SpaceRecord,
        description: Description,
        index: OpenIndex,
        few: int | None = None,
    ) -> None:
        """index: what `faiss_file.open_file` gave. few: up to so many allowed rows are searched exactly; None for the
        rule."""
        self._space = space
        self._exact = ExactStore(snapshot, space.space_id)
        self._live = snapshot.allowed_rows(space.space_id)
        if self._live is None:
            n_live, self._late = space.rows, np.arange(description.rows, space.rows, dtype=np.int64)
        else:
            n_live, self._late = len(self._live), self._live[np.searchsorted(self._live, description.rows) :]
        self._description, self._index = description, index
        few_by_rule = max(FEW_NUMBERS // space.card.dim, int(FEW_SHARE * n_live))
        self._few = few_by_rule if few is None else few

    @classmethod
    def open(cls, snapshot: Snapshot, space: SpaceRecord, description: Description) -> FaissStore:
        """The file is read once for all snapshots of a catalog. Raises MissingExtra."""
        index = snapshot.cache.index(
            space.space_id,
            (description.file, description.crc),
            lambda: faiss_file.open_file(snapshot.folder, description),
        )
        return cls(snapshot, space, description, index)

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """See contracts.VectorStore. Raises UsageError."""
        queries = checked(queries, k, self._space.card.dim)
        allowed = self._live if allow is None else self._among_live(allow)
        n_allowed = self._space.rows if allowed is None else len(allowed)
        if k >= n_allowed or self.is_few(n_allowed) or not len(queries):
            return self._exact.search(queries, k, allowed)
        return self.search_with(queries, k, allowed, *self._width(n_allowed))

    def search_with(
        self, queries: Floats, k: int, allowed: Rows | None, breadth: int, candidates: int
    ) -> tuple[Floats, Rows]:
        """Among the rows `allowed` (sorted, live; None for all), with this nprobe or efSearch to begin with.

        candidates: that FAISS gives for ten hits, to be scored again.
        """
        scores = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        late = self._late
        if allowed is not None and len(late):
            late = late[np.isin(late, allowed, assume_unique=True)]
        n_indexed = (self._space.rows if allowed is None else len(allowed)) - len(late)
        n_candidates = max(1, min(n_indexed, candidates * max(k, MEASURED_HITS) // MEASURED_HITS))
        selector = None if allowed is None else self._index.selector(allowed)
        unanswered = np.arange(len(queries))
        while len(unanswered):
            _, near = self._index.index.search(
                queries[unanswered], n_candidates, params=self._parameters(breadth, selector)
            )
            is_widest = breadth >= self._widest
            short = []
            for i, near_rows in zip(unanswered, near, strict=True):
                near_rows = near_rows[near_rows >= 0]
                is_short = len(near_rows) < min(k, n_indexed)
                if is_short and not is_widest:
                    short.append(i)
                    continue
                # A graph that does not reach what is left: then all of it is scored.
                to_score = allowed if is_short else np.sort(np.concatenate([near_rows, late]))
                one_scores, one_rows = self._exact.search(queries[i : i + 1], k, to_score)
                scores[i], rows[i] = one_scores[0], one_rows[0]
            unanswered = np.array(short, np.int64)
            breadth = min(self._widest, 4 * breadth)
        return scores, rows

    def close(self) -> None:
        """Safe to call twice."""
        self._exact.close()

    # ------------------------------------------------------------ how wide, and among which

    def is_few(self, n_allowed: int) -> bool:
        """Whether so few rows are scored one by one."""
        return n_allowed <= self._few

    @property
    def _widest(self) -> int:
        return self._description.cells if self._description.kind == "ivf" else 4096

    def _width(self, n_allowed: int) -> tuple[int, int]:
        """Breadth and candidates, as measured for the modalities that have so many rows; wider in the proportion in
        which the allowed rows are fewer."""
        tuned = [one for one in self._description.tuned.values() if one.breadth]
        if not tuned:
            return self._widest, _UNMEASURED_CANDIDATES
        of_one = [one for one in tuned if one.rows >= 0.9 * n_allowed] or tuned
        breadth = max(int(one.breadth * max(1.0, one.rows / n_allowed)) for one in of_one)
        return min(self._widest, breadth), max(one.candidates for one in of_one)

    def _among_live(self, allow: Rows) -> Rows:
        allow = np.asarray(allow, np.int64)
        if (allow[1:] <= allow[:-1]).any():
            allow = np.unique(allow)
        if len(allow) and (allow[0] < 0 or allow[-1] >= self._space.rows):
            allow = allow[(allow >= 0) & (allow < self._space.rows)]
        return allow if self._live is None else np.intersect1d(allow, self._live, assume_unique=True)

    def _parameters(self, breadth: int, selector: Any) -> Any:
        faiss = faiss_file.faiss_module()
        if self._description.kind == "ivf":
            return faiss.SearchParametersIVF(nprobe=breadth, sel=selector)
        return faiss.SearchParametersHNSW(efSearch=breadth, sel=selector)
