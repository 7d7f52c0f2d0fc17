"""A fixed bank of queries that people might ask of any library: the chance that a score is held against."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.contracts import Modality

if TYPE_CHECKING:
    from anyseek.contracts import Embedder, Floats


@cache
def texts() -> tuple[str, ...]:
    """Everyday things, places, sounds, and what documents are about; in a fixed order, all different."""
    lines = (Path(__file__).parent / "background.txt").read_text("utf-8").splitlines()
    return tuple(line for line in lines if line)


def embedded(embedder: Embedder, target: Modality | None = None) -> Floats:
    """Their vectors as queries: (len(texts()), dim) float32; (0, dim) for a model that knows no text."""
    import numpy as np

    if Modality.TEXT not in embedder.card.modalities:
        return np.zeros((0, embedder.card.dim), np.float32)
    prepare = embedder.preparer(Modality.TEXT)
    items = [prepare(text) for text in texts()]
    parts = [
        embedder.embed(Modality.TEXT, items[i : i + 64], role="query", target=target)
        for i in range(0, len(items), 64)
    ]
    return np.concatenate(parts)
