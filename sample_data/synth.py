"""What sounds are made of: noise, resonances, harmonic voices, echoes. Signals are mono float32 (N,)."""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator


def seconds(length_s: float, rate_hz: int) -> Array:
    """The time of each sample."""
    return (np.arange(round(length_s * rate_hz)) / rate_hz).astype(np.float32)


def arch(part: Array) -> Array:
    """Up and down again as part goes from 0 to 1: a sine's half, never below 0."""
    return np.sin(np.pi * np.clip(part, 0, 1)).clip(0, 1)


def shaped(signal: Array, rate_hz: int, gain: Callable[[Array], npt.NDArray[np.floating]]) -> Array:
    """The signal through a filter given as gain by frequency in Hz."""
    spectrum = np.fft.rfft(signal)
    hz = np.fft.rfftfreq(len(signal), 1 / rate_hz).astype(np.float32)
    return np.fft.irfft(spectrum * gain(hz), len(signal)).astype(np.float32)


def band(signal: Array, rate_hz: int, low_hz: float, high_hz: float) -> Array:
    """What lies between two frequencies, 12 dB an octave outside."""

    def gain(hz: Array) -> npt.NDArray[np.floating]:
        lower = 1 / (1 + (low_hz / np.maximum(hz, 1e-3)) ** 4)
        return np.sqrt(lower / (1 + (hz / high_hz) ** 4))

    return shaped(signal, rate_hz, gain)


def noise(rng: Rng, length_s: float, rate_hz: int, slope: float = 0.0) -> Array:
    """Noise whose power falls as 1/f**slope: 0 white, 1 pink, 2 brown. Peak 1."""
    white = rng.standard_normal(round(length_s * rate_hz)).astype(np.float32)
    return level(shaped(white, rate_hz, lambda hz: np.maximum(hz, 20.0) ** (-slope / 2)))


def level(signal: Array, peak: float = 1.0) -> Array:
    """The signal scaled to a peak."""
    return (signal * (peak / (float(np.abs(signal).max()) + 1e-9))).astype(np.float32)


def wander(rng: Rng, length_s: float, rate_hz: int, hz: float) -> Array:
    """A slow random curve, 0 to 1, that turns about `hz` times a second."""
    knots = rng.random(max(int(length_s * hz), 1) + 3)
    at = np.linspace(0, len(knots) - 1.001, round(length_s * rate_hz))
    index = at.astype(int)
    part = at - index
    ease = part * part * (3 - 2 * part)
    return (knots[index] * (1 - ease) + knots[index + 1] * ease).astype(np.float32)


def strike(rng: Rng, partials: Sequence[tuple[float, float, float]], length_s: float, rate_hz: int) -> Array:
    """A struck body: partials as (Hz, loudness, seconds to fall by 60 dB)."""
    t = seconds(length_s, rate_hz)
    total = np.zeros_like(t)
    for hz, loudness, decay_s in partials:
        total += loudness * np.exp(-6.9 * t / decay_s) * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6.28))
    return total.astype(np.float32)


def voice(
    rng: Rng,
    pitch_hz: Array,
    rate_hz: int,
    formants: Sequence[tuple[float, float, float]],
    breath: float = 0.1,
    dullness: float = 1.0,
) -> Array:
    """A throat: harmonics of a pitch curve, breath noise, and formants as (Hz, width in Hz, gain).

    dullness: how fast harmonics fall (loudness 1/n**dullness). Source-filter model, G. Fant 1960.
    """
    shaky = pitch_hz * (1 + 0.012 * (wander(rng, len(pitch_hz) / rate_hz, rate_hz, 40) - 0.5))
    phase = 2 * np.pi * np.cumsum(shaky) / rate_hz
    total = np.zeros(len(pitch_hz), np.float32)
    number = 1
    while number * float(pitch_hz.min()) < min(rate_hz / 2, 9000) and number < 60:
        audible = (number * pitch_hz < rate_hz * 0.47) / number**dullness
        total += (audible * np.sin(number * phase)).astype(np.float32)
        number += 1
    total = level(total) + breath * rng.standard_normal(len(total)).astype(np.float32)

    def throat(hz: Array) -> npt.NDArray[np.floating]:
        gain = np.full(len(hz), 0.03)
        for centre, width, strength in formants:
            gain += strength / (1 + ((hz - centre) / width) ** 2)
        return gain

    return level(shaped(total, rate_hz, throat))


def place(track: Array, sound: Array, at_s: float, rate_hz: int, gain: float = 1.0) -> None:
    """Add a sound to a track, in place; what would stick out is cut."""
    start = int(at_s * rate_hz)
    end = min(start + len(sound), len(track))
    if end > start >= 0:
        track[start:end] += gain * sound[: end - start]


def fade(signal: Array, rate_hz: int, attack_s: float, release_s: float) -> Array:
    """A soft start and end."""
    shape = np.ones(len(signal), np.float32)
    rise, fall = max(int(attack_s * rate_hz), 1), max(int(release_s * rate_hz), 1)
    shape[:rise] = np.linspace(0, 1, rise) ** 0.7
    shape[-fall:] *= np.linspace(1, 0, fall) ** 1.5
    return signal * shape


def echo(rng: Rng, signal: Array, rate_hz: int, length_s: float, share: float) -> Array:
    """The signal in a room: mixed with itself through a decaying tail of noise."""
    t = seconds(length_s, rate_hz)
    tail = rng.standard_normal(len(t)).astype(np.float32) * np.exp(-6.9 * t / length_s)
    tail = band(tail.astype(np.float32), rate_hz, 100, 5000)
    size = 1 << (len(signal) + len(tail)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(tail, size), size)[: len(signal)]
    peak = float(np.abs(signal).max())
    return level(signal * (1 - share) + share * level(wet.astype(np.float32), peak), peak)
