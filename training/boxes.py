"""Random boxes of pictures and depth maps, cut and resampled in batches.

Resampling is separable, so a box, perhaps mirrored, is two small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes as fractions of the picture, (n,) each; `mirror` flips left and right."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    mirror: Tensor

    def to(self, device: torch.device) -> Boxes:
        """The same boxes there."""
        sides = (self.top, self.left, self.height, self.width, self.mirror)
        return Boxes(*(side.to(device) for side in sides))

    @property
    def area(self) -> Tensor:
        """Share of the picture that is kept, (n,)."""
        return self.height * self.width


def random_boxes(count: int, least: float, rng: np.random.Generator) -> Boxes:
    """Boxes of `least` to all of the area, aspect 3:4 to 4:3; one in six is the whole picture."""
    area = rng.uniform(least, 1.0, count)
    aspect = np.exp(rng.uniform(np.log(0.75), np.log(4 / 3), count))
    whole = rng.random(count) < 1 / 6
    height = np.where(whole, 1.0, np.minimum(1.0, np.sqrt(area / aspect)))
    width = np.where(whole, 1.0, np.minimum(1.0, np.sqrt(area * aspect)))
    top, left = rng.random(count) * (1 - height), rng.random(count) * (1 - width)
    sides = torch.from_numpy(np.stack([top, left, height, width]).astype(np.float32))
    return Boxes(sides[0], sides[1], sides[2], sides[3], torch.from_numpy(rng.random(count) < 0.5))


def resampler(start: Tensor, length: Tensor, mirror: Tensor | None, outside: int, inside: int) -> Tensor:
    """Rows of weights that resample [start, start + length) of `inside` samples to `outside`: (n, outside,
    inside).

    A triangle as wide as the coarser of the two grids: linear when enlarging, antialiased when reducing.
    """
    step = length * inside / outside
    centre = start[:, None] * inside + (torch.arange(outside, device=start.device) + 0.5) * step[:, None]
    if mirror is not None:
        centre = torch.where(mirror[:, None], centre.flip(1), centre)
    distance = (centre[..., None] - (torch.arange(inside, device=start.device) + 0.5)).abs()
    weight = (1 - distance / step.clamp(min=1.0)[:, None, None]).clamp(min=0)
    return weight / weight.sum(2, keepdim=True).clamp(min=1e-6)


def cut(images: Tensor, boxes: Boxes, side: int) -> Tensor:
    """Pictures (n, c, h, w) float -> (n, c, side, side): the boxes, resampled."""
    rows = resampler(boxes.top, boxes.height, None, side, images.shape[2])
    columns = resampler(boxes.left, boxes.width, boxes.mirror, side, images.shape[3])
    return rows[:, None] @ images @ columns[:, None].transpose(2, 3)
