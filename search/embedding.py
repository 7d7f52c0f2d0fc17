"""Parts of a query to one unit vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseek.contracts import Embedder, HasTargets, Modality
from anyseek.errors import UsageError
from anyseek.search.query import QueryPart

if TYPE_CHECKING:
    from anyseek.contracts import Floats

_NOTHING_LEFT = 1e-4
"""Below this share of the summed weights, what is left of a sum is rounding: unit vectors in float32 differ
by 1e-7 a part, stored ones (float16) by 1e-3 of their entries."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedQuery:
    """A query that can be held against vectors.

    vectors: for each target modality a unit vector (dim,) float32. label: what it stands for, for people. modality: of
    the query, by which its scores are calibrated. phrases, keywords: to be looked for in names and texts too; all of
    the phrases have to be there, without any one keyword is enough. except_file: never a hit.
    """

    vectors: Mapping[Modality, Floats]
    label: str
    modality: Modality = Modality.TEXT
    phrases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    except_file: int | None = None


def query_vectors(
    parts: Sequence[QueryPart], embedder: Embedder, targets: Iterable[Modality]
) -> dict[Modality, Floats]:
    """The unit vector that a query stands for, for each target: (dim,) float32. See `query_vector`.

    They are one and the same, unless the model has a head for each target.
    """
    if isinstance(embedder, HasTargets) and any(part.modality in embedder.query_heads for part in parts):
        return {target: query_vector(parts, embedder, target) for target in targets}
    return dict.fromkeys(targets, query_vector(parts, embedder))


def query_vector(parts: Sequence[QueryPart], embedder: Embedder, target: Modality | None = None) -> Floats:
    """The unit vector that a query stands for, (dim,) float32.

    Every part's vector has length 1; they are multiplied by their weights, summed, and the sum is brought to
    length 1. A part of several segments (a long recording or text) counts as the mean of its segments.
    Raises UsageError when the parts cancel each other out.
    Source: embedding-space arithmetic, Girdhar et al. 2023 (ImageBind), section 4.2 and figure 4.
    """
    vectors = np.stack([mean_direction(embedded(part, embedder, target)) for part in parts])
    return combined(vectors, [part.weight for part in parts])


def main_modality(parts: Sequence[QueryPart]) -> Modality:
    """What a query is of: the modality with the largest sum of weights, the first of equals."""
    weights: dict[Modality, float] = {}
    for part in parts:
        modality = _known(part)
        weights[modality] = weights.get(modality, 0.0) + max(0.0, part.weight)
    return max(weights, key=lambda modality: weights[modality])


def embedded(part: QueryPart, embedder: Embedder, target: Modality | None = None) -> Floats:
    """A unit row for each segment of a part, (n, dim) float32."""
    if part.kind == "vectors":
        vectors: Floats = part.data
        return vectors
    return embedder.embed(_known(part), part.data, role="query", target=target)


def _known(part: QueryPart) -> Modality:
    assert part.modality is not None, "a QueryReader has read it"
    return part.modality


def mean_direction(vectors: Floats) -> Floats:
    """The unit vector along the mean of rows: (n, dim) -> (dim,) float32."""
    return combined(vectors, [1.0] * len(vectors))


def combined(vectors: Floats, weights: Sequence[float]) -> Floats:
    """The unit vector along the weighted sum of rows: (n, dim) -> (dim,) float32.

    Raises UsageError when nothing is left of the sum.
    """
    # Divided by a power of two, which is exact, so that the largest weights cannot overflow.
    _, exponent = np.frexp(np.max(np.abs(weights)))
    scaled = np.ldexp(np.asarray(weights, np.float64), -exponent)
    total = scaled @ vectors.astype(np.float64)
    length = float(np.linalg.norm(total))
    if not math.isfinite(length) or length <= _NOTHING_LEFT * float(np.abs(scaled).sum()):
        raise UsageError(
            "The parts of the query cancel each other out.", "Change a weight, or leave a part out."
        )
    unit: Floats = (total / length).astype(np.float32)
    return unit
