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

from anyseek.embedders.mini.prepare_visual import DEPTH_SIDE, PrepareDepth, planes
from training import data, device, features, picture, render, rooms
from training.boxes import cut, random_boxes
from training.export import export
from training.measure import Floats, first_right, recall
from training.nets import Average, NetShape, Served, Tower
from training.picture_views import Views
from training.texts import Texts

LOG = logging.getLogger(__name__)
SIZE = (72, 96)  # of a rendered map
STEPS = 2500  # batches


@dataclass(frozen=True, slots=True)
class DepthConfig:
    """`real` is the share of real pairs in a batch; `scale` the sharpness of the softmax over kinds of
    rooms.
    """

    steps: int = STEPS
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


class Targets:
    """Joint vectors of kinds and things: their names, and what real pictures of such rooms look like.

    Pictures and texts lie apart in the joint space (the modality gap): a map taught by names alone would stand with
    the texts, and find no pictures.
    """

    def __init__(self, texts: Texts, space: picture.Space, seen: dict[str, Tensor]) -> None:
        names = rooms.room_names()
        self.words = [word for name in names for word in rooms.WORDS.get(name, (name,))]
        self.owner = np.array([k for k, name in enumerate(names) for _ in rooms.WORDS.get(name, (name,))])
        self.bank = torch.from_numpy(space.texts(texts.of_names(self.words)))
        self.pictures = torch.stack([self._picture(name, seen) for name in names])
        self.texts, self.space = texts, space
        self._things: dict[str, Tensor] = {}

    def _picture(self, kind: str, seen: dict[str, Tensor]) -> Tensor:
        """The unit mean of pictures with one of the kind's names, (dim,); zeros where there are none."""
        known = [seen[word] for word in {kind, *rooms.WORDS.get(kind, ())} if word in seen]
        if not known:
            return torch.zeros(self.bank.shape[1])
        return functional.normalize(torch.stack(known).mean(0), dim=0)

    def thing(self, name: str) -> Tensor:
        """The unit joint vector of a thing, (dim,)."""
        if name not in self._things:
            self._things[name] = torch.from_numpy(self.space.texts(self.texts.of_names([name])))[0]
        return self._things[name]

    def of(
        self, kinds: npt.NDArray[np.int64], things: Sequence[Sequence[str]], weight: float = 0.25
    ) -> Tensor:
        """Unit targets (n, dim): the kind's words, its look in equal parts, and `weight` of each thing's words."""
        out = torch.stack([self.bank[torch.from_numpy(self.owner == kind)].mean(0) for kind in kinds])
        for row, names in enumerate(things):
            for name in names:
                out[row] += weight * self.thing(name)
        seen = self.pictures[torch.from_numpy(kinds)]
        return functional.normalize(functional.normalize(out, dim=1) + seen, dim=1)

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
    boxes = random_boxes(len(full), least, rng)
    return settle(cut(full, boxes, DEPTH_SIDE))


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
    places: data.Places, allowed: data.Allowed, texts: Texts, space: picture.Space
) -> tuple[Pairs, dict[str, Tensor]]:
    """The packs' pairs to train on, and the mean picture vector of each label of the pictures, (dim,).

    Targets of pairs: the colour half and the label, in equal parts. Sources with many frames of one place are drawn
    less than in proportion.
    """
    records = features.all_pictures(places.packs)
    kept = [row for row, record in enumerate(records) if record in allowed]
    views = Views(places.work, 1)
    colour = torch.from_numpy(
        np.concatenate([space.pictures(views.batch(part, [0] * len(part))) for part in _parts(kept)])
    )
    seen: dict[str, list[int]] = {}
    for place, row in enumerate(kept):
        for label in records[row].labels:
            seen.setdefault(label, []).append(place)
    pairs = [place for place, row in enumerate(kept) if records[row].kind == "rgbd"]
    chosen = [records[kept[place]] for place in pairs]
    labels = np.stack([space.texts(texts.of_names(record.labels)).mean(0) for record in chosen])
    targets = functional.normalize(
        colour[pairs] + functional.normalize(torch.from_numpy(labels), dim=1), dim=1
    )
    depth = np.stack([_same_size(one) for one in data.read_depths(chosen)])
    sources = [record.source for record in chosen]
    chance = np.array([sources.count(source) ** -0.5 for source in sources])
    means = {label: functional.normalize(colour[rows].mean(0), dim=0) for label, rows in seen.items()}
    return Pairs(depth, targets, chance / chance.sum()), means


def _parts(rows: list[int], size: int = 256) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _same_size(depth: Floats, size: tuple[int, int] = (96, 128)) -> Floats:
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, depth.shape, strict=True))
    return depth[rows][:, columns]


def train(config: DepthConfig, rendered: Rendered, pairs: Pairs, targets: Targets) -> Tower:
    """Train; the averaged network, in evaluation mode."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    where = device.best()
    net = Tower(config.shape, targets.bank.shape[1]).to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.rate, weight_decay=config.decay, fused=True)
    average = Average(net, config.average)
    began, some = time.monotonic(), int(config.real * config.batch)
    for step in range(config.steps):
        share = step / config.steps
        for group in optimiser.param_groups:
            group["lr"] = config.rate * min(1.0, share / 0.03) * 0.5 * (1 + math.cos(math.pi * share))
        rows = rng.integers(0, len(rendered.depth), config.batch - some)
        chosen = rng.choice(len(pairs.depth), some, p=pairs.chance)
        x = torch.cat(
            [augment(rendered.depth[rows].astype(np.float32), rng), augment(pairs.depth[chosen], rng)]
        )
        with torch.autocast(where.type, dtype=torch.bfloat16):
            out = net(x.to(where).contiguous(memory_format=torch.channels_last))
        unit = functional.normalize(out.float(), dim=1).cpu()  # the targets lie there
        loss = targets.loss(unit[: len(rows)], rendered, rows, config.scale)
        if some:
            loss = loss + pair_loss(unit[len(rows) :], pairs.targets[chosen], config.scale)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average.update(net)
        if step % 200 == 199:
            LOG.info("step %d, %.0f s: loss %.3f", step + 1, time.monotonic() - began, float(loss.detach()))
    final = Tower(config.shape, targets.bank.shape[1])
    final.load_state_dict(average.state)
    return final.eval()


def pair_loss(unit: Tensor, goal: Tensor, scale: float) -> Tensor:
    """Real pairs: near their own target, and nearer to it than to those of other places."""
    alike = (goal @ goal.T > 0.9).float()
    right = alike / alike.sum(1, keepdim=True)
    scores = scale * unit @ goal.T
    apart = 0.5 * (functional.cross_entropy(scores, right) + functional.cross_entropy(scores.T, right))
    return 2 * (1 - (unit * goal).sum(1).mean()) + 0.25 * apart


@torch.no_grad()
def embed(net: Tower, maps: Floats) -> Floats:
    """Prepared maps, float32 (n, 3, 64, 64) -> unit rows (n, dim)."""
    out: Floats = functional.normalize(net(torch.from_numpy(maps)).float(), dim=1).numpy()
    return out


def ship(net: Tower, weights: Path) -> None:
    """Write `depth.onnx`: planes in, unit vectors out."""
    export(Served(net), torch.zeros(2, 3, DEPTH_SIDE, DEPTH_SIDE), [0], weights / "depth.onnx", "planes")


def run(places: data.Places, allowed: data.Allowed, steps: int = STEPS) -> None:
    """The stage: the joint space, its texts and maps in the work folder -> `depth.onnx` beside the heads."""
    texts, space = Texts(places.work), picture.load(places)
    config = DepthConfig(steps=steps)
    rendered = render_pool(places.work / "rooms.npz", config.rooms, config.seed)
    pairs, seen = read_pairs(places, allowed, texts, space)
    net = train(config, rendered, pairs, Targets(texts, space, seen))
    ship(net, places.heads)
    report(net, places, allowed, space)


def report(net: Tower, places: data.Places, allowed: data.Allowed, space: picture.Space) -> None:
    """Depth maps to their pictures among all that were not learned from, and among those of held-out places."""
    records = features.all_pictures(places.packs)
    views = Views(places.work, 1)
    for name, rows in {
        "val": [i for i, r in enumerate(records) if r.kind == "rgbd" and r.split == "val"],
        "held out": [i for i, r in enumerate(records) if r.kind == "rgbd" and r.source in allowed.hold_out],
    }.items():
        if not rows:
            continue
        prepare = PrepareDepth()
        maps = np.stack([prepare(one) for one in data.read_depths([records[i] for i in rows])])
        scores = embed(net, maps) @ space.pictures(views.batch(rows, [0] * len(rows))).T
        ranks = first_right(scores, np.eye(len(rows), dtype=bool))
        LOG.info("%s, %d pairs, depth to picture R@1, 5: %s", name, len(rows), recall(ranks, (1, 5)))
