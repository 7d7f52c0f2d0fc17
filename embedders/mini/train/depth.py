"""The depth tower, bound to the frozen image side, as ImageBind binds: real RGB-D pairs, and rendered rooms.

A real pair's target is the embedding of its colour half (with its label); a rendered room's is the joint text of
its kind and of the things in it. Real places are few, so most of a batch is rendered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from anyseek.embedders.mini.prepare_visual import DEPTH_SIDE, planes
from anyseek.embedders.mini.train import bind, render, rooms, views
from anyseek.embedders.mini.train.image import Average
from anyseek.embedders.mini.train.measure import Floats
from anyseek.embedders.mini.train.nets import NetShape, Tower

LOG = logging.getLogger(__name__)
SIZE = (72, 96)  # of a rendered map


@dataclass(frozen=True, slots=True)
class DepthConfig:
    """`real` is the share of real pairs in a batch; `scale` the sharpness of the softmax over kinds of rooms."""

    seconds: float = 900.0
    shape: NetShape = NetShape((32, 64, 160), (1, 2, 3), 512, 3)
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    average: float = 0.998
    real: float = 0.25
    scale: float = 20.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """depth (n, 72, 96) float16 exact metres; kind (n,) index into rooms.ROOMS; things by row."""

    depth: npt.NDArray[np.float16]
    kind: npt.NDArray[np.int64]
    things: list[list[str]]


def render_pool(path: Path, count: int, seed: int = 0) -> Rendered:
    """`count` rendered rooms of all kinds, kept in `path` (.npz); about 20 ms each."""
    if not path.exists():
        rng = np.random.default_rng(seed)
        kinds = np.arange(count) % len(rooms.ROOMS)
        depth = np.zeros((count, *SIZE), np.float16)
        things = []
        for row, kind in enumerate(kinds):
            scene = rooms.ROOMS[kind](rng)
            depth[row] = render.shoot(scene, rng, SIZE)
            things.append("|".join(sorted(scene.things)))
        np.savez(path, depth=depth, kind=kinds, things=np.array(things))
    with np.load(path) as saved:
        said = [[thing for thing in str(row).split("|") if thing] for row in saved["things"]]
        return Rendered(saved["depth"], saved["kind"], said)


def room_names() -> list[str]:
    """The first name of every recipe, in order."""
    rng = np.random.default_rng(0)
    return [recipe(rng).name for recipe in rooms.ROOMS]


class Targets:
    """Joint text vectors of kinds and things; P is frozen."""

    def __init__(self, texts: bind.Texts, space: bind.Space) -> None:
        names = room_names()
        self.words = [word for name in names for word in rooms.WORDS.get(name, (name,))]
        self.owner = np.array([k for k, name in enumerate(names) for _ in rooms.WORDS.get(name, (name,))])
        self.bank = torch.from_numpy(space.texts(texts.of_names(self.words)))
        self.texts, self.space = texts, space
        self._things: dict[str, Tensor] = {}

    def thing(self, name: str) -> Tensor:
        """The unit joint vector of a thing, (dim,)."""
        if name not in self._things:
            self._things[name] = torch.from_numpy(self.space.texts(self.texts.of_names([name])))[0]
        return self._things[name]

    def of(
        self, kinds: npt.NDArray[np.int64], things: Sequence[Sequence[str]], weight: float = 0.25
    ) -> Tensor:
        """Unit targets (n, dim): the kind's words, and `weight` of each thing's."""
        out = torch.stack([self.bank[torch.from_numpy(self.owner == kind)].mean(0) for kind in kinds])
        for row, names in enumerate(things):
            for name in names:
                out[row] += weight * self.thing(name)
        return functional.normalize(out, dim=1)

    def right(self, kinds: npt.NDArray[np.int64]) -> Tensor:
        """Soft targets over the bank, (n, words): the words of the kind share one."""
        own = torch.from_numpy((self.owner[None] == kinds[:, None]).astype(np.float32))
        return own / own.sum(1, keepdim=True)


def augment(metres: Floats, rng: np.random.Generator, least: float = 0.45) -> Tensor:
    """Maps (n, h, w) metres with NaN holes -> planes (n, 3, 64, 64): boxes, mirrors, scale, sensor noise, holes."""
    metres = metres * rng.uniform(0.8, 1.25, (len(metres), 1, 1)).astype(np.float32)
    noisy = np.stack([render.sense(one, rng) if rng.random() < 0.7 else one for one in metres])
    full = torch.from_numpy(planes(noisy))
    boxes = views.random_boxes(len(full), least, rng)
    return settle(views.cut(full, boxes, DEPTH_SIDE))


def settle(small: Tensor) -> Tensor:
    """Means over known pixels only: what PrepareDepth does after its reduction."""
    share = small[:, 2:]
    return torch.cat([torch.where(share > 0.02, small[:, :2] / share.clamp(min=1e-6), 0.0), share], 1)


def train(
    config: DepthConfig,
    rendered: Rendered,
    real: Floats,
    real_targets: Tensor,
    real_chance: Floats,
    targets: Targets,
    judge: Callable[[Tower], str] | None = None,
    every: float = 180.0,
) -> Tower:
    """Train until the clock runs out. real: (m, h, w) metres with NaN; real_targets: unit rows (m, dim)."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    net = Tower(config.shape, targets.bank.shape[1]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.rate, weight_decay=config.decay, fused=True)
    average = Average(net, config.average)
    began, step, due = time.monotonic(), 0, every
    while (share := (time.monotonic() - began) / config.seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = float(config.rate * min(1.0, share / 0.03) * 0.5 * (1 + np.cos(np.pi * share)))
        some = int(config.real * config.batch)
        rows = rng.integers(0, len(rendered.depth), config.batch - some)
        pairs = rng.choice(len(real), some, p=real_chance)
        x = augment(rendered.depth[rows].astype(np.float32), rng)
        if some:
            x = torch.cat([x, augment(real[pairs], rng)])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(x.contiguous(memory_format=torch.channels_last))[1]
        unit = functional.normalize(out.float(), dim=1)
        made, seen = unit[: len(rows)], unit[len(rows) :]
        kinds = rendered.kind[rows]
        naming = functional.cross_entropy(config.scale * made @ targets.bank.T, targets.right(kinds))
        wanted = targets.of(kinds, [rendered.things[row] for row in rows])
        loss = naming + 2 * (1 - (made * wanted).sum(1).mean())
        if some:
            goal = real_targets[pairs]
            loss = loss + 2 * (1 - (seen * goal).sum(1).mean())
            alike = (goal @ goal.T > 0.9).float()
            loss = loss + 0.25 * bind.contrast(
                seen, goal, alike / alike.sum(1, keepdim=True), torch.tensor(config.scale)
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average.update(net)
        step += 1
        if step % 200 == 0:
            LOG.info(
                "step %d, %.0f %%: loss %.3f, naming %.3f",
                step,
                100 * share,
                float(loss.detach()),
                float(naming.detach()),
            )
        if judge is not None and time.monotonic() - began > due:
            due += every
            LOG.info("JUDGED: %s", judge(_averaged(config, average, targets)))
    return _averaged(config, average, targets)


def _averaged(config: DepthConfig, average: Average, targets: Targets) -> Tower:
    net = Tower(config.shape, targets.bank.shape[1])
    net.load_state_dict(average.state)
    return net.eval()


@torch.no_grad()
def embed(net: Tower, maps: Floats) -> Floats:
    """Prepared maps, float32 (n, 3, 64, 64) -> unit rows (n, dim)."""
    out: Floats = functional.normalize(net(torch.from_numpy(maps))[1].float(), dim=1).numpy()
    return out
