"""Figures of quality: recall at k, zero-shot accuracy, and their bootstrap intervals. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def unit(x: Floats) -> Floats:
    """Rows brought to unit length."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)  # type: ignore[no-any-return]


def first_right(scores: Floats, right: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Rank (0 = first) of the best right answer of every query; scores and right: (queries, answers)."""
    best = np.where(right, scores, -np.inf).max(1, keepdims=True)
    out: npt.NDArray[np.int64] = (scores > best).sum(1)
    return out


def recall(ranks: npt.NDArray[np.int64], ks: Sequence[int] = (1, 5, 10)) -> list[float]:
    """Share of queries, in per cent, whose right answer is among the first k, for every k."""
    return [100.0 * float((ranks < k).mean()) for k in ks]


def interval(
    ranks: npt.NDArray[np.int64],
    k: int,
    groups: npt.NDArray[np.int64] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % bootstrap interval of recall at k, in per cent; `groups` (queries,) are redrawn as wholes."""
    rng = np.random.default_rng(seed)
    hit = (ranks < k).astype(np.float64)
    keys = np.arange(len(hit)) if groups is None else groups
    _, inverse = np.unique(keys, return_inverse=True)
    total, count = np.bincount(inverse, hit), np.bincount(inverse)
    pick = rng.integers(0, len(total), (draws, len(total)))
    shares = 100.0 * total[pick].sum(1) / count[pick].sum(1)
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(low), float(high)


def zero_shot(images: Floats, names: Floats, answer: npt.NDArray[np.int64], k: int = 1) -> float:
    """Per cent of images whose class (index into `names`) is among the k nearest names; all rows unit
    length.
    """
    scores = images @ names.T
    truth = scores[np.arange(len(scores)), answer]
    return 100.0 * float(((scores > truth[:, None]).sum(1) < k).mean())


def mean_average_precision(scores: Floats, right: npt.NDArray[np.bool_]) -> float:
    """In per cent, over the queries (rows) that have a right answer; scores and right: (queries, answers)."""
    asked = right.any(1)
    hits = np.take_along_axis(right, np.argsort(-scores, 1, kind="stable"), 1)[asked]
    precision = hits.cumsum(1) / np.arange(1, hits.shape[1] + 1)
    return 100.0 * float(((precision * hits).sum(1) / hits.sum(1)).mean())
