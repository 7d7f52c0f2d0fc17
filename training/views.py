"""Views of pictures, with the teacher's answer for exactly what each view shows.

A view is a box of a picture, perhaps mirrored. Resampling is separable, so a box is two small matrices: the
same box cuts the picture (with antialiasing) and the teacher's map. Views are then composed (2 x 2 mosaics,
pasted boxes, mixes) on the grid of cells, where the teacher's answer composes alike. Everything here is
batched torch on one device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CELL = 16  # pixels a cell of the student's map


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


def cut_cells(cells: Tensor, boxes: Boxes, grid: int) -> Tensor:
    """The teacher's maps (n, g, g, d) float -> (n, grid, grid, d): the same boxes."""
    count, height, width, dims = cells.shape
    rows = resampler(boxes.top, boxes.height, None, grid, height)
    columns = resampler(boxes.left, boxes.width, boxes.mirror, grid, width)
    both = torch.einsum("nih,njw->nijhw", rows, columns).reshape(count, grid * grid, height * width)
    return torch.bmm(both, cells.reshape(count, height * width, dims)).view(count, grid, grid, dims)


def jitter(images: Tensor, rng: np.random.Generator, strength: float = 0.4) -> Tensor:
    """Brightness, contrast, saturation and colour balance, one in twelve grey; (n, 3, h, w) in 0..1, kept
    there.
    """
    count = len(images)

    def factor(shape: tuple[int, ...], size: float) -> Tensor:
        drawn = rng.uniform(1 - size, 1 + size, shape).astype(np.float32)
        return torch.from_numpy(drawn).to(images.device)

    colour = factor((count, 1, 1, 1), strength)
    colour[torch.from_numpy(rng.random(count) < 1 / 12)] = 0.0
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * colour
    middle = images.mean((1, 2, 3), keepdim=True)
    images = middle + (images - middle) * factor((count, 1, 1, 1), strength)
    return (images * factor((count, 1, 1, 1), strength) * factor((count, 3, 1, 1), 0.1)).clamp(0, 1)


def compose(
    images: Tensor, cells: Tensor, rng: np.random.Generator, share: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn about `share` of a batch into compositions of it; the rest stays whole.

    images (n, c, s, s), cells (n, g, g, d) with s = 16 g -> the same shapes, and whole (n,) bool.
    """
    count, grid = cells.shape[:2]
    order = rng.permutation(count)
    some = int(share * count / 3)
    mosaic, paste, mix = order[:some], order[some : 2 * some], order[2 * some : 3 * some]
    out, answer = images.clone(), cells.clone()
    if grid % 2 == 0 and some:
        half = functional.avg_pool2d(images, 2)
        half_cells = functional.avg_pool2d(cells.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        who = torch.from_numpy(rng.integers(0, count, (4, some)))
        out[mosaic] = _tile([half[rows] for rows in who], 2)
        answer[mosaic] = _tile([half_cells[rows] for rows in who], 1)
    for row in paste:
        other = int(rng.integers(0, count))
        tall, wide = (int(rng.integers(1, grid)) for _ in range(2))
        y, x = int(rng.integers(0, grid - tall + 1)), int(rng.integers(0, grid - wide + 1))
        answer[row, y : y + tall, x : x + wide] = cells[other, y : y + tall, x : x + wide]
        y, x, tall, wide = y * CELL, x * CELL, tall * CELL, wide * CELL
        out[row, :, y : y + tall, x : x + wide] = images[other, :, y : y + tall, x : x + wide]
    if some:
        part = torch.from_numpy(rng.uniform(0.5, 0.9, (some, 1, 1, 1)).astype(np.float32)).to(images.device)
        other_rows = torch.from_numpy(rng.integers(0, count, some))
        out[mix] = part * images[mix] + (1 - part) * images[other_rows]
        answer[mix] = part * cells[mix] + (1 - part) * cells[other_rows]
    whole = torch.ones(count, dtype=torch.bool)
    whole[torch.from_numpy(order[: 3 * some])] = False
    return out, answer, whole.to(images.device)


def _tile(four: list[Tensor], axis: int) -> Tensor:
    """Four batches of quarters -> one batch of 2 x 2 mosaics; `axis` is the vertical one, the next
    horizontal.
    """
    return torch.cat([torch.cat(four[:2], axis + 1), torch.cat(four[2:], axis + 1)], axis)
