"""Sounds, made ready for `mini`'s tower: log-mel spectra, in NumPy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint

RATE_HZ = 16_000
WINDOW, HOP, FFT = 400, 256, 512  # samples: 25 ms every 16 ms
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 50.0, 8_000.0
SHORTEST = RATE_HZ  # samples; a shorter sound is followed by silence
PEAK = 0.7  # the level that every window is brought to
QUIET = 1e-4  # a peak below this (-80 dB) is silence, and stays as it is
FLOOR = 1e-5  # added to every band's power before the logarithm

Floats = npt.NDArray[np.float32]


@cache
def mel_filters() -> Floats:
    """Triangles of equal height on the mel scale, (FFT // 2 + 1, BANDS).

    Source: O'Shaughnessy 1987, mel = 1127 ln(1 + f / 700); the shape is HTK's (Young et al., The HTK Book, 5.6).
    """

    low, high = (1127.0 * math.log1p(hz / 700.0) for hz in (LOWEST_HZ, HIGHEST_HZ))
    edges = np.linspace(low, high, BANDS + 2)
    place = 1127.0 * np.log1p(np.arange(FFT // 2 + 1) * (RATE_HZ / FFT) / 700.0)[:, None]
    up = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(up, down)), np.float32)


@cache
def _hann() -> Floats:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def log_mel(samples: Floats) -> Floats:
    """float32 (N,) at 16 kHz -> float32 (1 + (N - 400) // 256, 64), about -2 to 2; any level, any length, no NaN."""
    peak = float(np.abs(samples).max(initial=0.0))
    level = PEAK / peak if peak > QUIET else 1.0
    loud = np.zeros(max(len(samples), SHORTEST), np.float32)
    loud[: len(samples)] = samples * np.float32(level)
    frames = np.lib.stride_tricks.sliding_window_view(loud, WINDOW)[::HOP] * _hann()
    spectrum = np.fft.rfft(frames, FFT, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return np.asarray((np.log(power @ mel_filters() + FLOOR) + 2.0) / 5.0, np.float32)


@dataclass(frozen=True, slots=True)
class PrepareSound:
    """float32 (N,) mono at 16 kHz, up to a window of 10 s -> float32 (frames, 64) log-mel."""

    @property
    def hint(self) -> DecodeHint:
        """Windows of 10 s, one after the other."""
        return DecodeHint(rate_hz=RATE_HZ, window_s=10.0, hop_s=10.0)

    def __call__(self, data: Any) -> Floats:
        """See the class."""
        return log_mel(np.asarray(data, np.float32))
