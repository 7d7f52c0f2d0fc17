"""Made segments, as decoders give them, for measuring speed. The table of modalities names these functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from anyseek.contracts import DecodeHint


def text(hint: DecodeHint, rng: np.random.Generator) -> str:
    """A sentence of nine words."""
    return " ".join(rng.choice("a dog and two cats run on the beach near some old trees".split(), 9))


def image(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """uint8 (480, 640, 3)."""
    return rng.integers(0, 256, (480, 640, 3), np.uint8)


def video(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """uint8 (clips * frames, 240, 320, 3)."""
    return rng.integers(0, 256, (hint.clips * hint.frames, 240, 320, 3), np.uint8)


def audio(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (N,), a whole window of noise."""
    return rng.uniform(-1, 1, int(hint.rate_hz * hint.window_s)).astype(np.float32)


def imu(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (6, N), a whole window."""
    return rng.normal(size=(6, int(hint.imu_hz * hint.window_s))).astype(np.float32)


def thermal(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (480, 640), 0 to 1."""
    return rng.uniform(0, 1, (480, 640)).astype(np.float32)


def depth(hint: DecodeHint, rng: np.random.Generator) -> Any:
    """float32 (480, 640), metres."""
    return rng.uniform(0.5, 8, (480, 640)).astype(np.float32)
