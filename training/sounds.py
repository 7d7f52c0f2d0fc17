"""Training sounds: the packs' clips, and what the body says of several views of each (cut, tilted, mixed, padded)."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import soundfile
import soxr

from anyseek.embedders.mini.prepare_sound import RATE_HZ, PrepareSound
from training import data
from training.measure import Floats

LOG = logging.getLogger(__name__)
VIEWS = 10  # of every clip, if no other number is given; the first is the clip as it is

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SoundFeatures:
    """What the body says of n views: features (n, 384), tag logits (n, 527), and the views' clips.

    parts: (n, 2), the clips of a view; shares: (n, 2), how much of it each is, 1 in sum.
    """

    features: Floats
    logits: Floats
    parts: Rows
    shares: Floats

    def of(self, rows: Rows | npt.NDArray[np.bool_]) -> SoundFeatures:
        """Some of the views."""
        return SoundFeatures(self.features[rows], self.logits[rows], self.parts[rows], self.shares[rows])


def read_clips(records: Sequence[data.Record]) -> list[Floats]:
    """Every clip as float32 (N,) mono at 32 kHz, in the records' order."""
    clips: dict[str, Floats] = {}
    for name, raw in data.read_members(records):
        samples, rate = soundfile.read(io.BytesIO(raw), dtype="float32")
        clips[name.split(".")[0]] = soxr.resample(samples, rate, RATE_HZ).astype(np.float32)
    return [clips[record.key] for record in records]


class SoundBody:
    """The exported body at work on one sound after the other, prepared as the product prepares."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # sounds are short: more threads would wait for each other
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.prepare = PrepareSound()

    def __call__(self, samples: Floats) -> tuple[Floats, Floats]:
        """float32 (N,) at 32 kHz -> (features (384,), tag logits (527,))."""
        features, logits = self.session.run(None, {"mel": self.prepare(samples)[None]})
        return features[0], logits[0]


def extract(records: Sequence[data.Record], body: Path, folder: Path, count: int = VIEWS) -> SoundFeatures:
    """`count` views of all clips; a file of `folder` for each view, made where it is not there yet.

    Raises SystemExit where they are of other clips."""
    folder.mkdir(parents=True, exist_ok=True)
    data.keep_order(records, folder / "sounds.json")
    paths = [folder / f"{number}.npz" for number in range(count)]
    if not all(path.exists() for path in paths):
        clips, run = read_clips(records), SoundBody(body)
        sides = [(record.split, record.licence in data.OPEN_LICENCES) for record in records]
        for number, path in enumerate(paths):
            if not path.exists():
                _save(_view(clips, sides, run, number), path)
    views = [_load(path) for path in paths]
    fields = ("features", "logits", "parts", "shares")
    return SoundFeatures(*(np.concatenate([getattr(view, field) for view in views]) for field in fields))


def _view(
    clips: Sequence[Floats], sides: Sequence[tuple[str, bool]], run: SoundBody, number: int
) -> SoundFeatures:
    """One view of every clip. A clip is mixed only with one of its side: same split, same kind of licence."""
    rng, began = np.random.default_rng(number), time.monotonic()
    company = {side: np.flatnonzero([own == side for own in sides]) for side in set(sides)}
    features, logits, parts, shares = [], [], [], []
    for row, clip in enumerate(clips):
        sound, other, share = clip, row, 1.0
        if number:
            sound = altered(clip, rng)
            if rng.random() < 0.4:
                other = int(rng.choice(company[sides[row]]))
                share = float(rng.uniform(0.35, 0.75))
                sound = mixed(sound, altered(clips[other], rng), share, rng)
            sound = surrounded(sound, rng)
        said = run(sound)
        features.append(said[0])
        logits.append(said[1])
        parts.append((row, other))
        shares.append((share, 1 - share))
    LOG.info("view %d of %d clips, %.0f s", number, len(clips), time.monotonic() - began)
    return SoundFeatures(np.stack(features), np.stack(logits), np.array(parts), np.array(shares, np.float32))


def _save(view: SoundFeatures, path: Path) -> None:
    small = path.with_suffix(".part.npz")
    np.savez(
        small,
        features=view.features.astype(np.float16),
        logits=view.logits.astype(np.float16),
        parts=view.parts,
        shares=view.shares,
    )
    small.replace(path)


def _load(path: Path) -> SoundFeatures:
    with np.load(path) as saved:
        features, logits = (saved[name].astype(np.float32) for name in ("features", "logits"))
        return SoundFeatures(features, logits, saved["parts"], saved["shares"])


def mixed(first: Floats, second: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Two sounds on top of each other, the shorter somewhere in the longer."""
    longest = max(len(first), len(second))
    out = np.zeros(longest, np.float32)
    for sound, loud in ((first, share), (second, 1 - share)):
        start = int(rng.integers(0, longest - len(sound) + 1))
        out[start : start + len(sound)] += loud * sound
    return out


def surrounded(sound: Floats, rng: np.random.Generator) -> Floats:
    """As it is, within silence, or again and again, up to 10 s; sometimes with hiss."""
    total = int(rng.uniform(1.0, 10.0) * RATE_HZ)
    way = rng.random()
    if total > len(sound) and way < 0.35:
        start = int(rng.integers(0, total - len(sound) + 1))
        sound = np.pad(sound, (start, total - len(sound) - start))
    elif total > len(sound) and way < 0.6:
        gap = np.zeros(int(rng.uniform(0, 1.0) * RATE_HZ), np.float32)
        sound = np.resize(np.concatenate([sound, gap]), total)
    if rng.random() < 0.3:  # hiss, from barely there to loud
        sound = sound + rng.normal(0, 10 ** rng.uniform(-4, -1.9), len(sound)).astype(np.float32)
    return sound


def altered(clip: Floats, rng: np.random.Generator) -> Floats:
    """Played at another speed, tilted in tone or without its upper half, cut, brought to one level."""
    sound = clip
    if rng.random() < 0.4:
        sound = soxr.resample(sound, RATE_HZ, RATE_HZ / rng.uniform(0.87, 1.15), quality="LQ")
    tilt, dull = rng.random() < 0.5, rng.random() < 0.3
    if tilt or dull:  # a slope of up to 4 dB an octave either way; nothing above 3.5 to 8 kHz
        length = -len(sound) // 1024 * -1024  # a length that factors is fast
        spectrum = np.fft.rfft(sound, length)
        hz = np.fft.rfftfreq(length, 1.0 / RATE_HZ)
        spectrum *= ((hz + 50.0) / 1000.0) ** rng.uniform(-0.6, 0.6) if tilt else 1.0
        spectrum[hz > (rng.uniform(3500.0, 8000.0) if dull else RATE_HZ)] = 0.0
        sound = np.fft.irfft(spectrum)[: len(sound)].astype(np.float32)
    most = int(rng.uniform(0.4, 1.2) * len(sound))
    if len(sound) > most > RATE_HZ // 2:
        start = int(rng.integers(0, len(sound) - most + 1))
        sound = sound[start : start + most]
    peak = float(np.abs(sound).max(initial=1e-4))
    return np.asarray(sound * (0.7 / max(peak, 1e-4)), np.float32)
