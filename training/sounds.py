"""Training sounds: the pack's clips, and views of them (cut, shifted, filtered, mixed) with what the tagger hears."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from anyseek.embedders.mini.prepare_sound import RATE_HZ, log_mel
from training import data
from training.measure import Floats
from training.tagger import RATE_HZ as TAGGER_HZ
from training.tagger import Tagger

LOG = logging.getLogger(__name__)
SECONDS = 4.0  # the longest view


def read_clips(media: Path, records: Sequence[data.Record]) -> list[Floats]:
    """Every clip as float32 (N,) at 16 kHz, in the records' order."""
    found: dict[str, Floats] = {}
    for name, raw in data.read_members(media, records):
        samples, rate = soundfile.read(io.BytesIO(raw), dtype="float32")
        found[name.split(".")[0]] = samples if rate == RATE_HZ else soxr.resample(samples, rate, RATE_HZ)
    return [found[record.key] for record in records]


@dataclass(slots=True)
class Views:
    """mels: (frames, 64) float16 each. parts: (clip, share) pairs of each view. tags (n, 527), features (n, 384)."""

    mels: list[npt.NDArray[np.float16]]
    parts: list[list[tuple[int, float]]]
    tags: Floats
    features: Floats


def make_views(clips: Sequence[Floats], tagger: Tagger, seconds: float, rng: np.random.Generator) -> Views:
    """The clips as they are, then as many altered views as the clock allows."""
    mels: list[npt.NDArray[np.float16]] = []
    parts: list[list[tuple[int, float]]] = []
    tags, features = [], []
    began = time.monotonic()
    while time.monotonic() - began < seconds or len(mels) < len(clips):
        if len(mels) < len(clips):
            sound, made_of = clips[len(mels)], [(len(mels), 1.0)]
        else:
            sound, made_of = _altered(clips, rng)
        heard = tagger(soxr.resample(sound, RATE_HZ, TAGGER_HZ, quality="LQ")[None])
        mels.append(log_mel(sound).astype(np.float16))
        parts.append(made_of)
        tags.append(heard[0][0])
        features.append(heard[1][0])
        if len(mels) % 1000 == 0:
            LOG.info("%d views of %d clips, %.0f s", len(mels), len(clips), time.monotonic() - began)
    return Views(mels, parts, np.stack(tags), np.stack(features))


def _altered(clips: Sequence[Floats], rng: np.random.Generator) -> tuple[Floats, list[tuple[int, float]]]:
    """A view of one clip (six in ten), or of two on top of each other."""
    first, second = (int(i) for i in rng.integers(0, len(clips), 2))
    sound = _one(clips[first], rng)
    made_of = [(first, 1.0)]
    if rng.random() < 0.4:
        other = _one(clips[second], rng)
        balance = float(rng.uniform(0.25, 0.75))
        longest = max(len(sound), len(other))
        mixed = np.zeros(longest, np.float32)
        mixed[: len(sound)] += balance * sound
        start = int(rng.integers(0, longest - len(other) + 1))
        mixed[start : start + len(other)] += (1 - balance) * other
        sound, made_of = mixed, [(first, balance), (second, 1 - balance)]
    if rng.random() < 0.5:  # hiss, from barely there to loud
        sound = sound + rng.normal(0, 10 ** rng.uniform(-4, -1.7), len(sound)).astype(np.float32)
    return sound, made_of


def _one(clip: Floats, rng: np.random.Generator) -> Floats:
    """Played at another speed, tilted in tone, cut, brought to one level."""
    sound = clip
    if rng.random() < 0.7:
        sound = soxr.resample(sound, RATE_HZ, RATE_HZ / rng.uniform(0.85, 1.18), quality="LQ")
    if rng.random() < 0.5:  # a slope of up to 6 dB an octave either way
        spectrum = np.fft.rfft(sound)
        hz = np.fft.rfftfreq(len(sound), 1.0 / RATE_HZ)
        slope = ((hz + 50.0) / 1000.0) ** rng.uniform(-0.7, 0.7)
        sound = np.fft.irfft(spectrum * slope, len(sound)).astype(np.float32)
    most = int(rng.uniform(0.5, 1.0) * SECONDS * RATE_HZ)
    if len(sound) > most:
        start = int(rng.integers(0, len(sound) - most + 1))
        sound = sound[start : start + most]
    peak = float(np.abs(sound).max(initial=1e-4))
    return (sound * (0.7 / max(peak, 1e-4))).astype(np.float32)
