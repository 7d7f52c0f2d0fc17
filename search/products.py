"""Inner products of the sizes that a search has, without threads where they do not pay."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LARGE = 20_000_000
"""Products of so many multiplications are made by BLAS. In smaller ones its threads cost more than they save: they wait
for one another by burning the processor, which made a merged search on a busy machine three times as dear."""


def products(rows: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, m) inner products of (n, dim) and (m, dim), in their own precision."""
    is_large = rows.size * len(others) > LARGE
    made: npt.NDArray[Any] = rows @ others.T if is_large else np.einsum("nd,md->nm", rows, others)
    return made
