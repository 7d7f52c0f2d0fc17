"""Made vectors with a modality gap, and a stopwatch: what benchmarks of stores share."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from anyseek.contracts import Modality

Floats = npt.NDArray[np.float32]

MEANING, OWN = 48, 160
ENERGY = {Modality.IMAGE: (0.50, 0.15, 0.30, 0.05), Modality.TEXT: (0.50, 0.20, 0.25, 0.05)}
"""Shares of the modality's direction, of the meaning, of what is its own, and of noise."""


class Gap:
    """A space of two modalities. All maps are orthonormal and orthogonal to one another."""

    def __init__(self, dim: int, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        own = min(OWN, (dim - 2 - MEANING) // 2)
        axes = np.linalg.qr(rng.standard_normal((dim, 2 + MEANING + 2 * own)))[0].astype(np.float32)
        self.dim, self.own = dim, own
        self.centre = {Modality.IMAGE: axes[:, 0], Modality.TEXT: 0.24 * axes[:, 0] + 0.971 * axes[:, 1]}
        self.meaning = axes[:, 2 : 2 + MEANING]
        rest = axes[:, 2 + MEANING :]
        self.private = {Modality.IMAGE: rest[:, :own], Modality.TEXT: rest[:, own:]}
        self.topics = rng.standard_normal((2400, MEANING)) * np.arange(1, MEANING + 1) ** -0.5

    def rows(self, modality: Modality, n: int, seed: int) -> Floats:
        """(n, dim) unit rows."""
        rng = np.random.default_rng(seed)
        out = np.empty((n, self.dim), np.float32)
        a, b, c, e = np.sqrt(ENERGY[modality])
        for i in range(0, n, 50_000):
            k = min(50_000, n - i)
            z = self.topics[rng.choice(len(self.topics), k)] + 0.35 * rng.standard_normal((k, MEANING))
            u = rng.standard_normal((k, self.own)) * np.arange(1, self.own + 1) ** -0.5
            z /= np.linalg.norm(z, axis=1, keepdims=True)
            u /= np.linalg.norm(u, axis=1, keepdims=True)
            x = a * self.centre[modality] + b * z @ self.meaning.T + c * u @ self.private[modality].T
            x += e / np.sqrt(self.dim) * rng.standard_normal((k, self.dim))
            out[i : i + k] = x / np.linalg.norm(x, axis=1, keepdims=True)
        return out


def times(work: Callable[[Floats], object], queries: Floats) -> tuple[float, float]:
    """(p50, p99) in milliseconds, one query at a time."""
    work(queries[:1])
    taken = []
    for query in queries:
        start = time.perf_counter()
        work(query[None])
        taken.append(1000 * (time.perf_counter() - start))
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 99))
