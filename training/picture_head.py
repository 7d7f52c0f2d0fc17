"""The picture head: the body's outputs -> the joint space.

Attention queries pool the map beside its mean; a linear path and a small network read what they found; the body's
opinion (its ten likeliest class names, as texts) is added with a learned share: it covers a thousand objects that
captions hardly mention, and what is learned knows people, places and actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.features import Components
from training.measure import Floats

OPINIONS = 10  # class names that an opinion is made of


@dataclass(frozen=True, slots=True)
class HeadShape:
    """dims: of a cell. queries: of attention. hidden: of the small network. dim: of the joint space."""

    dims: int = 512
    queries: int = 8
    hidden: int = 1024
    dropout: float = 0.3
    dim: int = 384


@dataclass(frozen=True, slots=True)
class HeadInputs:
    """Of n views: cells (n, 81, dims) in principal components, logits (n, 1000)."""

    cells: Tensor
    logits: Tensor


class Opinion(nn.Module):
    """Class logits (n, 1000) -> the mean of the likeliest names, weighed by belief, through `project`: unit rows."""

    names: Tensor

    def __init__(self, names: Tensor) -> None:
        super().__init__()
        self.register_buffer("names", names)  # (1000, dim)

    def forward(self, logits: Tensor, project: Tensor) -> Tensor:
        """See the class."""
        belief, best = logits.softmax(1).topk(OPINIONS, 1)
        return functional.normalize((belief[..., None] * self.names[best]).sum(1) @ project.T, dim=1)


class PictureHead(nn.Module):
    """HeadInputs and P -> unit rows (n, dim).

    names: the classes' text vectors (1000, dim). mean, scale (dims,): what standardises a cell.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: HeadShape, names: Tensor, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        pooled = shape.dims * (shape.queries + 1)
        self.queries = nn.Parameter(torch.randn(shape.queries, shape.dims) * 0.02)
        self.values = nn.Linear(shape.dims, shape.dims)
        self.skip = nn.Linear(pooled, shape.dim)
        self.deep = nn.Sequential(
            nn.Dropout(shape.dropout / 2),
            nn.Linear(pooled, shape.hidden),
            nn.GELU(),
            nn.Dropout(shape.dropout),
            nn.Linear(shape.hidden, shape.dim),
        )
        self.opinion, self.share = Opinion(names), nn.Parameter(torch.tensor(0.5))
        nn.init.normal_(self.skip.weight, std=0.002)
        nn.init.zeros_(self.deep[4].weight)  # type: ignore[arg-type]

    def pooled(self, cells: Tensor) -> Tensor:
        """The mean and what each query attends to, standardised: (n, (queries + 1) dims) float32."""
        keys = (self.queries * self.scale).T.to(cells.dtype)
        attention = ((cells @ keys).float() * cells.shape[-1] ** -0.5).softmax(1)
        seen = torch.bmm(attention.transpose(1, 2).to(cells.dtype), cells).float()
        seen = self.values((seen - self.mean) * self.scale)
        mean = (cells.float().mean(1) - self.mean) * self.scale
        return torch.cat([mean[:, None], seen], 1).flatten(1)

    def forward(self, inputs: HeadInputs, project: Tensor) -> Tensor:
        """See the class."""
        pooled = self.pooled(inputs.cells)
        return self.joined(self.skip(pooled) + self.deep(pooled), inputs.logits, project)

    def joined(self, learned: Tensor, logits: Tensor, project: Tensor) -> Tensor:
        """What was learned and the opinion, each at unit length, at unit length again."""
        opinion = self.share * self.opinion(logits, project)
        return functional.normalize(functional.normalize(learned, dim=1) + opinion, dim=1)


class Served(nn.Module):
    """A trained head as it is shipped: takes the body's own outputs.

    The components' projection is folded into the queries, so that it meets nine vectors instead of 81.
    """

    project: Tensor

    def __init__(self, head: PictureHead, project: Tensor, components: Components) -> None:
        super().__init__()
        head = head.eval()
        self.register_buffer("project", project)
        basis, middle = torch.from_numpy(components.basis), torch.from_numpy(components.mean)
        self.head, self.basis = head, nn.Linear(basis.shape[0], basis.shape[1])
        with torch.no_grad():
            self.basis.weight.copy_(basis.T * head.scale[:, None])
            self.basis.bias.copy_(-(middle @ basis + head.mean) * head.scale)
            keys = (head.queries * head.scale) @ basis.T * basis.shape[1] ** -0.5
        self.keys = nn.Parameter(keys.T.contiguous())  # (1280, queries)

    def forward(self, maps: Tensor, logits: Tensor) -> Tensor:
        """maps (n, 9, 9, 1280), logits (n, 1000) -> unit rows (n, dim)."""
        cells = maps.flatten(1, 2)
        attention = (cells @ self.keys).softmax(1)
        both = torch.cat([cells.mean(1, keepdim=True), attention.transpose(1, 2) @ cells], 1)
        small = self.basis(both)
        pooled = torch.cat([small[:, :1], self.head.values(small[:, 1:])], 1).flatten(1)
        return self.head.joined(self.head.skip(pooled) + self.head.deep(pooled), logits, self.project)


def standardiser(cells: Floats) -> tuple[Tensor, Tensor]:
    """mean and scale of sample cells (m, dims): small components are not blown up to the size of large ones."""
    sample = torch.from_numpy(cells)
    spread = sample.std(0)
    return sample.mean(0), 1.0 / (spread + 0.3 * spread.mean())
