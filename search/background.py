"""A fixed bank of queries that people might ask of any library, and that few libraries have an answer to: the chance
that a score is held against.

Its lines are of four kinds: names of things, scenes in a sentence each, what writings are about, and sounds. They name
what is rare, since a query that has an answer tells nothing of chance, and sentences as well as names, since sentences
reach higher cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek.contracts import HasTargets, Modality

if TYPE_CHECKING:
    from anyseek.contracts import Embedder, Floats

_HEADING = "# "


@cache
def _kinds() -> dict[str, tuple[str, ...]]:
    """The lines below each heading of the file, in its order."""
    kinds: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "background.txt").read_text("utf-8").splitlines():
        if line.startswith(_HEADING):
            kinds[line.removeprefix(_HEADING)] = []
        elif line:
            kinds[next(reversed(kinds))].append(line)
    return {kind: tuple(lines) for kind, lines in kinds.items()}


@cache
def texts() -> tuple[str, ...]:
    """All of them, in a fixed order, all different."""
    return tuple(line for lines in _kinds().values() for line in lines)


@cache
def asked_of(target: Modality) -> slice:
    """Which of texts() people ask of a modality: those below the heading of its name, of one without them all.

    Things and scenes are further from every recording than a sound that is not there is, so they would tell too little.
    """
    first = 0
    for kind, lines in _kinds().items():
        if kind == target:
            return slice(first, first + len(lines))
        first += len(lines)
    return slice(None)


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
