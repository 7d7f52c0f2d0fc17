"""Sounds as ImageBind's audio tower takes them: three clips of two seconds, each a log-mel picture. NumPy; runs in
workers.

The filter bank is Kaldi's (Povey et al. 2011) with a Hann window: 25 ms windows every 10 ms, 128 triangular bands
between 20 Hz and 8 kHz on the mel scale 1127 ln(1 + f / 700).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint

RATE_HZ = 16_000
CLIPS, CLIP_S = 3, 2.0
BANDS, FRAMES = 128, 204
WINDOW, HOP, FFT = 400, 160, 512
LOW_HZ, HIGH_HZ = 20.0, 8_000.0
FLOOR = 1.1920929e-07  # float32's epsilon
MEAN, STD = -4.268, 9.138

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PrepareSound:
    """float32 (N,) mono at 16 kHz -> float32 (3, 1, 128, 204).

    A window of six seconds is the longest that the model's three clips hear whole.
    """

    window_s: float = CLIPS * CLIP_S

    @property
    def hint(self) -> DecodeHint:
        """Windows without overlap."""
        return DecodeHint(rate_hz=RATE_HZ, window_s=self.window_s, hop_s=self.window_s)

    def __call__(self, data: Any) -> Sound:
        """See the class."""
        return clips(np.asarray(data, np.float32)[None])


def clips(sound: Sound) -> Sound:
    """float32 (channels, N) at 16 kHz -> (3, 1, 128, 204): start, middle and end of it.

    The mean of a clip, over all its channels, is taken off in place, so where clips overlap (sounds under six
    seconds) the later one sees what the earlier one did: that is how the model was evaluated. Only channel 0 is
    heard. A sound shorter than one window of 25 ms is filled up with silence.
    """
    if sound.shape[1] < WINDOW:
        sound = np.pad(sound, ((0, 0), (0, WINDOW - sound.shape[1])))
    wave = np.array(sound, np.float32)
    duration = wave.shape[1] / RATE_HZ
    out = np.empty((CLIPS, 1, BANDS, FRAMES), np.float32)
    for i in range(CLIPS):
        start = i * max(duration - CLIP_S, 0.0) / (CLIPS - 1)
        part = wave[:, int(start * RATE_HZ) : int((start + CLIP_S) * RATE_HZ)]
        part -= part.mean()
        out[i, 0] = _framed(log_mel(part[0]))
    return out


def _framed(mel: Sound) -> Sound:
    """(frames, 128) -> (128, 204), filled up with zeros or cut, then normalised."""
    padded = np.zeros((BANDS, FRAMES), np.float32)
    frames = mel[:FRAMES].T
    padded[:, : frames.shape[1]] = frames
    return (padded - np.float32(MEAN)) / np.float32(STD)


def log_mel(samples: Sound) -> Sound:
    """float32 (N,) with N >= 400 -> natural logarithm of band energies, float32 (1 + (N - 400) // 160, 128)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP].astype(np.float64)
    frames = frames - frames.mean(1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], 1)
    windowed = (frames - 0.97 * before) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windowed, FFT)) ** 2
    return np.log(np.maximum(power @ bank().T, FLOOR)).astype(np.float32)


@lru_cache(maxsize=1)
def bank() -> npt.NDArray[np.float64]:
    """The triangles, (128, 257): linear on the mel scale; the Nyquist bin weighs nothing."""

    def mel(hz: Any) -> Any:
        return 1127.0 * np.log(1.0 + hz / 700.0)

    step = (mel(HIGH_HZ) - mel(LOW_HZ)) / (BANDS + 1)
    left = mel(LOW_HZ) + step * np.arange(BANDS)[:, None]
    bins = mel(np.arange(FFT // 2) * RATE_HZ / FFT)
    rising, falling = (bins - left) / step, (left + 2 * step - bins) / step
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.pad(triangles, ((0, 0), (0, 1)))


def resample(sound: Sound, rate_hz: int) -> Sound:
    """float32 (channels, N) at `rate_hz` -> (channels, ceil(N * 16000 / rate_hz)) at 16 kHz.

    Band-limited interpolation (Smith 2002) with a Hann-windowed sinc of six zero crossings and a rolloff of 0.99, the
    resampler that the model was evaluated with.
    """
    if rate_hz == RATE_HZ:
        return sound
    common = gcd(rate_hz, RATE_HZ)
    old, new = rate_hz // common, RATE_HZ // common
    crossings, cutoff = 6, min(old, new) * 0.99
    width = int(np.ceil(crossings * old / cutoff))
    taps = np.arange(-width, width + old)
    phases = np.arange(new)
    time = (taps[None] / old - phases[:, None] / new) * cutoff
    time = time.clip(-crossings, crossings)
    kernels = np.sinc(time) * np.cos(time * np.pi / crossings / 2) ** 2 * (cutoff / old)
    count = sound.shape[1]
    steps = -(-count // old)
    padded = np.pad(sound, ((0, 0), (width, width + old * (steps + 1) - count)))
    out = np.empty((len(sound), steps * new), np.float32)
    for channel, wave in enumerate(padded):
        views = np.lib.stride_tricks.sliding_window_view(wave, len(taps))[::old][:steps]
        out[channel] = (views @ kernels.T.astype(np.float32)).reshape(-1)
    return out[:, : -(-new * count // old)]
