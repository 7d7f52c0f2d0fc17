"""A fixed bank of queries that people might ask of any library: the chance that a score is held against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek.contracts import HasTargets, Modality

if TYPE_CHECKING:
    from anyseek.contracts import Embedder, Floats


@cache
def texts() -> tuple[str, ...]:
    """Everyday things, places, sounds, and what documents are about; in a fixed order, all different."""
    lines = (Path(__file__).parent / "background.txt").read_text("utf-8").splitlines()
    return tuple(line for line in lines if line)


def embedded(embedder: Embedder) -> Floats:
    """Their vectors as queries, (heads, len(texts()), dim) float32: one head, or of a model that has a head for each
    target one for each modality of its card, in that order. (1, 0, dim) for a model that does not support text."""
    import numpy as np

    card = embedder.card
    if Modality.TEXT not in card.modalities:
        return np.zeros((1, 0, card.dim), np.float32)
    has_heads = isinstance(embedder, HasTargets) and Modality.TEXT in embedder.query_heads
    prepare = embedder.preparer(Modality.TEXT)
    items = [prepare(text) for text in texts()]
    heads: tuple[Modality | None, ...] = card.modalities if has_heads else (None,)
    return np.stack([_queries(embedder, items, target) for target in heads])


def _queries(embedder: Embedder, items: Sequence[Any], target: Modality | None) -> Floats:
    import numpy as np

    parts = [items[i : i + 64] for i in range(0, len(items), 64)]
    return np.concatenate(
        [embedder.embed(Modality.TEXT, part, role="query", target=target) for part in parts]
    )
