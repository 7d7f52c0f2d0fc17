"""The stage `image`: heads on the frozen picture body, taught by captions, labels and the body's own class beliefs.

Symmetric softmax over a batch, image against text; texts that MiniLM hardly tells apart share the right, and a part of
it follows how near the texts are to each other. Together with the heads a projection P (384 x 384, from the identity)
of the texts is learned. Several heads with different seeds are then averaged into one: their mean vector of every view
is what the shipped head learns.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training import data, features, picture_figures
from training.export import UnitRows, write
from training.kinds import with_kinds
from training.measure import Floats, unit
from training.picture_body import CHANNELS, CLASSES, GRID
from training.picture_head import HeadInputs, HeadShape, PictureHead, Served, standardiser
from training.picture_views import Views, mix
from training.texts import Texts, class_names
from training.words import prompts

LOG = logging.getLogger(__name__)
SAME = 0.93  # cosine above which two texts of a batch are taken for the same


@dataclass(frozen=True, slots=True)
class PictureConfig:
    """names: weight of the body's class beliefs. soft, sharpness: the part of what is right that follows the texts'
    nearness, and its temperature. cells: how many of a map's 81 a step sees, drawn anew. mixed: the share of views that
    are mixed with another, and their texts with them. members: heads that are averaged into one. own, imitation:
    weights, in that one's training, of the examples and of the average. learn_texts: whether P is learned; it is the
    identity otherwise. opinion: a factor of its share when training is over.
    identity: how much of it is then added to the P of texts, which know each other best as the body has them."""

    steps: int = 1200
    batch: int = 768
    rate: float = 1e-3
    text_rate: float = 3e-4
    decay: float = 0.2
    noise: float = 0.02
    names: float = 1.0
    soft: float = 0.3
    sharpness: float = 0.05
    average: float = 0.99
    views: int = 4
    cells: int = 27
    mixed: float = 0.5
    members: int = 3
    own: float = 0.1
    imitation: float = 10.0
    learn_texts: bool = True
    opinion: float = 1.0
    identity: float = 0.3


FEW = PictureConfig(steps=200, members=1, learn_texts=False, opinion=1.25, identity=0.0)
"""For a few thousand pictures without captions."""


class Examples:
    """Which pictures are learned from, how often, and what is said of each (rows of the texts)."""

    def __init__(
        self,
        records: Sequence[data.Record],
        texts: Texts,
        names: Tensor,
        allowed: data.Allowed,
    ) -> None:
        self.names = names
        self.rows = np.array([row for row, record in enumerate(records) if record in allowed])
        share = np.array([_share(records[row]) for row in self.rows])
        self.chance = share / share.sum()
        self.said = {row: [texts.row[text] for text in _sayings(records[row])] for row in self.rows.tolist()}
        self.vectors = torch.from_numpy(texts.vectors)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[list[int], Tensor]:
        """Pictures, and a text vector (count, 384) for each: one saying, or the mean of two."""
        rows: list[int] = rng.choice(self.rows, count, replace=False, p=self.chance).tolist()
        first = [rng.choice(self.said[row]) for row in rows]
        second = [
            one if rng.random() < 0.5 else rng.choice(self.said[row])
            for row, one in zip(rows, first, strict=True)
        ]
        return rows, (self.vectors[first] + self.vectors[second]) / 2


def _sayings(record: data.Record) -> list[str]:
    return list(record.captions) or [prompt for label in record.labels[:2] for prompt in prompts(label)]


def _share(record: data.Record) -> float:
    """Captions teach most; frames of one RGB-D scene are nearly the same picture; plain scenes are many alike."""
    if record.captions:
        return 1.0
    return 0.15 if record.kind == "rgbd" else {"places-rooms": 0.5, "intel": 0.4}.get(record.source, 0.6)


def contrast(images: Tensor, words: tuple[Tensor, Tensor], scale: Tensor, config: PictureConfig) -> Tensor:
    """Symmetric cross-entropy of images (n, 384) against their texts, soft targets.

    words: the texts' vectors (n, 384) as the body gives them, and through P, unit rows."""
    raw, projected = words
    near = functional.normalize(raw, dim=1) @ functional.normalize(raw, dim=1).T
    same = (near > SAME).float().fill_diagonal_(1.0)
    right = (1 - config.soft) * same / same.sum(1, keepdim=True) + config.soft * (
        near / config.sharpness
    ).softmax(1)
    logits = scale * images @ projected.T
    return 0.5 * (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right))


@dataclass(slots=True)
class Space:
    """What training leaves: a head, and P (384, 384), which texts pass through: text -> unit(P text)."""

    head: PictureHead
    project: Tensor

    @torch.no_grad()
    def pictures(self, inputs: HeadInputs) -> Floats:
        """Unit rows (n, 384)."""
        out: Floats = self.head(inputs, self.project).numpy()
        return out

    @torch.no_grad()
    def texts(self, vectors: Floats) -> Floats:
        """Vectors of the text body (n, 384) -> unit rows (n, 384)."""
        out: Floats = functional.normalize(torch.from_numpy(vectors) @ self.project.T, dim=1).numpy()
        return out


class Training:
    """One run: a head and P, their optimiser, and the running average that is kept."""

    def __init__(self, config: PictureConfig, head: PictureHead, project: Tensor) -> None:
        self.config, self.head = config, head
        self.project = nn.Parameter(project.clone(), requires_grad=config.learn_texts)
        self.scales = nn.Parameter(torch.full((2,), 3.0))
        groups: list[dict[str, Any]] = [
            {"params": list(head.parameters()), "weight_decay": config.decay, "lr": config.rate},
            {"params": [self.scales], "weight_decay": 0.0, "lr": config.rate},
        ]
        if config.learn_texts:
            groups.append({"params": [self.project], "weight_decay": 0.0, "lr": config.text_rate})
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, [group["lr"] for group in groups], total_steps=config.steps + 1, pct_start=0.1
        )
        self.kept = Space(copy.deepcopy(head), project.clone())
        self.done = 0

    def step(self, inputs: HeadInputs, raw: Tensor, goal: Tensor | None = None) -> float:
        """One batch; goal (n, 384): what an average of heads says of these views, where there is one."""
        config = self.config
        images = self.head(inputs, self.project)
        scales = self.scales.exp().clamp(max=80.0)
        noisy = raw + config.noise * torch.randn_like(raw)
        words = functional.normalize(noisy @ self.project.T, dim=1)
        loss = contrast(images, (noisy, words), scales[0], config)
        names = functional.normalize(self.head.opinion.names @ self.project.T, dim=1)
        belief = inputs.logits.softmax(1)
        loss = loss + config.names * functional.cross_entropy(scales[1] * images @ names.T, belief)
        if goal is not None:
            loss = config.own * loss + config.imitation * (1 - (images * goal).sum(1).mean())
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.head.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self._average()
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        self.done += 1
        keep = min(self.config.average, self.done / (9 + self.done))
        for kept, now in zip(self.kept.head.parameters(), self.head.parameters(), strict=True):
            kept.lerp_(now, 1 - keep)
        self.kept.project.lerp_(self.project, 1 - keep)


def train(
    config: PictureConfig,
    views: Views,
    examples: Examples,
    seed: int,
    goals: Sequence[Floats] = (),
    start: Space | None = None,
) -> Space:
    """Train a head, under the P of `start` if there is one; with `goals` (n, 384) by view the head of `start`, to
    imitate an average of heads."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    shape = HeadShape()
    sample = np.sort(rng.choice(examples.rows, min(1500, len(examples.rows)), replace=False))
    cells = np.asarray(views.maps[0][sample], np.float32).reshape(-1, shape.dims)
    head = PictureHead(shape, examples.names, *standardiser(cells))
    if start is not None and goals:
        head.load_state_dict(start.head.state_dict())
    run = Training(config, head, torch.eye(shape.dim) if start is None else start.project)
    began = time.monotonic()
    for step in range(config.steps):
        rows, words = examples.draw(min(config.batch, len(examples.rows)), rng)
        chosen = rng.integers(0, config.views, len(rows)).tolist()
        seen = rng.random((len(rows), GRID * GRID)).argsort(1)[:, : config.cells]
        inputs, goal = views.batch(rows, chosen, seen), None
        if goals:
            goal = torch.from_numpy(
                np.stack([goals[v][row] for v, row in zip(chosen, rows, strict=True)])
            ).float()
        else:
            inputs, words = mix(inputs, words, config.mixed, rng)
        loss = run.step(inputs, words, goal)
        if step % 100 == 99:
            LOG.info("seed %d, step %d, %.0f s: loss %.3f", seed, step + 1, time.monotonic() - began, loss)
    run.kept.head.eval()
    return run.kept


def averaged(members: Sequence[Space], views: Views, config: PictureConfig) -> list[Floats]:
    """For each view, what the members say of every picture on average: unit rows (n, 384)."""
    out = []
    for view in range(config.views):
        count, parts = len(views.maps[view]), []
        for first in range(0, count, 256):
            rows = range(first, min(first + 256, count))
            inputs = views.batch(rows, [view] * len(rows))
            parts.append(unit(np.mean([member.pictures(inputs) for member in members], 0)))
        out.append(np.concatenate(parts))
    return out


def run(places: data.Places, allowed: data.Allowed) -> None:
    """Write `image.onnx` and `text.onnx`, which is P, to the heads, and `space.npz` (P) to the work folder.

    Without captions P stays the identity. What was trained is kept in the work folder as it is done.
    """
    config = FEW if allowed.open_only else PictureConfig()
    records, texts = features.all_pictures(places.packs), Texts(places.work)
    views, work = Views(places.work, config.views), places.work / places.heads.name
    work.mkdir(exist_ok=True)
    names = torch.from_numpy(texts.of_names(class_names(places.teachers)))
    examples = Examples(records, texts, names, allowed)
    data.keep_order([records[row] for row in examples.rows.tolist()], work / "examples.json")
    LOG.info("%d pictures to learn from", len(examples.rows))
    first = _kept(work / "member0.pt", lambda: train(config, views, examples, 0))
    np.savez(work / "space.npz", P=first.project.numpy())
    shared = replace(config, learn_texts=False)  # all heads of one average speak of the same texts
    others = range(1, config.members)
    members = [first, *(_member(seed, shared, views, examples, first, work) for seed in others)]
    space = _kept(work / "head.pt", lambda: _one_of(members, shared, views, examples))
    space = with_kinds(space, config.opinion)
    for line in picture_figures.lines(space, views, records, texts, allowed):
        LOG.info(line)
    with np.load(places.work / "components.npz") as saved:
        components = features.Components(saved["mean"], saved["basis"])
    maps = torch.rand(2, GRID, GRID, CHANNELS)
    takes = [("map", maps, (0,)), ("logits", torch.randn(2, CLASSES), (0,))]
    write(Served(space.head, space.project, components), takes, ["vectors"], places.heads / "image.onnx")
    project = nn.Linear(len(space.project), len(space.project), bias=False)
    project.weight = nn.Parameter(space.project + config.identity * torch.eye(len(space.project)))
    takes = [("vectors", torch.rand(2, len(space.project)), (0,))]
    write(UnitRows(project), takes, ["projected"], places.heads / "text.onnx", exact=True)


def _member(
    seed: int, config: PictureConfig, views: Views, examples: Examples, first: Space, work: Path
) -> Space:
    return _kept(work / f"member{seed}.pt", lambda: train(config, views, examples, seed, start=first))


def _one_of(members: Sequence[Space], config: PictureConfig, views: Views, examples: Examples) -> Space:
    """The only member, or the first one, taught to imitate their average."""
    if len(members) == 1:
        return members[0]
    goals = averaged(members, views, config)
    config = replace(
        config, steps=500, batch=512, rate=config.rate / 2, cells=2 * config.cells
    )  # to see what they saw
    return train(config, views, examples, len(members), goals, members[0])


def _kept(path: Path, make: Callable[[], Space]) -> Space:
    """What `path` holds, or what is made now and then kept there."""
    if not path.exists():
        torch.save(make(), path)
    space: Space = torch.load(path, weights_only=False)
    return space


def load(places: data.Places) -> Space:
    """The head and P that `run` left."""
    space: Space = torch.load(places.work / places.heads.name / "head.pt", weights_only=False)
    return space
