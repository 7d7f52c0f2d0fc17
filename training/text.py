"""The text tower: a small transformer that gives, for any text, what MiniLM gives after the joint projection P.

It learns from MiniLM's outputs on captions, names, dictionary entries and passages (see `corpus`). First a static
encoder learns its token vectors in minutes; the transformer starts from it and is measured against it.
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

from anyseek.embedders.mini.wordpiece import PAD, WordPiece
from training import device
from training.measure import Floats

LOG = logging.getLogger(__name__)
MOST_TOKENS = 160


@dataclass(frozen=True, slots=True)
class TextConfig:
    """The tower's shape, and `seconds` of training by the clock, annealed to nothing."""

    seconds: float = 1500.0
    width: int = 256
    layers: int = 2
    heads: int = 4
    hidden: int = 768
    batch: int = 256
    rate: float = 1e-3
    token_rate: float = 4e-3
    average: float = 0.999
    seed: int = 0


class Layer(nn.Module):
    """One pre-norm transformer layer (Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_hidden = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, hide: Tensor) -> Tensor:
        """x: (n, tokens, width); hide: (n, 1, 1, tokens), 0 for tokens and a large negative for padding."""
        count, tokens, width = x.shape
        each = width // self.heads
        mixed = self.mix(self.before_attention(x)).view(count, tokens, 3, self.heads, each)
        query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(2, 3) / math.sqrt(each) + hide.to(query.dtype)
        seen = scores.softmax(-1) @ value
        x = x + self.out(seen.transpose(1, 2).reshape(count, tokens, width))
        return x + self.down(functional.gelu(self.up(self.before_hidden(x)), approximate="tanh"))


class TextTower(nn.Module):
    """Token rows (n, tokens), PAD at the end -> (n, dim), not unit length.

    It starts as the static tower `start` (its layers add nothing yet), and learns what that cannot say.
    """

    def __init__(self, config: TextConfig, start: StaticTower) -> None:
        super().__init__()
        self.tokens, self.weigh, self.head = start.tokens, start.weigh, start.head
        self.places = nn.Parameter(torch.zeros(MOST_TOKENS, config.width))
        shape = (config.width, config.heads, config.hidden)
        self.layers = nn.ModuleList(Layer(*shape) for _ in range(config.layers))
        self.norm, self.say = nn.LayerNorm(config.width), nn.Linear(config.width, 1)
        for end in (self.say, *(end for layer in self.layers for end in (layer.out, layer.down))):
            nn.init.zeros_(end.weight)  # type: ignore[arg-type, union-attr]
            nn.init.zeros_(end.bias)  # type: ignore[arg-type, union-attr]

    def forward(self, rows: Tensor) -> Tensor:
        """See the class."""
        real = (rows != PAD).float()
        hide = (1.0 - real)[:, None, None, :] * -1e4
        x = self.tokens(rows) + self.places[: rows.shape[1]]
        for layer in self.layers:
            x = layer(x, hide)
        weight = self.weigh(rows)[..., 0] + self.say(self.norm(x))[..., 0].float()
        share = (weight + (1.0 - real) * -1e4).softmax(1)
        out: Tensor = self.head((share[..., None] * x).sum(1))
        return out


class StaticTower(nn.Module):
    """A weighted mean of token vectors and a linear map: knows no order of words."""

    def __init__(self, config: TextConfig, vocabulary: int, dim: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, config.width)
        self.weigh = nn.Embedding(vocabulary, 1)
        self.head = nn.Linear(config.width, dim)
        nn.init.normal_(self.tokens.weight, std=0.5)
        nn.init.zeros_(self.weigh.weight)

    def forward(self, rows: Tensor) -> Tensor:
        """Token rows (n, tokens) -> (n, dim), not unit length."""
        real = (rows != PAD).float()
        share = (self.weigh(rows)[..., 0] + (1.0 - real) * -1e4).softmax(1)
        out: Tensor = self.head((share[..., None] * self.tokens(rows)).sum(1))
        return out


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Token rows of several texts as one int64 (n, longest), PAD at the end."""
    out = np.full((len(rows), max(len(row) for row in rows)), PAD, np.int64)
    for line, row in zip(out, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(out)


def distance(guess: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine, and the squared error of all similarities inside the batch (Park et al. 2019, RKD)."""
    unit = functional.normalize(guess.float(), dim=1)
    alone = 1 - (unit * wanted).sum(1).mean()
    between = (unit @ unit.T - wanted @ wanted.T).pow(2).mean()
    return alone + 10.0 * between


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """One pass in batches of like length: shuffled, sorted within chunks of 32 batches, shuffled again."""
    order = rng.permutation(len(lengths))
    parts = []
    for start in range(0, len(order), 32 * size):
        chunk = order[start : start + 32 * size]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        parts += [chunk[i : i + size] for i in range(0, len(chunk), size)]
    return [parts[i] for i in rng.permutation(len(parts))]


def train(
    config: TextConfig, net: nn.Module, rows: Sequence[Sequence[int]], wanted: Floats, saved: Path
) -> nn.Module:
    """Train until the clock runs out; returns the averaged network. wanted: unit rows (n, dim).

    Resumes from `saved`.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    where = device.best()
    net.to(where)
    target = torch.from_numpy(wanted).to(where)
    lengths = np.array([len(row) for row in rows])
    tables = [p for name, p in net.named_parameters() if name.startswith(("tokens", "weigh.weight"))]
    known = {id(p) for p in tables}
    groups = [
        {"params": tables, "most": config.token_rate, "weight_decay": 0.0},
        {
            "params": [p for p in net.parameters() if id(p) not in known],
            "most": config.rate,
            "weight_decay": 0.01,
        },
    ]
    optimiser = torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.98), fused=True)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    spent, step, seen = 0.0, 0, 0
    if saved.exists():
        state = torch.load(saved, weights_only=True, map_location=where)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        average, spent, step, seen = state["average"], state["spent"], state["step"], state["seen"]
    began, next_save, total = time.monotonic() - spent, spent + 120.0, 0.0
    while spent < config.seconds:
        for part in batches(lengths, config.batch, rng):
            spent = time.monotonic() - began
            share = min(1.0, spent / config.seconds)
            for group in optimiser.param_groups:
                group["lr"] = group["most"] * min(1.0, share / 0.02) * 0.5 * (1 + math.cos(math.pi * share))
            with torch.autocast(where.type, dtype=torch.bfloat16):
                guess = net(padded([rows[i] for i in part]).to(where))
            loss = distance(guess, target[part])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            step, seen, total = step + 1, seen + len(part), total + float(loss.detach())
            keep = min(config.average, (1 + step) / (10 + step))
            for name, value in net.state_dict().items():
                average[name].lerp_(value, 1 - keep)
            if step % 200 == 0:
                LOG.info("step %d, %.0f s, %d texts: loss %.4f", step, spent, seen, total / 200)
                total = 0.0
            if spent > config.seconds:
                break
            if spent > next_save:
                next_save = spent + 120.0
                state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average}
                torch.save({**state, "spent": spent, "step": step, "seen": seen}, saved)
    net.load_state_dict(average)
    return net.cpu().eval()


@torch.no_grad()
def embed(net: nn.Module, rows: Sequence[Sequence[int]], batch: int = 256) -> Floats:
    """Unit rows (n, dim) float32, in the order given."""
    order = np.argsort([len(row) for row in rows], kind="stable")
    parts = [net(padded([rows[i] for i in order[s : s + batch]])) for s in range(0, len(order), batch)]
    out = np.empty((len(rows), parts[0].shape[1]), np.float32)
    out[order] = functional.normalize(torch.cat(parts).float(), dim=1).numpy()
    return out


def tokenise(texts: Sequence[str], vocabulary: Path) -> list[list[int]]:
    """Vocabulary rows of every text."""
    cut = WordPiece(vocabulary)
    return [cut.rows(text, MOST_TOKENS) for text in texts]
