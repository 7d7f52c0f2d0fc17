"""FAISS for candidates, our own float16 rows for scores: so a score never depends on the kind of index.

What an approximate index loses it loses most for queries of another modality and for narrow filters (docs/stores.md).
So the breadth of a search is the one that was measured for it (see tuning.py), it grows as a filter narrows, few
allowed rows are scored one by one, and rows that the file does not cover yet are scored too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.stores import faiss_file
from anyseek.stores.exact import ExactStore, checked
from anyseek.stores.faiss_file import Description

if TYPE_CHECKING:
    from anyseek.contracts import Floats, Rows
    from anyseek.stores.snapshot import Snapshot

# So few allowed numbers (rows times dimensions) are scored one by one about as fast as an index is searched under a
# filter: 6 ms on one core. And a filter that keeps so small a share makes any search as wide as the index.
FEW_NUMBERS = 8_000_000
FEW_SHARE = 0.02

# Codes of eight bits put a few of the true best further down: candidates a hit that are scored again.
CANDIDATES = 4
_LEAST_CANDIDATES = 40


class FaissStore:
    """A VectorStore over a file of faiss_file. Lives as long as its snapshot; several threads may search."""

    def __init__(
        self, snapshot: Snapshot, space_id: int, found: Description, opened: Any, few: int | None = None
    ) -> None:
        """opened: what `faiss_file.open_file` gave. few: up to so many allowed rows are searched
        exactly; None for the rule."""
        self._space = next(space for space in snapshot.spaces() if space.space_id == space_id)
        self._exact = ExactStore(snapshot, space_id)
        live = snapshot.allowed_rows(space_id)
        self._live = np.arange(self._space.rows, dtype=np.int64) if live is None else live
        self._has_all = live is None
        self._late = self._live[np.searchsorted(self._live, found.rows) :]
        self._found, self._index = found, opened
        few_by_rule = max(FEW_NUMBERS // self._space.card.dim, int(FEW_SHARE * len(self._live)))
        self._few = few_by_rule if few is None else few

    @classmethod
    def open(cls, snapshot: Snapshot, space_id: int, found: Description, folder: Path) -> FaissStore:
        """Raises MissingExtra."""
        return cls(snapshot, space_id, found, faiss_file.open_file(folder, found))

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """See contracts.VectorStore. Raises UsageError."""
        queries = checked(queries, k, self._space.card.dim)
        wanted = self._live if allow is None else self._among_live(allow)
        if k >= len(wanted) or self.is_few(len(wanted)) or not len(queries):
            return self._exact.search(queries, k, wanted)
        return self.search_with(queries, k, wanted, self._breadth(len(wanted)))

    def search_with(self, queries: Floats, k: int, wanted: Rows, breadth: int) -> tuple[Floats, Rows]:
        """Among the rows `wanted` (sorted, live), with this nprobe or efSearch to begin with."""
        scores = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        late = self._late[np.isin(self._late, wanted, assume_unique=True)] if len(self._late) else self._late
        known = len(wanted) - len(late)
        selector = self._selector(wanted)
        open_ = np.arange(len(queries))
        while len(open_):
            asked = min(known, max(_LEAST_CANDIDATES, CANDIDATES * k)) if known else 1
            _, near = self._index.search(queries[open_], asked, params=self._parameters(breadth, selector))
            is_widest = breadth >= self._widest
            short = []
            for i, candidates in zip(open_, near, strict=True):
                candidates = candidates[candidates >= 0]
                if len(candidates) < min(k, known) and not is_widest:
                    short.append(i)
                    continue
                if len(candidates) < min(
                    k, known
                ):  # a graph that does not reach what is left: then all of it
                    candidates = wanted
                allowed = np.union1d(candidates, late) if len(late) else np.sort(candidates)
                one_scores, one_rows = self._exact.search(queries[i : i + 1], k, allowed)
                scores[i], rows[i] = one_scores[0], one_rows[0]
            open_ = np.array(short, np.int64)
            breadth = min(self._widest, 4 * breadth)
        return scores, rows

    def close(self) -> None:
        """Safe to call twice."""
        self._exact.close()
        self._index = None

    # ------------------------------------------------------------ how wide, and among which

    def is_few(self, n_wanted: int) -> bool:
        """Whether so few rows are scored one by one."""
        return n_wanted <= self._few

    @property
    def _widest(self) -> int:
        return self._found.cells if self._found.kind == "ivf" else 4096

    def _breadth(self, n_wanted: int) -> int:
        """What was measured for a modality that so many rows can be of, wider as they are fewer than it has."""
        tuned = [one for one in self._found.tuned.values() if one.breadth]
        if not tuned:
            return self._widest
        of_one = [one for one in tuned if one.rows >= 0.9 * n_wanted] or tuned
        return min(self._widest, max(int(one.breadth * max(1.0, one.rows / n_wanted)) for one in of_one))

    def _among_live(self, allow: Rows) -> Rows:
        allow = np.asarray(allow, np.int64)
        if (np.diff(allow) <= 0).any():
            allow = np.unique(allow)
        if self._has_all:
            return allow[(allow >= 0) & (allow < self._space.rows)]
        return np.intersect1d(allow, self._live, assume_unique=True)

    def _selector(self, wanted: Rows) -> Any:
        """FAISS's own bit for each row; None when every row may answer. Keeps its bits alive."""
        if len(wanted) == self._space.rows:
            return None
        faiss = faiss_file.faiss_module()
        mask = np.zeros(self._found.rows, np.bool_)
        mask[wanted[: np.searchsorted(wanted, self._found.rows)]] = True
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(bits)
        selector.bits_alive = bits
        return selector

    def _parameters(self, breadth: int, selector: Any) -> Any:
        faiss = faiss_file.faiss_module()
        if self._found.kind == "ivf":
            return faiss.SearchParametersIVF(nprobe=breadth, sel=selector)
        return faiss.SearchParametersHNSW(efSearch=breadth, sel=selector)
