"""The depth tower, bound to the frozen image side, as ImageBind binds: real RGB-D pairs, and rendered
rooms.

A real pair's target is the embedding of its colour half (with its label); a rendered room's is the joint
text of its kind and of the things in it. Real places are few, so most of a batch is rendered.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from anyseek.embedders.mini.prepare_visual import DEPTH_SIDE, planes
from training import bind, data, device, render, rooms, views
from training.export import export
from training.measure import Floats
from training.nets import Average, NetShape, Served, Tower

LOG = logging.getLogger(__name__)
SIZE = (72, 96)  # of a rendered map


@dataclass(frozen=True, slots=True)
class DepthConfig:
    """`real` is the share of real pairs in a batch; `scale` the sharpness of the softmax over kinds of
    rooms.
    """

    seconds: float = 900.0
    shape: NetShape = field(default_factory=lambda: NetShape((32, 64, 128), (1, 1, 2), 512, 3))
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    average: float = 0.998
    rooms: int = 13_000
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


def vocabulary() -> list[str]:
    """Every name of a room or a thing that the recipes can use; the text stage embeds their prompts."""
    rng = np.random.default_rng(0)
    found = {word for name in room_names() for word in rooms.WORDS.get(name, (name,))} | set(room_names())
    for recipe in rooms.ROOMS:
        for _ in range(40):
            found |= recipe(rng).things
    return sorted(found)


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

    def loss(self, unit: Tensor, rendered: Rendered, rows: npt.NDArray[np.int64], scale: float) -> Tensor:
        """Rendered rooms: the right words among all of the bank's, and nearness to kind and things."""
        kinds = rendered.kind[rows]
        naming = functional.cross_entropy(scale * unit @ self.bank.T, self.right(kinds))
        wanted = self.of(kinds, [rendered.things[row] for row in rows])
        return naming + 2 * (1 - (unit * wanted).sum(1).mean())


def augment(metres: Floats, rng: np.random.Generator, least: float = 0.45) -> Tensor:
    """Maps (n, h, w) metres with NaN holes -> planes (n, 3, 64, 64): boxes, mirrors, scale, sensor noise,
    holes.
    """
    metres = metres * rng.uniform(0.8, 1.25, (len(metres), 1, 1)).astype(np.float32)
    noisy = np.stack([render.sense(one, rng) if rng.random() < 0.7 else one for one in metres])
    full = torch.from_numpy(planes(noisy))
    boxes = views.random_boxes(len(full), least, rng)
    return settle(views.cut(full, boxes, DEPTH_SIDE))


def settle(small: Tensor) -> Tensor:
    """Means over known pixels only: what PrepareDepth does after its reduction."""
    share = small[:, 2:]
    return torch.cat([torch.where(share > 0.02, small[:, :2] / share.clamp(min=1e-6), 0.0), share], 1)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Real RGB-D pairs: depth (m, h, w) metres with NaN holes, unit targets (m, dim), chance of each to be
    drawn.
    """

    depth: Floats
    targets: Tensor
    chance: npt.NDArray[np.float64]


def read_pairs(
    media: Path, work: Path, texts: bind.Texts, space: bind.Space, open_only: bool = False
) -> Pairs:
    """The pack's pairs to train on. Targets: the bound colour half and the label, in equal parts.

    Sources with many frames of one place are drawn less than in proportion.
    """
    records = data.read_records(media, "rgbd", open_only)
    maps = np.load(work / "lite2_maps.npy", mmap_mode="r")[-len(records) :]
    colour = space.pictures(torch.from_numpy(np.asarray(maps, np.float32).mean((1, 2))))
    labels = [space.texts(texts.of_names(record.labels)).mean(0) for record in records]
    targets = functional.normalize(
        colour + functional.normalize(torch.from_numpy(np.stack(labels)), dim=1), dim=1
    )
    keep = [row for row, record in enumerate(records) if record.split == "train"]
    depth = np.stack([_same_size(one) for one in data.read_depths(media, [records[row] for row in keep])])
    sources = [records[row].source for row in keep]
    chance = np.array([sources.count(source) ** -0.5 for source in sources])
    return Pairs(depth, targets[keep], chance / chance.sum())


def _same_size(depth: Floats, size: tuple[int, int] = (96, 128)) -> Floats:
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, depth.shape, strict=True))
    return depth[rows][:, columns]


def train(config: DepthConfig, rendered: Rendered, pairs: Pairs, targets: Targets) -> Tower:
    """Train until the clock runs out; the averaged network, in evaluation mode."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    where = device.best()
    net = Tower(config.shape, targets.bank.shape[1]).to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.rate, weight_decay=config.decay, fused=True)
    average = Average(net, config.average)
    began, step, some = time.monotonic(), 0, int(config.real * config.batch)
    while (share := (time.monotonic() - began) / config.seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = config.rate * min(1.0, share / 0.03) * 0.5 * (1 + math.cos(math.pi * share))
        rows = rng.integers(0, len(rendered.depth), config.batch - some)
        chosen = rng.choice(len(pairs.depth), some, p=pairs.chance)
        x = torch.cat(
            [augment(rendered.depth[rows].astype(np.float32), rng), augment(pairs.depth[chosen], rng)]
        )
        with torch.autocast(where.type, dtype=torch.bfloat16):
            out = net(x.to(where).contiguous(memory_format=torch.channels_last))[1]
        unit = functional.normalize(out.float(), dim=1).cpu()  # the targets lie there
        loss = targets.loss(unit[: len(rows)], rendered, rows, config.scale)
        if some:
            loss = loss + pair_loss(unit[len(rows) :], pairs.targets[chosen], config.scale)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average.update(net)
        step += 1
        if step % 200 == 0:
            LOG.info("step %d, %.0f %%: loss %.3f", step, 100 * share, float(loss.detach()))
    final = Tower(config.shape, targets.bank.shape[1])
    final.load_state_dict(average.state)
    return final.eval()


def pair_loss(unit: Tensor, goal: Tensor, scale: float) -> Tensor:
    """Real pairs: near their own target, and nearer to it than to those of other places."""
    alike = (goal @ goal.T > 0.9).float()
    apart = bind.contrast(unit, goal, alike / alike.sum(1, keepdim=True), torch.tensor(scale))
    return 2 * (1 - (unit * goal).sum(1).mean()) + 0.25 * apart


@torch.no_grad()
def embed(net: Tower, maps: Floats) -> Floats:
    """Prepared maps, float32 (n, 3, 64, 64) -> unit rows (n, dim)."""
    out: Floats = functional.normalize(net(torch.from_numpy(maps))[1].float(), dim=1).numpy()
    return out


def ship(net: Tower, weights: Path) -> None:
    """Write `depth.onnx`: planes in, unit vectors out."""
    export(Served(net), torch.zeros(2, 3, DEPTH_SIDE, DEPTH_SIDE), [0], weights / "depth.onnx", "planes")


def run(media: Path, work: Path, weights: Path, seconds: float, open_only: bool = False) -> None:
    """The stage: `bind.npz`, texts and the teacher's maps in `work` -> `depth.onnx` in `weights`."""
    texts, space = bind.Texts(work / "visual_texts.npz"), bind.load(work / "bind.npz")
    config = DepthConfig(seconds=seconds)
    rendered = render_pool(work / "rooms.npz", config.rooms, config.seed)
    pairs = read_pairs(media, work, texts, space, open_only)
    ship(train(config, rendered, pairs, Targets(texts, space)), weights)
