"""The log-mel front end against an independent float64 computation, and on the sounds that trip front ends."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from anyseek.embedders.mini.prepare_sound import PrepareSound, log_mel

RATE = 16_000


def plain_log_mel(samples: np.ndarray) -> np.ndarray:
    """The definition, one sum at a time: float64, no FFT."""
    loud = samples * 0.7 / np.abs(samples).max()
    loud = np.concatenate([loud, np.zeros(max(0, RATE - len(loud)))])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    mel = [1127 * math.log(1 + hz / 700) for hz in (50.0, 8000.0)]
    edges = [mel[0] + (mel[1] - mel[0]) * i / 65 for i in range(66)]
    basis = np.exp(-2j * np.pi * np.outer(np.arange(400), np.arange(257)) / 512)
    filters = np.zeros((257, 64))
    for bin_ in range(257):
        place = 1127 * math.log(1 + bin_ * RATE / 512 / 700)
        for band in range(64):
            up = (place - edges[band]) / (edges[band + 1] - edges[band])
            down = (edges[band + 2] - place) / (edges[band + 2] - edges[band + 1])
            filters[bin_, band] = max(0.0, min(up, down))
    rows = []
    for start in range(0, len(loud) - 400 + 1, 256):
        power = np.abs((loud[start : start + 400] * window) @ basis) ** 2
        rows.append((np.log(power @ filters + 1e-5) + 2) / 5)
    return np.array(rows)


def test_equals_the_definition() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(int(1.3 * RATE)) / RATE
    sound = 0.4 * np.sin(2 * np.pi * (300 + 900 * t) * t) + 0.02 * rng.standard_normal(len(t))
    got = log_mel(sound.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, plain_log_mel(sound), atol=3e-4)


@pytest.mark.parametrize("seconds", [0.0, 0.0001, 0.1, 1.0, 3.37, 10.0])
@pytest.mark.parametrize("level", [0.0, 1e-6, 1e-3, 1.0])
def test_any_length_and_level_gives_finite_frames(seconds: float, level: float) -> None:
    sound = level * np.random.default_rng(1).uniform(-1, 1, int(seconds * RATE)).astype(np.float32)
    mel = log_mel(sound)
    assert mel.shape == (1 + (max(len(sound), RATE) - 400) // 256, 64)
    assert np.isfinite(mel).all()


def test_loudness_makes_no_difference() -> None:
    sound = np.random.default_rng(2).uniform(-1, 1, RATE).astype(np.float32)
    np.testing.assert_allclose(log_mel(sound), log_mel(0.01 * sound), atol=1e-4)


def test_the_preparer_travels_to_workers() -> None:
    preparer = pickle.loads(pickle.dumps(PrepareSound()))
    assert preparer == PrepareSound()
    assert (preparer.hint.rate_hz, preparer.hint.window_s) == (RATE, 10.0)
