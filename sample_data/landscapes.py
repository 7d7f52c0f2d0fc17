"""Outdoor views, painted: every function takes a generator and gives a picture of 480 x 360 pixels."""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from paint import (
    Array,
    Colour,
    blend,
    blur,
    ellipse,
    fractal_noise,
    photograph,
    polygon_mask,
    ridge,
    step,
    value_noise,
    vertical_gradient,
)
from PIL import Image

H, W = 360, 480
Rng = np.random.Generator
Y, X = np.mgrid[0:H, 0:W].astype(np.float32)


def sky(rng: Rng, top: Colour, low: Colour, horizon: int, clouds: float = 0.5) -> Array:
    """A blue gradient with clouds that flatten towards the horizon (row `horizon`)."""
    picture = vertical_gradient(H, W, [(0.0, top), (horizon / H, low), (1.0, low)])
    cover = fractal_noise(rng, H, W, 90, 2.4)
    shade = fractal_noise(rng, H, W, 40, 2.0)
    tint = np.stack([0.78 + 0.2 * shade, 0.8 + 0.18 * shade, 0.84 + 0.15 * shade], -1)
    return blend(picture, tint, step(cover, 1.02 - 0.5 * clouds, 0.16) * 0.9)


def sea(rng: Rng, horizon: int, far: Colour, near: Colour) -> Array:
    """Water from row `horizon` down: waves that grow towards the viewer."""
    picture = np.zeros((H, W, 3), np.float32)
    picture[horizon:] = vertical_gradient(H - horizon, W, [(0, far), (1, near)])
    waves = np.zeros((H, W), np.float32)
    for size in (2, 5, 11):
        waves += value_noise(rng, H, W, size, 7) - 0.5
    strength = np.clip((Y - horizon) / (H - horizon), 0, 1)
    return picture + (waves * (0.03 + 0.1 * strength))[..., None]


def beach(rng: Rng) -> Image.Image:
    """Sand, turquoise water, foam, a blue sky, a parasol."""
    horizon = 130
    picture = sky(rng, (0.22, 0.48, 0.85), (0.72, 0.86, 0.96), horizon)
    water = sea(rng, horizon, (0.05, 0.33, 0.55), (0.25, 0.72, 0.75))
    picture = blend(picture, water, step(Y, horizon, 0.8))
    shore = 236 + 16 * np.sin(X / 75) + 30 * (X / W - 0.5) + 7 * (value_noise(rng, H, W, 24) - 0.5)
    grains = fractal_noise(rng, H, W, 12, 2) * 0.12 + rng.normal(0, 0.025, (H, W))
    dunes = fractal_noise(rng, H, W, 60, 3)
    sand = np.array([0.86, 0.76, 0.58]) * (0.82 + grains + 0.16 * dunes)[..., None]
    wet = np.exp(-np.clip(Y - shore, 0, None) / 16)
    sand = sand * (1 - 0.35 * wet[..., None]) + 0.1 * wet[..., None] * np.array([0.6, 0.8, 0.9])
    picture = blend(picture, sand.astype(np.float32), step(Y - shore, 0, 1.5))
    for offset, thickness in ((0, 5), (-24, 3), (-52, 2), (-80, 1.4)):
        line = np.abs(Y - shore - offset + 9 * (fractal_noise(rng, H, W, 30, 3) - 0.5))
        foam = np.exp(-((line / thickness) ** 2)) * step(fractal_noise(rng, H, W, 14, 2), 0.42, 0.12)
        picture = blend(picture, (0.97, 0.98, 0.98), (foam * 0.95).astype(np.float32))
    return photograph(parasol(picture), rng)


def parasol(picture: Array) -> Array:
    """A striped parasol with its shadow, and a towel."""
    shade = polygon_mask(H, W, [ellipse(150, 318, 56, 9)], 3)
    picture = blend(picture, picture * 0.55, shade)
    picture = blend(
        picture, (0.2, 0.4, 0.75), polygon_mask(H, W, [[(190, 318), (262, 326), (250, 338), (176, 329)]])
    )
    picture = blend(
        picture, (0.9, 0.88, 0.84), polygon_mask(H, W, [[(117, 232), (121, 231), (136, 316), (132, 317)]])
    )
    for part in range(8):
        a0, a1 = np.pi * part / 8, np.pi * (part + 1) / 8
        rim = [(112 - 62 * np.cos(a), 240 + 6 * np.sin(3 * a) - 52 * np.sin(a) ** 0.6) for a in (a0, a1)]
        colour = (0.88, 0.2, 0.16) if part % 2 else (0.97, 0.95, 0.9)
        light = 0.75 + 0.25 * np.sin((a0 + a1) / 2)
        base = [(112 - 62 * np.cos(a) * 0.98, 243.0) for a in (a1, a0)]
        tint: Colour = (colour[0] * light, colour[1] * light, colour[2] * light)
        picture = blend(picture, tint, polygon_mask(H, W, [[(112, 186), *rim, *base]]))
    return picture


def sunset(rng: Rng) -> Image.Image:
    """The sun going down over the sea, its path of light on the water."""
    horizon, sun_x = 205, 265
    stops = [
        (0.0, (0.16, 0.16, 0.38)),
        (0.3, (0.62, 0.3, 0.42)),
        (0.5, (0.98, 0.5, 0.2)),
        (0.57, (1.0, 0.78, 0.36)),
    ]
    picture = vertical_gradient(H, W, [*stops, (1.0, (1.0, 0.78, 0.36))])
    streaks = step(fractal_noise(rng, H, W, 26, 7), 0.55, 0.15) * step(horizon - Y, 25, 40)
    picture = blend(picture, (0.42, 0.16, 0.25), streaks * 0.75)
    distance = np.hypot(X - sun_x, Y - (horizon - 20))
    picture += np.exp(-distance / 60)[..., None] * np.array([0.5, 0.35, 0.12], np.float32)
    picture = blend(picture, (1.0, 0.95, 0.75), step(-distance, -21, 1.0))
    water = sea(rng, horizon, (0.85, 0.45, 0.22), (0.13, 0.1, 0.2))
    ripple = value_noise(rng, H, W, 2.2, 9) + 0.6 * value_noise(rng, H, W, 5, 7)
    path = np.exp(-((X - sun_x) ** 2) / (16 + 0.5 * (Y - horizon).clip(0)) ** 2)
    water += (path * step(ripple, 0.75, 0.25))[..., None] * np.array([1.0, 0.72, 0.35], np.float32)
    picture = blend(picture, water, step(Y, horizon, 0.7))
    hills = horizon - 14 * (1 + ridge(rng, W, 0.45)) * np.clip(1 - X / 190, 0, 1)
    return photograph(blend(picture, (0.13, 0.07, 0.13), step(Y - hills, 0, 0.7) * (horizon > Y)), rng)


def mountain(rng: Rng) -> Image.Image:
    """Snow on a range of peaks, dark firs before it."""
    picture = sky(rng, (0.16, 0.38, 0.75), (0.7, 0.82, 0.94), 220, 0.35)
    for base, height, haze in ((150, 55, 0.62), (205, 120, 0.12)):
        line = base - height * (0.45 + 0.55 * ridge(rng, W, 0.5))
        peak = 90 * np.exp(-(((X - 290) / 95) ** 2)) * (haze < 0.5)
        top = line[None, :] - peak
        relief = fractal_noise(rng, H, W, 70, 0.8)
        light = np.gradient(blur(relief, 1.0), axis=1) * 22 + 0.62
        snow = np.stack([light * 0.98, light * 1.02, light * 1.1], -1).clip(0, 1.05)
        rock = np.array([0.34, 0.32, 0.33]) * (0.5 + 0.7 * light)[..., None]
        bare = step(fractal_noise(rng, H, W, 26, 0.6) + (Y - top) / 260, 0.86, 0.12)
        slope = blend(snow.astype(np.float32), rock.astype(np.float32), bare)
        slope = slope * (1 - haze) + haze * np.array([0.72, 0.8, 0.92], np.float32)
        picture = blend(picture, slope.astype(np.float32), step(Y - top, 0, 1.0))
    trees: list[list[tuple[float, float]]] = []
    for _ in range(130):
        x, foot = rng.uniform(-10, W + 10), rng.uniform(285, 345)
        tall = rng.uniform(34, 62) * (foot / 310) ** 3
        for level in range(5):
            y, half = foot - tall * level / 5, tall * (0.24 - 0.035 * level)
            trees.append([(x - half, y), (x + half, y), (x, y - tall * 0.42)])
    ground = np.array([0.9, 0.93, 0.98]) * (0.8 + 0.2 * fractal_noise(rng, H, W, 50, 3))[..., None]
    picture = blend(picture, ground.astype(np.float32), step(Y, 300, 6))
    needles = np.array([0.07, 0.15, 0.12]) * (0.5 + fractal_noise(rng, H, W, 9))[..., None]
    return photograph(blend(picture, needles.astype(np.float32), polygon_mask(H, W, trees)), rng)


def leaves(rng: Rng, base: Colour, size: float) -> Array:
    """Foliage: clumps of light and dark leaves."""
    clumps = fractal_noise(rng, H, W, size, 1.1, 7)
    fine = value_noise(rng, H, W, 2.2)
    light = 0.25 + 0.75 * step(clumps, 0.5, 0.3) * (0.6 + 0.8 * fine)
    tint = np.asarray(base) * light[..., None] + np.array([0.1, 0.1, 0.0]) * (light[..., None] ** 2)
    return tint.astype(np.float32)


def forest(rng: Rng) -> Image.Image:
    """Trunks in green light, a path covered with leaves."""
    picture = leaves(rng, (0.3, 0.52, 0.16), 46)
    glow = np.exp(-(((X - 250) / 120) ** 2 + ((Y - 120) / 120) ** 2))
    picture = blend(picture, (0.86, 0.95, 0.62), (glow * 0.75).astype(np.float32))
    floor = leaves(rng, (0.46, 0.36, 0.18), 26)
    picture = blend(picture, floor, step(Y + 14 * value_noise(rng, H, W, 40), 250, 12))
    spread = 6 + (Y - 235).clip(0) * 0.75
    path = step(-np.abs(X - 250 - 18 * np.sin(Y / 40)) / spread, -1, 0.2) * step(Y, 240, 6)
    picture = blend(picture, (0.66, 0.54, 0.36), path * 0.8)
    for depth in np.sort(rng.uniform(0.15, 1, 26)):
        x, half = rng.uniform(0, W), 3 + 15 * depth**2
        if abs(x - 250) < 70 * depth + 15:
            continue
        foot = 245 + 100 * depth**1.5
        bend = x + 5 * np.sin(Y / 60 + x) * depth
        side = (X - bend) / half
        bark = 0.55 + 0.45 * fractal_noise(rng, H, W, 22, 0.25)
        round_light = np.sqrt(np.clip(1 - side**2, 0, 1)) * (0.75 - 0.3 * side)
        wood = (
            np.array([0.4, 0.3, 0.2])
            * (bark * round_light * (0.5 + 0.5 * depth) + 0.3 * (1 - depth))[..., None]
        )
        mask = step(-np.abs(side), -1, 0.5 / half) * step(foot - Y, 0, 2)
        picture = blend(picture, wood.astype(np.float32), mask)
    crown = leaves(rng, (0.22, 0.45, 0.1), 30)
    cover = step(fractal_noise(rng, H, W, 60) + (90 - Y) / 160, 0.72, 0.08)
    return photograph(blend(picture, crown, cover), rng)


def desert(rng: Rng) -> Image.Image:
    """Orange dunes under a clear sky: each ridge lit on one side."""
    picture = sky(rng, (0.2, 0.45, 0.8), (0.85, 0.85, 0.8), 170, 0.05)
    for base, height in ((165, 18), (195, 30), (250, 55)):
        along = np.linspace(0, 1, W)
        phase = rng.uniform(0, 6)
        line = base - height * (0.5 + 0.5 * np.sin(along * 5 + phase) + 0.15 * np.sin(along * 13 + phase))
        ripple = np.sin(Y / 2.2 + 14 * fractal_noise(rng, H, W, 90, 2)) * np.clip((Y - 200) / 900, 0, 0.12)
        facing = step(np.sin(X / 70 + (Y - line[None, :]) / 26 + phase), 0.1, 0.35)
        light = 0.6 + 0.36 * facing + ripple + 0.05 * fractal_noise(rng, H, W, 20, 3)
        dune = np.array([0.98, 0.7, 0.4]) * light[..., None]
        picture = blend(picture, dune.astype(np.float32), step(Y - line[None, :], 0, 1))
    return photograph(picture, rng)


LANDSCAPES: dict[str, Callable[[Rng], Image.Image]] = {
    "beach": beach,
    "sunset": sunset,
    "mountain": mountain,
    "forest": forest,
    "desert": desert,
}
