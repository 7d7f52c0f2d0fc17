"""How fast a model is on this machine: items a second of each modality, preparing and embedding apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from anyseek import modalities
from anyseek.contracts import DecodeHint, Embedder, HasChoices, Modality, Preparer


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
        make = modalities.handler(sample)
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


# ---------------------------------------------------------------- samples, named by the table of modalities


def sample_text(hint: DecodeHint, rng: np.random.Generator) -> str:
    """A sentence of nine words."""
    return " ".join(rng.choice("a dog and two cats run on the beach near some old trees".split(), 9))


def sample_image(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """uint8 (480, 640, 3)."""
    return rng.integers(0, 256, (480, 640, 3), np.uint8)


def sample_video(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """uint8 (clips * frames, 240, 320, 3)."""
    return rng.integers(0, 256, (hint.clips * hint.frames, 240, 320, 3), np.uint8)


def sample_audio(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (N,), a whole window of noise."""
    return rng.uniform(-1, 1, int(hint.rate_hz * hint.window_s)).astype(np.float32)


def sample_imu(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (6, N), a whole window."""
    return rng.normal(size=(6, int(hint.imu_hz * hint.window_s))).astype(np.float32)


def sample_thermal(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (480, 640), 0 to 1."""
    return rng.uniform(0, 1, (480, 640)).astype(np.float32)


def sample_depth(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (480, 640), metres."""
    return rng.uniform(0.5, 8, (480, 640)).astype(np.float32)
