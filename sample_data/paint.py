"""Painting with arrays: smooth noise, gradients, masks and grain. Pictures are float32 (H, W, 3), 0 to 1."""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Array = npt.NDArray[np.floating[Any]]
Colour = tuple[float, float, float]
Point = tuple[float, float]


def value_noise(
    rng: np.random.Generator, height: int, width: int, cell_px: float, stretch: float = 1.0
) -> Array:
    """Smooth noise (height, width), 0 to 1. cell_px: size of a blob; stretch: how much wider than tall."""
    rows = int(height / cell_px) + 3
    columns = int(width / (cell_px * stretch)) + 3
    grid = Image.fromarray(rng.random((rows, columns), np.float32))
    box = (1.0, 1.0, 1 + width / (cell_px * stretch), 1 + height / cell_px)
    return np.clip(np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC, box)), 0, 1)


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, cell_px: float, stretch: float = 1.0, octaves: int = 6
) -> Array:
    """Octaves of `value_noise`, each half as large and 0.55 as strong, scaled to 0 to 1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = cell_px / 2**octave
        if size < 1.0:
            break
        total += 0.55**octave * value_noise(rng, height, width, size, stretch)
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low)


def ridge(rng: np.random.Generator, width: int, rough: float) -> Array:
    """A mountain line: (width,) values -1 to 1 by adding ever smaller zigzags."""
    line = np.zeros(width, np.float32)
    x = np.linspace(0, 1, width, dtype=np.float32)
    peaks, height = 4, 1.0
    while peaks < width / 4:
        knots = rng.uniform(-1, 1, peaks + 1)
        line += height * np.interp(x, np.linspace(0, 1, peaks + 1), knots).astype(np.float32)
        peaks, height = peaks * 2, height * rough
    return line / float(np.abs(line).max())


def vertical_gradient(height: int, width: int, stops: Sequence[tuple[float, Colour]]) -> Array:
    """Colours at relative heights (0 the top), blended between: (height, width, 3)."""
    at = np.linspace(0, 1, height)
    places = [place for place, _ in stops]
    columns = [np.interp(at, places, [colour[channel] for _, colour in stops]) for channel in range(3)]
    return np.repeat(np.stack(columns, 1)[:, None, :], width, 1).astype(np.float32)


def blend(picture: Array, paint: Array | Colour, mask: Array) -> Array:
    """`paint` over `picture` where mask (H, W) is 1."""
    layer = np.asarray(paint, np.float32)
    return picture + (layer - picture) * mask[..., None]


def step(values: Array, edge: float, softness: float) -> Array:
    """0 below edge, 1 above, smooth within `softness` on either side."""
    t = np.clip((values - edge) / (2 * softness) + 0.5, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def polygon_mask(height: int, width: int, polygons: Sequence[Sequence[Point]], blur_px: float = 0.0) -> Array:
    """Antialiased mask of polygons in pixel coordinates (x, y)."""
    canvas = Image.new("L", (width * 3, height * 3))
    pen = ImageDraw.Draw(canvas)
    for polygon in polygons:
        pen.polygon([(3 * x, 3 * y) for x, y in polygon], fill=255)
    mask = canvas.resize((width, height), Image.Resampling.BOX)
    if blur_px:
        mask = mask.filter(ImageFilter.GaussianBlur(blur_px))
    return np.asarray(mask, np.float32) / 255


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0, sides: int = 40) -> list[Point]:
    """The outline of an ellipse around (x, y), turned by `turn` radians."""
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    dx, dy = rx * np.cos(angles), ry * np.sin(angles)
    c, s = np.cos(turn), np.sin(turn)
    return [(float(x + a * c - b * s), float(y + a * s + b * c)) for a, b in zip(dx, dy, strict=True)]


def blur(picture: Array, radius_px: float) -> Array:
    """Gaussian blur of (H, W) or (H, W, 3)."""
    if picture.ndim == 2:
        plane = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
        return np.asarray(plane.filter(ImageFilter.GaussianBlur(radius_px)), np.float32) / 255
    return np.stack([blur(picture[..., channel], radius_px) for channel in range(3)], -1)


def photograph(picture: Array, rng: np.random.Generator, grain: float = 0.018) -> Image.Image:
    """What a camera would add: glow round bright places, a darker rim, grain; then 8 bits."""
    height, width = picture.shape[:2]
    bright = np.clip(picture - 0.75, 0, 1) * 1.2
    picture = picture + 0.5 * blur(bright.astype(np.float32), width / 40)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    picture = picture * (1 - 0.16 * (x * x + y * y))[..., None]
    picture = picture + rng.normal(0, grain, picture.shape).astype(np.float32)
    return Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
