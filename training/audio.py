"""The audio tower: a small residual network over log-mel spectra, taught by labels and by a tagger.

Lessons a view: the direction of what is heard (labels, and the tagger's tags, as joint text vectors), the labels and
tags told apart from all others, the tagger's 384 features and its 527 tags.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseek.embedders.mini.prepare_sound import FLOOR
from training import device
from training.measure import Floats
from training.nets import NetShape, Trunk
from training.sounds import Views

LOG = logging.getLogger(__name__)
SILENT = (math.log(FLOOR) + 2.0) / 5.0  # what the front end gives where nothing sounds
SHAPE = NetShape(widths=(32, 64, 160), blocks=(1, 1, 2), hidden=512, channels=1)
FRAMES = (80, 128, 208)  # lengths of a batch: 1.3, 2 and 3.3 s
PROMPTS = ("{}", "the sound of {}", "sound of {}", "{} sound", "a recording of {}")


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """`seconds` of training by the clock, annealed to nothing."""

    seconds: float = 900.0
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.05
    average: float = 0.998
    scale: float = 20.0
    seed: int = 0


class SoundTower(nn.Module):
    """float32 (n, frames, 64) -> (features (n, 384), tag logits (n, 527), embedding (n, dim), not unit length)."""

    def __init__(self, dim: int = 384) -> None:
        super().__init__()
        self.trunk = Trunk(SHAPE)
        width = 2 * SHAPE.widths[-1]
        self.head = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(width, SHAPE.hidden),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(SHAPE.hidden, dim),
        )
        self.features, self.tags = nn.Linear(width, 384), nn.Linear(width, 527)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class. Mean over the map, and the loudest moment of each channel."""
        grid = self.trunk(mel.transpose(1, 2)[:, None]).mean(2)
        pooled = torch.cat([grid.mean(2), grid.amax(2)], 1)
        return self.features(pooled), self.tags(pooled), self.head(pooled)


class Lessons:
    """Targets of every view. labels: a joint vector each (m, dim); said: the label numbers of every clip."""

    def __init__(self, views: Views, labels: Floats, tags: Floats, said: Sequence[Sequence[int]]) -> None:
        rare = np.log(1.0 / np.maximum(views.tags.mean(0), 1e-4))
        strong = views.tags**1.5 * rare
        strong[strong < np.sort(strong, 1)[:, -6:-5]] = 0.0
        strong /= strong.sum(1, keepdims=True) + 1e-9
        self.right = np.zeros((len(views.mels), len(labels)), np.float32)
        for row, parts in enumerate(views.parts):
            for clip, share in parts:
                self.right[row, list(said[clip])] += share / max(1, len(said[clip]))
        wanted = 0.65 * _unit(self.right @ labels) + 0.35 * _unit(strong @ tags)
        self.wanted = torch.from_numpy(_unit(wanted).astype(np.float32))
        self.said = torch.from_numpy(self.right)
        self.names = torch.from_numpy(np.concatenate([labels, tags]).astype(np.float32))
        self.labels = self.names[: len(labels)]
        both = np.concatenate([0.7 * self.right, 0.3 * strong], 1)
        self.chosen = torch.from_numpy((both / both.sum(1, keepdims=True)).astype(np.float32))
        self.tags = torch.from_numpy(views.tags)
        features = views.features - views.features.mean(0)
        self.features = torch.from_numpy((features / (features.std(0) + 1e-3)).astype(np.float32))

    def grade(self, rows: Tensor, out: tuple[Tensor, Tensor, Tensor], scale: float) -> dict[str, Tensor]:
        """The losses, unweighted."""
        features, tags, raw = (part.float() for part in out)
        unit = functional.normalize(raw, dim=1)
        return {
            "direction": 1 - (unit * self.wanted[rows]).sum(1).mean(),
            "names": functional.cross_entropy(scale * unit @ self.names.T, self.chosen[rows]),
            "labels": functional.cross_entropy(scale * unit @ self.labels.T, self.said[rows]),
            "features": (features - self.features[rows]).pow(2).mean(),
            "tags": functional.binary_cross_entropy_with_logits(tags, self.tags[rows]) * 20.0,
        }


def _unit(rows: Floats) -> Floats:
    out: Floats = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)
    return out


def batch_of(views: Views, rows: Sequence[int], frames: int, rng: np.random.Generator) -> Tensor:
    """Mels cut or padded to `frames`, with bands and moments erased (Park et al. 2019, SpecAugment)."""
    out = np.full((len(rows), frames, views.mels[0].shape[1]), SILENT, np.float32)
    for line, row in zip(out, rows, strict=True):
        mel = views.mels[row]
        extra = len(mel) - frames
        start = int(rng.integers(0, abs(extra) + 1))
        if extra >= 0:
            line[:] = mel[start : start + frames]
        else:
            line[start : start + len(mel)] = mel
        for axis, most in ((0, frames // 5), (1, 10)):
            width = int(rng.integers(0, most + 1))
            begin = int(rng.integers(0, line.shape[axis] - width + 1))
            line[(slice(begin, begin + width), slice(None))[:: 1 if axis == 0 else -1]] = line.mean()
    return torch.from_numpy(out + rng.normal(0, 0.08, (len(rows), 1, 1)).astype(np.float32))


def train(config: AudioConfig, views: Views, lessons: Lessons, saved: Path) -> SoundTower:
    """Train until the clock runs out; returns the averaged network in evaluation mode.

    `saved` receives its weights; where it exists already, training starts from them.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    where = device.best()
    net = SoundTower(lessons.wanted.shape[1]).to(where)
    if saved.exists():
        net.load_state_dict(torch.load(saved, weights_only=True, map_location=where))
    optimiser = torch.optim.AdamW(net.parameters(), config.rate, (0.9, 0.98), weight_decay=config.decay)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    began, step, sums = time.monotonic(), 0, dict[str, float]()
    while (spent := time.monotonic() - began) < config.seconds:
        share = spent / config.seconds
        for group in optimiser.param_groups:
            group["lr"] = config.rate * min(1.0, share / 0.03) * 0.5 * (1 + math.cos(math.pi * share))
        rows = rng.integers(0, len(views.mels), config.batch)
        mel = batch_of(views, rows.tolist(), int(rng.choice(FRAMES)), rng)
        with torch.autocast(where.type, dtype=torch.bfloat16):
            features, tags, raw = net(mel.to(where))
        out = features.cpu(), tags.cpu(), raw.cpu()  # the targets lie there
        losses = lessons.grade(torch.from_numpy(rows), out, config.scale)
        total = 2 * losses["direction"] + 0.5 * losses["names"] + losses["labels"]
        total = total + 0.5 * losses["features"] + losses["tags"]
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        step += 1
        keep = min(config.average, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            average[name].lerp_(value, 1 - keep) if value.dtype.is_floating_point else average[name].copy_(
                value
            )
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss.detach()) / 100
        if step % 100 == 0:
            LOG.info("step %d, %.0f s: %s", step, spent, ", ".join(f"{k} {v:.4f}" for k, v in sums.items()))
            sums = {}
    torch.save(average, saved)
    net.load_state_dict(average)
    return net.cpu().eval()


@torch.no_grad()
def embed(net: SoundTower, mels: Sequence[Floats]) -> Floats:
    """Unit rows (n, dim); one mel at a time, whole."""
    rows = [
        functional.normalize(net(torch.from_numpy(np.asarray(mel, np.float32))[None])[2], dim=1)
        for mel in mels
    ]
    out: Floats = torch.cat(rows).numpy()
    return out
