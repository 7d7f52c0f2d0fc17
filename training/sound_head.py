"""The learned head of the sound tower: from what the body says to the joint space.

A small network corrects a fixed opinion, the mean of the likeliest tags' names in the text space: the opinion covers
527 kinds of sound from two million recordings, the correction knows how the packs name what is heard.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.measure import Floats
from training.sounds import SoundFeatures
from training.tagger import FEATURES, TAGS

LOG = logging.getLogger(__name__)
LIKELIEST = 10  # tags in an opinion
DIM = 384


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """How the head learns. `share`: the weight of the opinion, fixed; `tags`: of what the body's own tags teach."""

    steps: int = 200
    batch: int = 192
    rate: float = 1e-3
    decay: float = 0.2
    hidden: int = 256
    dropout: float = 0.4
    share: float = 1.0
    tags: float = 1.0
    direction: float = 1.0
    noise: float = 0.02
    seed: int = 0


class SoundHead(nn.Module):
    """Features (n, 384) and tag logits (n, 527) -> unit rows (n, 384).

    names: the tags' names in the joint space, (527, 384), unit rows.
    """

    mean: Tensor
    scale: Tensor
    names: Tensor

    def __init__(self, config: HeadConfig, names: Tensor) -> None:
        super().__init__()
        width, self.share = FEATURES + TAGS, config.share
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("names", names)
        self.skip = nn.Linear(width, DIM)
        self.deep = nn.Sequential(
            nn.Dropout(config.dropout / 2),
            nn.Linear(width, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, DIM),
        )
        nn.init.normal_(self.skip.weight, std=0.002)
        nn.init.zeros_(self.deep[-1].weight)  # type: ignore[arg-type]

    def fit_scale(self, features: Tensor, logits: Tensor) -> None:
        """Standardise by these views; what hardly varies is not blown up."""
        both = torch.cat([features, logits], 1)
        spread = both.std(0)
        self.mean = both.mean(0)
        for part in (slice(0, FEATURES), slice(FEATURES, None)):
            self.scale[part] = 1.0 / (spread[part] + 0.3 * spread[part].mean())

    def opinion(self, logits: Tensor) -> Tensor:
        """The mean of the likeliest tags' names, weighed by their probabilities; unit rows."""
        firm, best = logits.sigmoid().topk(LIKELIEST, 1)
        return functional.normalize((firm[:, :, None] * self.names[best]).sum(1), dim=1)

    def forward(self, features: Tensor, tags: Tensor) -> Tensor:
        """See the class."""
        z = (torch.cat([features, tags], 1) - self.mean) * self.scale
        learned = functional.normalize(self.skip(z) + self.deep(z), dim=1)
        return functional.normalize(learned + self.share * self.opinion(tags), dim=1)


@dataclass(frozen=True, slots=True)
class Examples:
    """Views and what they should be near. labels: the packs' label names in the joint space in several phrasings,
    (labels, phrasings, 384); tags: the same of the 527 tags; said: (n, labels), the share of each label in each view.
    """

    views: SoundFeatures
    said: Floats
    chances: Floats
    labels: Floats
    tags: Floats


def train(config: HeadConfig, examples: Examples) -> SoundHead:
    """Fit the head; a minute or two on one core. Returns it in evaluation mode."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    features, logits, said, labels, tags = (
        torch.from_numpy(np.asarray(part, np.float32))
        for part in (
            examples.views.features,
            examples.views.logits,
            examples.said,
            examples.labels,
            examples.tags,
        )
    )
    head = SoundHead(config, functional.normalize(tags.mean(1), dim=1))
    head.fit_scale(features, logits)
    scales = nn.Parameter(torch.full((2,), math.log(20.0)))
    optimiser = torch.optim.AdamW(
        [
            {"params": head.parameters(), "weight_decay": config.decay},
            {"params": [scales], "weight_decay": 0.0},
        ],
        config.rate,
        (0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, total_steps=config.steps + 1, pct_start=0.1
    )
    near = _near(labels)
    for step in range(config.steps):
        rows = torch.from_numpy(rng.choice(len(features), config.batch, p=examples.chances))
        out = head(features[rows], logits[rows])
        words = [_phrased(part, rng, config.noise) for part in (labels, tags)]
        wanted = said[rows]
        sharp = scales.exp().clamp(max=60.0)
        naming = functional.cross_entropy(sharp[0] * out @ words[0].T, wanted @ near)
        belief = logits[rows].sigmoid()
        belief = belief / belief.sum(1, keepdim=True)
        tagging = functional.cross_entropy(sharp[1] * out @ words[1].T, belief)
        aside = 1 - (functional.normalize(wanted @ words[0], dim=1) * out).sum(1).mean()
        total = naming + config.tags * tagging + config.direction * aside
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 200 == 199:
            LOG.info("step %d: naming %.3f, tagging %.3f, direction %.3f", step + 1, naming, tagging, aside)
    return head.eval()


def _phrased(names: Tensor, rng: np.random.Generator, noise: float) -> Tensor:
    """Every name in one of its phrasings, (names, 384) unit rows."""
    chosen = torch.from_numpy(rng.integers(0, names.shape[1], len(names)))
    rows = names[torch.arange(len(names)), chosen]
    return functional.normalize(rows + noise * torch.randn_like(rows), dim=1)


def _near(labels: Tensor) -> Tensor:
    """(labels, labels): how much of a label's share goes to each; names that mean nearly the same share it."""
    mean = functional.normalize(labels.mean(1), dim=1)
    cosines = mean @ mean.T
    return 0.8 * torch.eye(len(mean)) + 0.2 * (cosines / 0.05).softmax(1)


@torch.no_grad()
def embed(head: SoundHead, features: Floats, logits: Floats) -> Floats:
    """Unit rows (n, 384)."""
    out: Floats = head(torch.from_numpy(features), torch.from_numpy(logits)).numpy()
    return out


def shares(
    parts: Sequence[Sequence[int]], weights: Floats, labels: Sequence[Sequence[int]], count: int
) -> Floats:
    """(views, count): the share of every label in every view, 1 in sum."""
    out = np.zeros((len(parts), count), np.float32)
    for row, (clips, loud) in enumerate(zip(parts, weights, strict=True)):
        for clip, part in zip(clips, loud, strict=True):
            for label in labels[clip]:
                out[row, label] += part / len(labels[clip])
    return out
