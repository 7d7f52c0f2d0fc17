"""The image tower: a small residual network taught, cell by cell and as a whole, what its teachers say of each view.

Five lessons a view: the teacher's feature in every cell, its 1000 class beliefs, the bound embedding of the region
(see `bind`), the class names in the joint space, and, for views that show most of one picture, its captions or
labels. The schedule follows the clock, so a run always ends annealed, however slow the machine is that day.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from anyseek.embedders.mini.train import bind, data, views
from anyseek.embedders.mini.train.measure import Floats
from anyseek.embedders.mini.train.nets import NetShape, Tower

LOG = logging.getLogger(__name__)
STORED = 112  # side of the pictures in memory
MEAN, STD = 0.45, 0.25  # of a picture's values in 0..1, all channels alike


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """`seconds` of training in all; `sides` lists (from this share of the time on, side in pixels)."""

    seconds: float = 4800.0
    shape: NetShape = NetShape()
    sides: tuple[tuple[float, int], ...] = ((0.0, 64), (0.6, 96))
    batch: int = 128
    rate: float = 2e-3
    warm: float = 0.03
    decay: float = 0.05
    average: float = 0.999
    least: float = 0.25
    composed: float = 0.5
    cells: float = 1.0
    beliefs: float = 0.5
    embedding: float = 4.0
    names: float = 0.5
    captions: tuple[float, float] = (0.25, 1.0)
    seed: int = 0
    hold_out: tuple[str, ...] = field(default=())


class Lessons:
    """What a student is graded on: teacher, bound head and texts, frozen."""

    def __init__(
        self, pictures: bind.Pictures, texts: bind.Texts, space: bind.Space, names: Sequence[str]
    ) -> None:
        self.maps = torch.from_numpy(np.array(pictures.maps))
        self.weight, self.bias = torch.from_numpy(pictures.weight), torch.from_numpy(pictures.bias)
        spread = np.sqrt(pictures.variance)
        self.scale = torch.from_numpy(1.0 / (spread + 0.3 * spread.mean()))
        self.space = space
        self.raw = torch.from_numpy(texts.vectors)
        self.words = functional.normalize(self.raw @ space.project.T, dim=1)
        self.names = functional.normalize(torch.from_numpy(texts.of_names(names)) @ space.project.T, dim=1)
        self.text_rows = pictures.text_rows

    def grade(
        self, guess: Tensor, out: Tensor, cells: Tensor, said: Tensor, shown: Tensor
    ) -> dict[str, Tensor]:
        """The losses, unweighted. guess: (n, d, g, g); cells: the teacher's (n, g, g, d); said: a text row each."""
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
            scale = torch.tensor(self.space.scale)
            losses["captions"] = bind.contrast(unit[shown], self.words[rows], right, scale)
        return losses


def _divergence(logits: Tensor, belief: Tensor) -> Tensor:
    """Cross-entropy less the teacher's own entropy, so that 0 is perfect."""
    return functional.kl_div(logits.log_softmax(1), belief, reduction="batchmean")


class Average:
    """Exponential moving average of a network's weights and norms; shorter while it is young."""

    def __init__(self, net: nn.Module, keep: float) -> None:
        self.keep, self.steps = keep, 0
        self.state = {name: value.detach().clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Move towards the network's present weights."""
        self.steps += 1
        keep = min(self.keep, (1 + self.steps) / (10 + self.steps))
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                self.state[name].lerp_(value, 1 - keep)
            else:
                self.state[name].copy_(value)


def as_input(pictures: Tensor) -> Tensor:
    """Values in 0..1, (n, 3, s, s) -> what the network takes."""
    return ((pictures - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def make_batch(
    config: ImageConfig,
    images: npt.NDArray[np.uint8],
    lessons: Lessons,
    rows: npt.NDArray[np.int64],
    side: int,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views of `rows` at `side` pixels: input, the teacher's cells, a text row each, which views show a whole."""
    boxes = views.random_boxes(len(rows), config.least, rng)
    seen = views.cut(torch.from_numpy(images[rows]).float() / 255.0, boxes, side)
    cells = views.cut_cells(lessons.maps[rows].float(), boxes, side // views.CELL)
    seen, cells, whole = views.compose(views.jitter(seen, rng), cells, rng, config.composed)
    said = torch.tensor([rng.choice(lessons.text_rows[row]) for row in rows])
    return as_input(seen), cells, said, whole & (boxes.area > 0.4)


def train(
    config: ImageConfig,
    pictures: bind.Pictures,
    lessons: Lessons,
    images: npt.NDArray[np.uint8],
    folder: Path,
    judge: Callable[[Tower, int], str] | None = None,
    every: float = 600.0,
) -> Tower:
    """Train until the clock runs out. `folder` receives `last.pt` (to resume) and `best.pt` (the average).

    images: uint8 (n, 3, 112, 112). judge: called about `every` seconds with the averaged network and the side.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    net = Tower(config.shape, lessons.words.shape[1], lessons.maps.shape[-1]).to(
        memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    decayed = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.decay}, {"params": others, "weight_decay": 0.0}],
        lr=config.rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    average, step, spent, seen = Average(net, config.average), 0, 0.0, 0
    saved = folder / "last.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        average.state, average.steps = state["average"], state["step"]
        step, spent, seen = state["step"], state["spent"], state["seen"]
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=1))
    rng = np.random.default_rng(config.seed + step)
    chance = pictures.weights[pictures.train] / pictures.weights[pictures.train].sum()
    began, next_save, next_judge = time.monotonic() - spent, spent + 120.0, spent + min(every, 240.0)
    sums: dict[str, float] = {}
    preparing = 0.0
    logged = (time.monotonic(), seen)
    while (spent := time.monotonic() - began) < config.seconds:
        share = spent / config.seconds
        side = [pixels for start, pixels in config.sides if share >= start][-1]
        rate = float(config.rate * min(1.0, share / config.warm) * 0.5 * (1 + np.cos(np.pi * share)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows = rng.choice(pictures.train, config.batch, replace=False, p=chance)
        tick = time.monotonic()
        x, cells, said, shown = make_batch(config, images, lessons, rows, side, rng)
        preparing += time.monotonic() - tick
        with torch.autocast("cpu", dtype=torch.bfloat16):
            guess, out = net(x)
        losses = lessons.grade(guess, out, cells, said, shown)
        low, high = config.captions
        weights = {"captions": low + (high - low) * share}
        total = sum(weights.get(name, getattr(config, name)) * loss for name, loss in losses.items())
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[union-attr]
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        average.update(net)
        step, seen = step + 1, seen + len(rows)
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss.detach())
        if step % 100 == 0:
            pace = (seen - logged[1]) / (time.monotonic() - logged[0])
            text = ", ".join(f"{name} {value / 100:.4f}" for name, value in sums.items())
            LOG.info(
                "step %d, %.0f s, %d views, side %d, rate %.5f, %.0f/s, %.0f s to prepare: %s",
                step,
                spent,
                seen,
                side,
                rate,
                pace,
                preparing,
                text,
            )
            preparing, sums, logged = 0.0, {}, (time.monotonic(), seen)
        if spent > next_save:
            next_save = spent + 180.0
            _save(saved, net, optimiser, average, step, spent, seen)
        if judge is not None and spent > next_judge:
            next_judge = spent + every
            LOG.info("JUDGED at %d views: %s", seen, judge(averaged(config, average, lessons), side))
    _save(saved, net, optimiser, average, step, spent, seen)
    return averaged(config, average, lessons)


def _save(
    path: Path,
    net: Tower,
    optimiser: torch.optim.Optimizer,
    average: Average,
    step: int,
    spent: float,
    seen: int,
) -> None:
    state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average.state}
    partial = path.with_suffix(".part")
    torch.save({**state, "step": step, "spent": spent, "seen": seen}, partial)
    partial.replace(path)


def averaged(config: ImageConfig, average: Average, lessons: Lessons) -> Tower:
    """A network with the averaged weights, in evaluation mode."""
    net = Tower(config.shape, lessons.words.shape[1], lessons.maps.shape[-1])
    net.load_state_dict(average.state)
    return net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


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
    """All pictures and the colour halves of the RGB-D pairs, uint8 (n, 3, 112, 112); kept in `images112.npy`."""
    kept = work / "images112.npy"
    if not kept.exists():
        records = data.read_records(media, "image", open_only) + data.read_records(media, "rgbd", open_only)
        pictures = data.read_pictures(media, records, STORED)
        np.save(kept, np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    loaded: npt.NDArray[np.uint8] = np.load(kept)
    return loaded
