"""Sounds, made ready for `mini`'s sound body: log-mel spectra as EfficientAT makes them, in NumPy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint

RATE_HZ = 32_000
WINDOW, HOP, FFT = 800, 320, 1024  # samples: 25 ms every 10 ms
BANDS, HIGHEST_HZ = 128, 15_000.0
SHARPNESS = np.float32(0.97)  # of the pre-emphasis
FLOOR = np.float32(1e-5)  # added to every band's power before the logarithm
SHORTEST = 5 * RATE_HZ  # samples; a shorter sound is followed by silence: measured better than repeating it
PEAK = 0.7  # the level that every window is brought to
QUIET = 1e-4  # a peak below this (-80 dB) is silence, and stays as it is

Floats = npt.NDArray[np.float32]


@cache
def mel_filters() -> Floats:
    """Triangles of equal height on the mel scale from 0 Hz on, (FFT // 2 + 1, BANDS).

    Source: Kaldi (`feat/mel-computations.cc`), mel = 1127 ln(1 + f / 700).
    """
    edges = np.linspace(0.0, 1127.0 * math.log1p(HIGHEST_HZ / 700.0), BANDS + 2)
    place = 1127.0 * np.log1p(np.arange(FFT // 2 + 1) * (RATE_HZ / FFT) / 700.0)[:, None]
    up = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(up, down)), np.float32)


@cache
def _hann() -> Floats:
    """Symmetric, as Kaldi's."""
    return np.hanning(WINDOW).astype(np.float32)


def log_mel(samples: Floats) -> Floats:
    """float32 (N,) at 32 kHz, N of 514 or more -> float32 (1 + (N - 1) // 320, 128), at least -1.4.

    Frames are centred: the sound is mirrored at both ends, as `torch.stft` does.
    """
    sharp = samples[1:] - SHARPNESS * samples[:-1]
    edge = FFT // 2
    padded = np.concatenate([sharp[edge:0:-1], sharp, sharp[-2 : -edge - 2 : -1]])
    inside = padded[(FFT - WINDOW) // 2 :]  # the window lies in the middle of the transform
    frames = np.lib.stride_tricks.sliding_window_view(inside, WINDOW)[: 1 + len(sharp) // HOP * HOP : HOP]
    spectrum = np.fft.rfft(frames * _hann(), FFT, axis=1)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)  # NumPy 1 transforms in float64
    mel: Floats = np.log(power @ mel_filters() + FLOOR)
    return (mel + np.float32(4.5)) / np.float32(5.0)


def levelled(samples: Floats) -> Floats:
    """At one level and at least 5 s long: any level, any length, no NaN."""
    clean = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    peak = float(np.abs(clean).max(initial=0.0))
    out = np.zeros(max(len(clean), SHORTEST), np.float32)
    np.multiply(clean, np.float32(PEAK / peak if peak > QUIET else 1.0), out=out[: len(clean)])
    return out


@dataclass(frozen=True, slots=True)
class PrepareSound:
    """float32 (N,) mono at 32 kHz, up to a window of 10 s -> float32 (frames, 128) log-mel."""

    @property
    def hint(self) -> DecodeHint:
        """Windows of 10 s, one after the other."""
        return DecodeHint(rate_hz=RATE_HZ, window_s=10.0, hop_s=10.0)

    def __call__(self, data: Any) -> Floats:
        """See the class."""
        return log_mel(levelled(np.asarray(data, np.float32)))
