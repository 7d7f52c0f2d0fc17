"""The depth tower's network: plain residual convolutions, widths in multiples of 16 (the others are slow on
CPUs).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@dataclass(frozen=True, slots=True)
class NetShape:
    """Channels and blocks at strides 4, 8 and 16, the hidden width of the embedding head, colour channels
    in.
    """

    widths: tuple[int, int, int] = (64, 128, 256)
    blocks: tuple[int, int, int] = (1, 2, 4)
    hidden: int = 768
    channels: int = 3


def conv_norm(inside: int, outside: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution without bias and its batch norm; pads so that stride 1 keeps the size."""
    pad = kernel // 2 if stride < kernel else 0
    return nn.Sequential(nn.Conv2d(inside, outside, kernel, stride, pad, bias=False), nn.BatchNorm2d(outside))


class Block(nn.Module):
    """Two 3 x 3 convolutions around a shortcut; the last norm starts at zero, so a new block is the
    identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv_norm(width, width, 3)
        self.second = conv_norm(width, width, 3)
        nn.init.zeros_(self.second[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Trunk(nn.Module):
    """Picture (n, channels, s, s) -> map (n, widths[-1], s/16, s/16)."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm(shape.channels, shape.widths[0], 4, 4), nn.ReLU()]
        for stage, (width, count) in enumerate(zip(shape.widths, shape.blocks, strict=True)):
            if stage:
                layers += [conv_norm(shape.widths[stage - 1], width, 3, 2), nn.ReLU()]
            layers += [Block(width) for _ in range(count)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.layers(x)
        return out


class Tower(nn.Module):
    """Trunk, mean over the map, and a small head into the joint space."""

    def __init__(self, shape: NetShape, dim: int) -> None:
        super().__init__()
        self.trunk = Trunk(shape)
        self.head = nn.Sequential(
            nn.Linear(shape.widths[-1], shape.hidden), nn.ReLU(), nn.Linear(shape.hidden, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, s, s) -> the embedding before it is brought to unit length, (n, dim)."""
        out: Tensor = self.head(self.trunk(x).mean((2, 3)))
        return out


class Served(nn.Module):
    """A trained tower as it is shipped: norms folded into convolutions."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = copy.deepcopy(tower).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for module in list(self.tower.modules()):
            pairs = [name for name, child in module.named_children() if isinstance(child, nn.Sequential)]
            for name in pairs:
                pair: Any = getattr(module, name)
                if len(pair) == 2 and isinstance(pair[1], nn.BatchNorm2d):
                    setattr(module, name, fuse_conv_bn_eval(pair[0], pair[1]))

    def forward(self, x: Tensor) -> Tensor:
        """See Tower."""
        out: Tensor = self.tower(x)
        return out


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
