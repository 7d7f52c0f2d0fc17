"""The joint space, made before any student exists: a linear map of MiniLM, and a head on the teacher's
features.

text -> unit(P . MiniLM(text)), with P linear, kept near an isometry so that text-to-text search stays as it
was; picture -> unit(H(pooled teacher feature)). They are fitted to captions, labels, and the teacher's
class names. Students are then taught H of whatever region of a picture they are shown, and text towers fold
P in.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training import data
from training.measure import Floats
from training.words import prompts as prompts

LOG = logging.getLogger(__name__)


class Texts:
    """MiniLM vectors by text, from an .npz with `texts` (n,) and `vectors` (n, 384)."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as saved:
            self.vectors = np.asarray(saved["vectors"], np.float32)
            self.row = {str(text): row for row, text in enumerate(saved["texts"])}

    def of(self, texts: Sequence[str]) -> Floats:
        """(len(texts), 384) float32 unit rows."""
        return self.vectors[[self.row[text] for text in texts]]

    def of_names(self, names: Sequence[str]) -> Floats:
        """The mean over the prompts of every name, not brought to unit length: P commutes with the mean."""
        return np.stack([self.of(prompts(name)).mean(0) for name in names])


class Pictures:
    """The pack's pictures with teacher maps: records, rows for training, and the texts of each."""

    def __init__(
        self, media: Path, work: Path, texts: Texts, hold_out: Sequence[str] = (), open_only: bool = False
    ):
        self.records = data.read_records(media, "image", open_only) + data.read_records(
            media, "rgbd", open_only
        )
        if [record.key for record in self.records] != json.loads((work / "pictures.json").read_text()):
            raise ValueError("the teacher's maps were made from other pictures")
        self.maps = np.load(work / "lite2_maps.npy", mmap_mode="r")
        with np.load(work / "lite2.npz") as saved:
            self.basis, self.mean, self.variance = saved["basis"], saved["mean"], saved["variance"]
            self.weight = saved["weight"] @ saved["basis"]  # logits straight from principal components
            self.bias = saved["weight"] @ saved["mean"] + saved["bias"]
        sources = [record.source for record in self.records]
        self.train = np.array(
            [i for i, r in enumerate(self.records) if r.split == "train" and r.source not in hold_out]
        )
        held = {source: sources.count(source) for source in hold_out}
        LOG.info("%d pictures to train on, held out: %s", len(self.train), held)
        self.text_rows = [[texts.row[t] for t in self._sayings(r)] for r in self.records]
        self.weights = np.array([self._share(r) for r in self.records])

    @staticmethod
    def _sayings(record: data.Record) -> list[str]:
        return list(record.captions) or [p for label in record.labels[:2] for p in prompts(label)]

    @staticmethod
    def _share(record: data.Record) -> float:
        return 0.15 if record.kind == "rgbd" else (1.3 if record.captions else 1.0)


@dataclass(frozen=True, slots=True)
class BindConfig:
    """How the space is fitted. `isometry` weighs text-to-text similarities, `names` the teacher's
    class names as a classifier, `opinion` the fixed part of the head."""

    dim: int = 384
    hidden: int = 1024
    steps: int = 600
    batch: int = 512
    rate: float = 1e-3
    dropout: float = 0.3
    decay: float = 0.2
    names: float = 2.0
    isometry: float = 20.0
    opinion: float = 1.0
    crops: int = 12
    seed: int = 0
    hold_out: tuple[str, ...] = field(default=())


class Head(nn.Module):
    """Pooled teacher feature in principal components (n, dims) -> joint space (n, dim), not unit length.

    A small network corrects a fixed opinion: the mean, in text space, of the ten class names the teacher
    believes in. The opinion covers a thousand objects that the captions hardly mention; the correction
    knows people and places.
    """

    scale: Tensor
    weight: Tensor
    bias: Tensor
    names: Tensor
    share: Tensor

    def __init__(self, dims: int, dim: int, hidden: int, dropout: float, classes: int = 1000) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(dims))
        self.register_buffer("weight", torch.zeros(classes, dims))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_buffer("names", torch.zeros(classes, 384))
        self.register_buffer("share", torch.tensor(1.0))
        self.skip = nn.Linear(dims, dim)
        self.deep = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Linear(dims, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dim),
        )
        for layer in (self.skip, self.deep[4]):  # start from the opinion alone
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def opinion(self, x: Tensor, project: Tensor) -> Tensor:
        """Unit mean of the ten likeliest names, through P: (n, dims) -> (n, dim)."""
        firm, best = (x @ self.weight.T + self.bias).softmax(1).topk(10, 1)
        mean = torch.einsum("nk,nkd->nd", firm, self.names[best])
        return functional.normalize(mean @ project.T, dim=1)

    def forward(self, x: Tensor, project: Tensor) -> Tensor:
        """See the class; project: P (dim, 384)."""
        scaled = x * self.scale
        out: Tensor = self.skip(scaled) + self.deep(scaled)
        return out + self.share * self.opinion(x, project)


def crops(maps: Tensor, rng: np.random.Generator, least: float = 0.3) -> Tensor:
    """Mean of a random box of cells of each map: (n, g, g, dims) -> (n, dims). Boxes cover `least` to all
    of it.
    """
    count, grid = maps.shape[0], maps.shape[1]

    def spans() -> Tensor:
        length = np.maximum(1, np.round(grid * rng.uniform(np.sqrt(least), 1.2, count).clip(max=1.0)))
        start = np.floor(rng.uniform(0, 1, count) * (grid - length + 1))
        cell = np.arange(grid)
        inside = (cell >= start[:, None]) & (cell < (start + length)[:, None])
        return torch.from_numpy((inside / length[:, None]).astype(np.float32))

    return torch.einsum("nhwd,nh,nw->nd", maps, spans(), spans())


def crop_pool(pictures: Pictures, count: int, rng: np.random.Generator) -> Tensor:
    """Pooled teacher features of `count` boxes of every picture, the first the whole: (n, count, dims)."""
    parts = []
    for start in range(0, len(pictures.maps), 1024):
        maps = torch.from_numpy(np.asarray(pictures.maps[start : start + 1024], np.float32))
        parts.append(torch.stack([maps.mean((1, 2)), *(crops(maps, rng) for _ in range(count - 1))], 1))
    return torch.cat(parts)


def targets(rows: Tensor, vectors: Tensor, same: float = 0.95) -> Tensor:
    """Which texts of a batch are right for which pictures: the same text, or one that MiniLM cannot tell
    apart.
    """
    near = (vectors @ vectors.T > same).float()
    near = torch.maximum(near, (rows[:, None] == rows[None]).float())
    return near / near.sum(1, keepdim=True)


def contrast(images: Tensor, texts: Tensor, right: Tensor, scale: Tensor) -> Tensor:
    """Symmetric softmax cross-entropy with soft targets; unit rows."""
    logits = scale * images @ texts.T
    return 0.5 * (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right))


@dataclass(slots=True)
class Space:
    """What the stage leaves: P (dim, 384), the head, the names' temperature and the captions' one."""

    project: Tensor
    head: Head
    scale: float
    names_scale: float

    def to(self, device: torch.device) -> Space:
        """A copy there."""
        head = copy.deepcopy(self.head).to(device)
        return Space(self.project.to(device), head, self.scale, self.names_scale)

    def texts(self, vectors: Floats) -> Floats:
        """MiniLM vectors (n, 384) -> unit rows (n, dim)."""
        out: Floats = functional.normalize(torch.from_numpy(vectors) @ self.project.T, dim=1).numpy()
        return out

    @torch.no_grad()
    def pictures(self, pooled: Tensor) -> Tensor:
        """Pooled teacher features (n, dims) -> unit rows (n, dim)."""
        return functional.normalize(self.head(pooled, self.project), dim=1)


def fit(pictures: Pictures, texts: Texts, names: Sequence[str], config: BindConfig) -> Space:
    """Fit P and the head together; a few minutes on two cores."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    vectors = torch.from_numpy(texts.vectors)
    pool = crop_pool(pictures, config.crops, rng)
    weight, bias = torch.from_numpy(pictures.weight), torch.from_numpy(pictures.bias)
    name_vectors = torch.from_numpy(texts.of_names(names))
    spread = pool[:, 0].std(0)
    head = Head(pool.shape[-1], config.dim, config.hidden, config.dropout, len(names))
    head.scale = 1.0 / (spread + 0.3 * spread.mean())
    head.weight, head.bias, head.names = weight, bias, name_vectors
    head.share = torch.tensor(config.opinion)
    if config.dim == vectors.shape[1]:
        start = torch.eye(config.dim)
    else:
        start = torch.linalg.svd(vectors[::7] - vectors.mean(0), full_matrices=False)[2][: config.dim]
    project = nn.Parameter(start.clone())
    log_scale = nn.Parameter(torch.tensor([3.0, 3.0]))
    groups = [
        {"params": head.parameters(), "weight_decay": config.decay, "lr": config.rate},
        {"params": [project], "weight_decay": 0.0, "lr": config.rate * 0.3},
        {"params": [log_scale], "weight_decay": 0.0, "lr": config.rate},
    ]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [g["lr"] for g in groups],  # type: ignore[misc]
        total_steps=config.steps + 1,
        pct_start=0.1,  # type: ignore[misc]
    )
    chance = pictures.weights[pictures.train] / pictures.weights[pictures.train].sum()
    for step in range(config.steps):
        rows = rng.choice(pictures.train, config.batch, replace=False, p=chance)
        said = torch.tensor([rng.choice(pictures.text_rows[row]) for row in rows])
        pooled = pool[rows, rng.integers(0, config.crops, len(rows))]
        images = functional.normalize(head(pooled, project), dim=1)
        raw = vectors[said]
        words = functional.normalize(raw @ project.T, dim=1)
        scales = log_scale.exp().clamp(max=60.0)
        loss = contrast(images, words, targets(said, raw), scales[0])
        belief = (pooled @ weight.T + bias).softmax(1)
        named = functional.normalize(name_vectors @ project.T, dim=1)
        naming = functional.cross_entropy(scales[1] * images @ named.T, belief)
        sample = vectors[torch.from_numpy(rng.integers(0, len(vectors), 512))]
        moved = functional.normalize(sample @ project.T, dim=1)
        bend = (moved @ moved.T - sample @ sample.T).pow(2).mean()
        total = loss + config.names * naming + config.isometry * bend
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 500 == 0 or step == config.steps - 1:
            LOG.info(
                "step %d: contrast %.3f, names %.3f, bend %.5f, scales %s",
                step,
                loss,
                naming,
                bend,
                scales.tolist(),
            )
    head.eval()
    with torch.no_grad():
        final = log_scale.exp().clamp(max=60.0).tolist()
    return Space(project.detach(), head, final[0], final[1])


def save(space: Space, path: Path) -> None:
    """`P` (dim, 384) float32, the two scales, and the head's tensors under `head.*`."""
    tensors = {f"head.{name}": value.numpy() for name, value in space.head.state_dict().items()}
    np.savez(path, P=space.project.numpy(), scale=space.scale, names_scale=space.names_scale, **tensors)  # type: ignore[arg-type]


def load(path: Path) -> Space:
    """What `save` wrote."""
    with np.load(path) as saved:
        state = {key[5:]: torch.from_numpy(saved[key]) for key in saved.files if key.startswith("head.")}
        hidden, dims = state["deep.1.weight"].shape
        head = Head(dims, state["skip.bias"].shape[0], hidden, 0.0, len(state["bias"]))
        head.load_state_dict(state)
        return Space(
            torch.from_numpy(saved["P"]), head.eval(), float(saved["scale"]), float(saved["names_scale"])
        )


def run(media: Path, teachers: Path, work: Path, open_only: bool = False) -> None:
    """The stage: `visual_texts.npz` and the teacher's maps in `work` -> `bind.npz` there."""
    texts = Texts(work / "visual_texts.npz")
    names = json.loads((teachers / "imagenet_classnames.json").read_text(encoding="utf-8"))
    config = BindConfig(hold_out=data.HELD_OUT)
    pictures = Pictures(media, work, texts, config.hold_out, open_only)
    save(fit(pictures, texts, names, config), work / "bind.npz")
