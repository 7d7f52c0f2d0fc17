"""The image tower: a small residual network taught, cell by cell and as a whole, what its teachers say of
each view.

Five lessons a view: the teacher's feature in every cell, its 1000 class beliefs, the bound embedding of the
region (see `bind`), the class names in the joint space, and, for views that show most of one picture, its
captions or labels. The schedule follows the clock, so a run always ends annealed, however slow the machine
is that day.
"""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseek.embedders.mini.prepare_visual import IMAGE_SIDE
from training import bind, data, device, measure, views
from training.export import export
from training.measure import Floats
from training.nets import Average, NetShape, Served, Tower

LOG = logging.getLogger(__name__)
WINDOW = 3  # cells a side of the windows that the shipped tower averages over, see Served
STORED = 112  # side of the pictures in memory
MEAN, STD = 0.45, 0.25  # of a picture's values in 0..1, all channels alike


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """`seconds` of training in all; `sides` lists (from this share of the time on, side in pixels).

    `least` of a picture is shown, and `composed` is the share of compositions; `calm` says from when on (a
    share of the time), and what they become then: views more like the pictures that people search.
    """

    seconds: float = 5000.0
    shape: NetShape = field(default_factory=NetShape)
    sides: tuple[tuple[float, int], ...] = ((0.0, 64), (0.7, 80), (0.88, 96))
    batch: int = 128
    rate: float = 2e-3
    warm: float = 0.03
    decay: float = 0.05
    average: float = 0.999
    least: float = 0.25
    composed: float = 0.5
    calm: tuple[float, float, float] = (0.7, 0.4, 0.3)
    cells: float = 1.0
    beliefs: float = 0.75
    embedding: float = 4.0
    names: float = 1.0
    captions: tuple[float, float] = (0.25, 1.5)
    seed: int = 0
    hold_out: tuple[str, ...] = field(default=())


class Lessons:
    """What a student is graded on: teacher, bound head and texts, frozen."""

    def __init__(
        self, pictures: bind.Pictures, texts: bind.Texts, space: bind.Space, where: torch.device | None = None
    ) -> None:
        self.device = where or device.best()
        self.maps = torch.from_numpy(np.array(pictures.maps)).to(self.device)
        self.weight = torch.from_numpy(pictures.weight).to(self.device)
        self.bias = torch.from_numpy(pictures.bias).to(self.device)
        spread = np.sqrt(pictures.variance)
        self.scale = torch.from_numpy(1.0 / (spread + 0.3 * spread.mean())).to(self.device)
        self.space = space.to(self.device)
        self.raw = torch.from_numpy(texts.vectors).to(self.device)
        self.words = functional.normalize(self.raw @ self.space.project.T, dim=1)
        self.names = functional.normalize(self.space.head.names @ self.space.project.T, dim=1)
        self.text_rows = pictures.text_rows

    def grade(
        self, guess: Tensor, out: Tensor, cells: Tensor, said: Tensor, shown: Tensor
    ) -> dict[str, Tensor]:
        """The losses, unweighted. guess: (n, d, g, g); cells: the teacher's (n, g, g, d); said: a text row
        each.
        """
        guess = guess.float().permute(0, 2, 3, 1) / self.scale
        losses = {"cells": ((guess - cells) * self.scale).pow(2).mean()}
        pooled = cells.mean((1, 2))
        belief = (pooled @ self.weight.T + self.bias).softmax(1)
        losses["beliefs"] = _divergence(guess.mean((1, 2)) @ self.weight.T + self.bias, belief)
        unit = functional.normalize(out.float(), dim=1)
        wanted = self.space.pictures(pooled)
        losses["embedding"] = 1 - (unit * wanted).sum(1).mean()
        named = self.space.names_scale
        losses["names"] = _divergence(named * unit @ self.names.T, belief)
        if int(shown.sum()) > 8:
            rows = said[shown]
            right = bind.targets(rows, self.raw[rows])
            scale = torch.tensor(self.space.scale, device=self.device)
            losses["captions"] = bind.contrast(unit[shown], self.words[rows], right, scale)
        return losses


def _divergence(logits: Tensor, belief: Tensor) -> Tensor:
    """Cross-entropy less the teacher's own entropy, so that 0 is perfect."""
    return functional.kl_div(logits.log_softmax(1), belief, reduction="batchmean")


def as_input(pictures: Tensor) -> Tensor:
    """Values in 0..1, (n, 3, s, s) -> what the network takes."""
    return ((pictures - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def make_batch(
    config: ImageConfig,
    images: npt.NDArray[np.uint8],
    lessons: Lessons,
    rows: npt.NDArray[np.int64],
    share: float,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views of `rows` as they are at this share of the time: input, the teacher's cells, a text row each, and
    which of the views show most of one picture.
    """
    side = [pixels for start, pixels in config.sides if share >= start][-1]
    calm = share >= config.calm[0]
    least = config.calm[1] if calm else config.least
    boxes = views.random_boxes(len(rows), least, rng).to(lessons.device)
    seen = views.cut(torch.from_numpy(images[rows]).to(lessons.device).float() / 255.0, boxes, side)
    cells = views.cut_cells(lessons.maps[rows].float(), boxes, side // views.CELL)
    composed = config.calm[2] if calm else config.composed
    seen, cells, whole = views.compose(views.jitter(seen, rng), cells, rng, composed)
    said = torch.tensor([rng.choice(lessons.text_rows[row]) for row in rows])
    return as_input(seen), cells, said.to(lessons.device), whole & (boxes.area > 0.4)


class Student:
    """A network in training with its optimiser, its average, and what they have been through; kept in a
    file.
    """

    def __init__(self, config: ImageConfig, lessons: Lessons, path: Path) -> None:
        self.config, self.lessons, self.path = config, lessons, path
        torch.manual_seed(config.seed)
        self.net = new_tower(config, lessons).to(lessons.device)
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        others = [p for p in self.net.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": config.decay}, {"params": others, "weight_decay": 0.0}],
            lr=config.rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.average = Average(self.net, config.average)
        self.step, self.spent, self.seen = 0, 0.0, 0
        if path.exists():
            state = torch.load(path, weights_only=True, map_location=lessons.device)
            self.net.load_state_dict(state["net"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.average.state, self.average.steps = state["average"], state["step"]
            self.step, self.spent, self.seen = state["step"], state["spent"], state["seen"]

    def learn(self, batch: tuple[Tensor, Tensor, Tensor, Tensor], share: float) -> dict[str, float]:
        """One step on one batch at this share of the time; the losses."""
        config = self.config
        rate = config.rate * min(1.0, share / config.warm) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        x, cells, said, shown = batch
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            guess, out = self.net(x)
        losses = self.lessons.grade(guess, out, cells, said, shown)
        low, high = config.captions
        weights = {"captions": low + (high - low) * share}
        total = sum(weights.get(name, getattr(config, name)) * loss for name, loss in losses.items())
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[union-attr]
        nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optimiser.step()
        self.average.update(self.net)
        self.step, self.seen = self.step + 1, self.seen + len(x)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def save(self) -> None:
        """Write the file whole or not at all."""
        state = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state,
            "step": self.step,
            "spent": self.spent,
            "seen": self.seen,
        }
        partial = self.path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self.path)

    def averaged(self) -> Tower:
        """A network with the averaged weights, in evaluation mode."""
        net = new_tower(self.config, self.lessons)
        net.load_state_dict(self.average.state)
        return net.eval()


def new_tower(config: ImageConfig, lessons: Lessons) -> Tower:
    """An untrained network of the right shape."""
    net = Tower(config.shape, lessons.words.shape[1], lessons.maps.shape[-1])
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def train(
    config: ImageConfig,
    pictures: bind.Pictures,
    lessons: Lessons,
    images: npt.NDArray[np.uint8],
    folder: Path,
) -> Tower:
    """Train until the clock runs out; `folder` keeps `last.pt`, from which a broken run goes on.

    images: uint8 (n, 3, 112, 112).
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=1), encoding="utf-8")
    student = Student(config, lessons, folder / "last.pt")
    rng = np.random.default_rng(config.seed + student.step)
    chance = pictures.weights[pictures.train] / pictures.weights[pictures.train].sum()
    began, saved = time.monotonic() - student.spent, student.spent
    sums: dict[str, float] = {}
    logged = (time.monotonic(), student.seen)
    while (spent := time.monotonic() - began) < config.seconds:
        share, student.spent = spent / config.seconds, spent
        rows = rng.choice(pictures.train, config.batch, replace=False, p=chance)
        losses = student.learn(make_batch(config, images, lessons, rows, share, rng), share)
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss / 100
        if student.step % 100 == 0:
            pace = (student.seen - logged[1]) / (time.monotonic() - logged[0])
            text = ", ".join(f"{name} {value:.4f}" for name, value in sums.items())
            LOG.info("%.0f s, %d views, %.0f/s: %s", spent, student.seen, pace, text)
            sums, logged = {}, (time.monotonic(), student.seen)
        if spent > saved + 180:
            saved = spent
            student.save()
    student.save()
    return student.averaged()


@torch.no_grad()
def embed(net: Tower, images: npt.NDArray[np.uint8], side: int, mirror: bool = False) -> Floats:
    """Whole pictures, uint8 (n, 3, 112, 112), seen at `side` pixels -> unit rows (n, dim)."""
    parts = []
    for start in range(0, len(images), 64):
        part = torch.from_numpy(images[start : start + 64]).float() / 255.0
        ones, zeros = torch.ones(len(part)), torch.zeros(len(part))
        boxes = views.Boxes(zeros, zeros, ones, ones, torch.full((len(part),), mirror))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(as_input(views.cut(part, boxes, side)))[1]
        parts.append(functional.normalize(out.float(), dim=1))
    result: Floats = torch.cat(parts).numpy()
    return result


def load_images(media: Path, work: Path, open_only: bool = False) -> npt.NDArray[np.uint8]:
    """All pictures and the colour halves of the RGB-D pairs, uint8 (n, 3, 112, 112); kept in
    `images112.npy`.
    """
    kept = work / "images112.npy"
    if not kept.exists():
        records = data.read_records(media, "image", open_only) + data.read_records(media, "rgbd", open_only)
        pictures = data.read_pictures(media, records, STORED)
        np.save(kept, np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    loaded: npt.NDArray[np.uint8] = np.load(kept)
    return loaded


def judge(
    net: Tower, pictures: bind.Pictures, texts: bind.Texts, space: bind.Space, images: Any
) -> list[float]:
    """Captions to photographs of the `val` split: recall at 1, 5 and 10, in per cent."""
    chosen = [row for row, r in enumerate(pictures.records) if r.split == "val" and r.captions]
    said = [(place, text) for place, row in enumerate(chosen) for text in pictures.records[row].captions]
    scores = space.texts(texts.of([text for _, text in said])) @ embed(net, images[chosen], IMAGE_SIDE).T
    owner = np.array([place for place, _ in said])
    return measure.recall(measure.first_right(scores, owner[:, None] == np.arange(len(chosen))))


def ship(net: Tower, weights: Path) -> None:
    """Write `image.onnx`: pixels in, unit vectors out."""
    example = torch.zeros(2, IMAGE_SIDE, IMAGE_SIDE, 3, dtype=torch.uint8)
    export(Served(net, True, MEAN, STD, WINDOW), example, [0], weights / "image.onnx", "pixels")


def run(media: Path, work: Path, weights: Path, seconds: float, open_only: bool = False) -> None:
    """The stage: `bind.npz`, texts and the teacher's maps in `work` -> `image.onnx` in `weights`."""
    texts, space = bind.Texts(work / "visual_texts.npz"), bind.load(work / "bind.npz")
    config = ImageConfig(seconds=seconds, hold_out=data.HELD_OUT)
    pictures = bind.Pictures(media, work, texts, config.hold_out, open_only)
    images = load_images(media, work, open_only)
    net = train(config, pictures, Lessons(pictures, texts, space), images, work / "image")
    if any(record.captions for record in pictures.records):  # the open part has none
        recalls = judge(net, pictures, texts, space, images)
        LOG.info("val, captions to photographs: R@1 %.1f, R@5 %.1f, R@10 %.1f", *recalls)
    ship(net, weights)
