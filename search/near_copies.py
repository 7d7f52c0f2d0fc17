"""Near copies among hits: rows whose vectors lie so close that they show the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anyseek.options import NEAR
from anyseek.search.products import products

if TYPE_CHECKING:
    from anyseek.contracts import Floats

_AT_ONCE = 256


def group_near_copies(vectors: Floats, threshold: float = NEAR) -> list[list[int]]:
    """Rows (n, dim), best first, in groups: a row joins the first one before it that it lies within `threshold` of, and
    begins a group of its own where there is none."""
    groups: list[list[int]] = []
    for start in range(0, len(vectors), _AT_ONCE):
        block = vectors[start : start + _AT_ONCE]
        leaders = [group[0] for group in groups]
        near_leader = products(block, vectors[leaders]) >= threshold  # one product for many rows
        near_own = products(block, block) >= threshold
        for i, row in enumerate(near_leader):
            fresh = [group[0] - start for group in groups[len(leaders) :]]
            close = np.concatenate([row, near_own[i, fresh]])
            if close.any():
                groups[int(close.argmax())].append(start + i)
            else:
                groups.append([start + i])
    return groups
