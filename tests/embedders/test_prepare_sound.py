"""The log-mel front end against an independent float64 computation, and on the sounds that trip front ends."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from anyseek.embedders.mini.prepare_sound import PEAK, PrepareSound, levelled, log_mel

RATE = 32_000


def plain_log_mel(samples: np.ndarray) -> np.ndarray:
    """The teacher's definition, one sum at a time: float64, no FFT."""
    sharp = samples[1:] - 0.97 * samples[:-1]
    mirrored = np.pad(sharp, 512, mode="reflect")
    window = np.zeros(1024)
    window[112:912] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 799)
    basis = np.exp(-2j * np.pi * np.outer(np.arange(1024), np.arange(513)) / 1024)
    top = 1127 * math.log(1 + 15_000 / 700)
    edges = [top * i / 129 for i in range(130)]
    filters = np.zeros((513, 128))
    for bin_ in range(513):
        place = 1127 * math.log(1 + bin_ * RATE / 1024 / 700)
        for band in range(128):
            up = (place - edges[band]) / (edges[band + 1] - edges[band])
            down = (edges[band + 2] - place) / (edges[band + 2] - edges[band + 1])
            filters[bin_, band] = max(0.0, min(up, down))
    rows = []
    for start in range(0, len(sharp) + 1, 320):
        power = np.abs((mirrored[start : start + 1024] * window) @ basis) ** 2
        rows.append((np.log(power @ filters + 1e-5) + 4.5) / 5)
    return np.array(rows)


@pytest.mark.parametrize("samples", [12_800, 12_801, 13_000])
def test_equals_the_definition(samples: int) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(samples) / RATE
    sound = 0.4 * np.sin(2 * np.pi * (300 + 900 * t) * t) + 0.02 * rng.standard_normal(len(t))
    got = log_mel(sound.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, plain_log_mel(sound.astype(np.float32)), atol=3e-4)


@pytest.mark.parametrize("seconds", [0.0, 0.0001, 0.1, 1.0, 3.37, 10.0])
@pytest.mark.parametrize("level", [0.0, 1e-6, 1e-3, 1.0, 1e30])
def test_any_length_and_level_gives_finite_frames(seconds: float, level: float) -> None:
    sound = (level * np.random.default_rng(1).uniform(-1, 1, int(seconds * RATE))).astype(np.float32)
    mel = PrepareSound()(sound)
    assert mel.shape == (1 + (max(len(sound), 5 * RATE) - 1) // 320, 128)
    assert np.isfinite(mel).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_samples_that_are_no_numbers_do_no_harm(bad: float) -> None:
    sound = np.random.default_rng(2).uniform(-1, 1, RATE).astype(np.float32)
    sound[::1000] = bad
    assert np.isfinite(PrepareSound()(sound)).all()


def test_loudness_makes_no_difference() -> None:
    sound = np.random.default_rng(2).uniform(-1, 1, RATE).astype(np.float32)
    np.testing.assert_allclose(PrepareSound()(sound), PrepareSound()(0.01 * sound), atol=1e-4)


def test_a_short_sound_is_followed_by_silence() -> None:
    sound = np.array([0.0, 0.1, -0.2], np.float32)
    out = levelled(sound)
    assert len(out) == 5 * RATE
    np.testing.assert_allclose(out[:3], sound * PEAK / 0.2, rtol=1e-6)
    assert not out[3:].any()


def test_the_preparer_travels_to_workers() -> None:
    preparer = pickle.loads(pickle.dumps(PrepareSound()))
    assert preparer == PrepareSound()
    assert (preparer.hint.rate_hz, preparer.hint.window_s, preparer.hint.hop_s) == (RATE, 10.0, 10.0)
