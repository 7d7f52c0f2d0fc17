"""How fast a model is on this machine: items a second of each modality, preparing and embedding apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from anyseek import modalities, plugins
from anyseek.contracts import Embedder, HasChoices, Modality, Preparer


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one modality. prepare, embed: items a second. choices: what the model chose for it on this machine."""

    modality: Modality
    batch: int
    prepare: float
    embed: float
    choices: dict[str, str] = field(default_factory=dict)


def measure(embedder: Embedder, *, batch: int = 8, seconds: float = 3.0) -> Iterator[Speed]:
    """One modality after the other: about `seconds` of embedding each, after a first batch that does not count.

    The items are made: pictures of 640 x 480, windows as long as the model takes them, sentences of nine words.
    """
    rng = np.random.default_rng(0)
    for modality in embedder.card.modalities:
        preparer = embedder.preparer(modality)
        sample = modalities.info(modality).sample
        if not sample:
            continue
        make = plugins.resolve(sample)
        items = [make(preparer.hint, rng) for _ in range(batch)]
        prepared = [preparer(item) for item in items]
        embedder.embed(modality, prepared)
        preparing = _rate(partial(_each, preparer, items), batch, 1.0)
        embedding = _rate(partial(embedder.embed, modality, prepared), batch, seconds)
        chosen = embedder.choices(modality) if isinstance(embedder, HasChoices) else {}
        yield Speed(modality, batch, round(preparing, 2), round(embedding, 2), chosen)


def _each(preparer: Preparer, items: list[Any]) -> None:
    for item in items:
        preparer(item)


def _rate(work: Callable[[], object], batch: int, seconds: float) -> float:
    start, n = time.perf_counter(), 0
    while n == 0 or time.perf_counter() - start < seconds:
        work()
        n += batch
    return n / (time.perf_counter() - start)
