"""Exact search over the flat vector file: every allowed row is scored, in blocks.

Two passes. The first scores blocks with a matrix product and keeps what may be among the best k; the second
scores those few again, each on its own and in double precision. So a score does not depend on which block
its row fell into, on how many queries came together or on the BLAS, and equal vectors have equal scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from anyseek.catalog.vectors import Halves, take_rows
from anyseek.errors import UsageError

if TYPE_CHECKING:
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, Rows

# A block of float32 rows. Between 1 and 8 MiB, 4 was the best or next to it for 1 to 256 queries.
BLOCK_BYTES = 4 << 20
QUERIES_AT_ONCE = 256

# So few queries are multiplied without BLAS: its threads wait for one another at every block, which on a
# busy machine took 16 ms where the work takes 0.4 (measured, 4,096 x 512 on two cores).
FEW_QUERIES = 8

# Twenty times the largest error that float32 sums of 1,024 products showed: what lies within this of the
# k-th best score gets a second look.
SLACK = 1e-5

# Of rows that are all within SLACK of the k-th best (the many silences of a sound library), this many more
# than k are looked at again, lower rows first.
MOST_TIES = 1024


# Queries are unit rows; larger numbers than this could not be scaled by 2**112 in float32.
MOST_QUERY = 1000.0

# float16 bits, moved to where float32 keeps them, mean the same number times 2**-112.
_EXPONENT_SHIFT = np.float32(2.0**112)


class ExactStore:
    """A VectorStore that finds the true best and needs no building. Its vectors outlive the snapshot.

    Searches from several threads at once are safe. Raises IndexDamaged when the vector file is cut off.
    """

    def __init__(self, snapshot: Snapshot, space_id: int) -> None:
        self._snapshot, self._space_id = snapshot, space_id
        self._vectors: Halves | None = snapshot.vectors(space_id)
        self._live: Rows | None = snapshot.allowed_rows(space_id)

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """Scores (n, k) float32 and rows (n, k) int64, best first: see contracts.VectorStore.

        Rows of `allow` that are deleted or do not exist are passed over.
        Raises UsageError for k below 1, another dimension, or queries that are not finite.
        """
        vectors = self._open_vectors()
        queries = checked(queries, k, vectors.shape[1])
        allowed = self._searchable(allow, len(vectors))
        scores = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        for i in range(0, len(queries), QUERIES_AT_ONCE):
            part = queries[i : i + QUERIES_AT_ONCE]
            for j, candidates in enumerate(self._candidates(part, k, allowed), start=i):
                best, best_rows = _best(vectors, queries[j], candidates, k)
                scores[j, : len(best)], rows[j, : len(best)] = best, best_rows
        return scores, rows

    def close(self) -> None:
        """Release the mapped file; safe to call twice."""
        self._vectors = None
        vars(self).pop("_wide", None)

    def __enter__(self) -> ExactStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _candidates(self, queries: Floats, k: int, allowed: Rows | None) -> list[Rows]:
        """For each query, ascending rows among which its best k are."""
        candidates = [_Candidates(k) for _ in queries]
        floors = np.full(len(queries), -np.inf, np.float32)
        scaled = queries * _EXPONENT_SHIFT
        for rows, block in _blocks(self._open_vectors(), self._wide, allowed):
            scores = _products(scaled, block)
            for i in np.flatnonzero(scores.max(axis=1) >= floors):
                floors[i] = candidates[i].add(scores[i], rows)
        return [one.rows for one in candidates]

    @cached_property
    def _wide(self) -> Floats | None:
        """All rows times 2**-112, where they are kept. Only a search wants them: behind another store there is none."""
        return self._snapshot.kept_wide(self._space_id, self._open_vectors(), _all_widened)

    def _open_vectors(self) -> Halves:
        if self._vectors is None:
            raise UsageError("This store is closed.")
        return self._vectors

    def _searchable(self, allow: Rows | None, n_rows: int) -> Rows | None:
        """Sorted rows to look at, None for all."""
        if allow is None:
            return self._live
        allow = np.asarray(allow, np.int64)
        if (np.diff(allow) <= 0).any():
            allow = np.unique(allow)
        allow = allow[(allow >= 0) & (allow < n_rows)]
        if self._live is None:
            return allow
        return np.intersect1d(allow, self._live, assume_unique=True)


def checked(queries: Floats, k: int, dim: int) -> Floats:
    """The queries as contiguous float32 (n, dim). Raises UsageError for another shape, k below 1, infinite numbers."""
    queries = np.ascontiguousarray(queries, np.float32)
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise UsageError(f"Expected queries of shape (n, {dim}), got {queries.shape}.")
    if k < 1:
        raise UsageError(f"k is {k}; it has to be 1 or more.")
    if not (np.abs(queries) < MOST_QUERY).all():  # false for NaN too
        raise UsageError("A query vector holds a number that is not finite, or far from unit length.")
    return queries


def _products(queries: Floats, rows: Floats) -> Floats:
    """(n, r) inner products."""
    if len(queries) > FEW_QUERIES:
        return queries @ rows.T
    return np.stack([np.einsum("rd,d->r", rows, query) for query in queries])


class _Candidates:
    """Rows that may be among one query's best k, ascending, with their rough scores."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._floor = np.float32(-np.inf)
        self._scores: npt.NDArray[np.float32] = np.empty(0, np.float32)
        self.rows: Rows = np.empty(0, np.int64)

    def add(self, scores: npt.NDArray[np.float32], rows: Rows) -> np.float32:
        """Take in what may be among the best k of a block; returns the score below which no row can be."""
        good = scores >= self._floor
        self._scores = np.concatenate([self._scores, scores[good]])
        self.rows = np.concatenate([self.rows, rows[good]])
        surplus = len(self.rows) - self._k
        if surplus > 0:
            kth = np.partition(self._scores, surplus)[surplus]
            self._floor = np.float32(kth - SLACK)
            self._keep(self._scores >= self._floor)
            if len(self.rows) > self._k + MOST_TIES:
                ties = np.flatnonzero(self._scores <= kth + SLACK)
                keep = np.ones(len(self.rows), np.bool_)
                keep[ties[self._k + MOST_TIES - len(self.rows) :]] = False
                self._keep(keep)
        return self._floor

    def _keep(self, which: npt.NDArray[np.bool_]) -> None:
        self._scores, self.rows = self._scores[which], self.rows[which]


def _blocks(vectors: Halves, wide: Floats | None, allowed: Rows | None) -> Iterator[tuple[Rows, Floats]]:
    """Ascending rows with their vectors times 2**-112, float32: of `wide`, or widened, and overwritten by the next."""
    n_rows, dim = vectors.shape
    size = max(1, BLOCK_BYTES // (4 * dim))
    if wide is not None:
        for rows, where in _places(n_rows, allowed, size):
            yield rows, wide[where]
        return
    bits = vectors.view(np.int16)
    buffer = np.empty((min(size, n_rows), dim), np.int32)
    for rows, where in _places(n_rows, allowed, size):
        yield rows, _widened(bits[where], buffer)


def _places(n_rows: int, allowed: Rows | None, size: int) -> Iterator[tuple[Rows, slice | Rows]]:
    """Ascending rows, `size` at once, and how they are taken: as a slice where they follow one another."""
    if allowed is None:
        for first in range(0, n_rows, size):
            last = min(first + size, n_rows)
            yield np.arange(first, last), slice(first, last)
        return
    for i in range(0, len(allowed), size):
        rows = allowed[i : i + size]
        first, last = int(rows[0]), int(rows[-1]) + 1
        yield rows, slice(first, last) if last - first == len(rows) else rows


def _all_widened(vectors: Halves) -> Floats:
    """All rows, times 2**-112."""
    return _widened(vectors.view(np.int16), np.empty(vectors.shape, np.int32))


def _widened(bits: npt.NDArray[np.int16], buffer: npt.NDArray[np.int32]) -> Floats:
    """float16 bits as float32 numbers times 2**-112, in `buffer`.

    numpy converts halves one by one; moving all their bits at once is five times as fast.
    """
    wide = buffer[: len(bits)]
    np.copyto(wide, bits)  # repeats the sign bit upward
    np.left_shift(wide, 13, out=wide)
    np.bitwise_and(wide, np.int32(-0x70002000), out=wide)  # 0x8fffe000: sign, exponent, fraction
    return wide.view(np.float32)


def _best(vectors: Halves, query: Floats, rows: Rows, k: int) -> tuple[Floats, Rows]:
    """The best k of `rows`, scored one by one: by score, then by row. Damaged rows are left out."""
    products = take_rows(vectors, rows).astype(np.float64) * query
    scores = products.sum(axis=1).astype(np.float32)
    order = np.lexsort((rows, -scores))
    order = order[np.isfinite(scores[order])][:k]
    return scores[order], rows[order]
