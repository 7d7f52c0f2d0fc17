"""Shapes and surfaces for the renderer: each shape is a function from points (3, N) to metres."""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from paint import Colour
from raymarch import EVERYWHERE, NOWHERE, Array, Distance, Shape, Solid, Texture, Vector, dot


def column(vector: Vector) -> Array:
    """(3, 1), to be added to points."""
    return np.asarray(vector, np.float32)[:, None]


def around(centre: Vector, half: Vector) -> tuple[Vector, Vector]:
    """Two opposite corners of a box."""
    x, y, z = centre
    return (x - half[0], y - half[1], z - half[2]), (x + half[0], y + half[1], z + half[2])


def bounded(distance: Distance, *corners: Vector, margin: float = 0.0) -> Shape:
    """A shape with the smallest box around some points and a margin."""
    low = tuple(min(corner[axis] for corner in corners) - margin for axis in range(3))
    high = tuple(max(corner[axis] for corner in corners) + margin for axis in range(3))
    return Shape(distance, (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def plane(axis: int, at: float, side: int = 1) -> Shape:
    """The half space below `at` along an axis (side 1), or above it (side -1)."""
    return Shape(lambda points: side * (points[axis] - at), NOWHERE, EVERYWHERE)


def box(centre: Vector, half: Vector, rounding: float = 0.01, yaw: float = 0.0) -> Shape:
    """A box with rounded edges, turned round the vertical by `yaw` radians."""
    middle, size = column(centre), column(half) - rounding
    c, s = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))

    def distance(points: Array) -> Array:
        q = points - middle
        if yaw:
            q = np.stack([c * q[0] - s * q[2], q[1], s * q[0] + c * q[2]])
        q = np.abs(q) - size
        out = np.maximum(q, 0)
        outside = np.sqrt(dot(out, out))
        return outside + np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0) - rounding

    reach = float(np.hypot(half[0], half[2])) if yaw else 0.0
    spread = (max(half[0], reach), half[1], max(half[2], reach))
    return bounded(distance, *around(centre, spread))


def ball(centre: Vector, radius: float) -> Shape:
    """A sphere."""
    middle = column(centre)

    def distance(points: Array) -> Array:
        q = points - middle
        return np.sqrt(dot(q, q)) - np.float32(radius)

    return bounded(distance, centre, margin=radius)


def ellipsoid(centre: Vector, radii: Vector) -> Shape:
    """A stretched sphere (a bound on the distance, good near the surface)."""
    middle, size = column(centre), column(radii)

    def distance(points: Array) -> Array:
        q = (points - middle) / size
        far = np.sqrt(dot(q, q)) + 1e-6
        q = q / size
        slope = np.sqrt(dot(q, q)) + 1e-6
        return far * (far - 1) / slope

    return bounded(distance, *around(centre, radii))


def rod(start: Vector, end: Vector, radius: float, end_radius: float | None = None) -> Shape:
    """A rounded rod between two points, thinner or thicker at its end."""
    a, ba = column(start), column(end) - column(start)
    length = float(dot(ba, ba)[0])
    last = radius if end_radius is None else end_radius

    def distance(points: Array) -> Array:
        pa = points - a
        along = (dot(pa, ba) / length).clip(0, 1)
        gap = pa - ba * along
        return np.sqrt(dot(gap, gap)) - (radius + (last - radius) * along)

    return bounded(distance, start, end, margin=max(radius, last))


def drum(centre: Vector, radius: float, half: float, axis: int = 1, taper: float = 0.0) -> Shape:
    """A cylinder along an axis; taper: how much the radius grows per metre along it."""
    middle = column(centre)
    first, second = [number for number in range(3) if number != axis]

    def distance(points: Array) -> Array:
        q = points - middle
        side = np.sqrt(q[first] ** 2 + q[second] ** 2) - (radius + taper * q[axis])
        ends = np.abs(q[axis]) - half
        outside = np.sqrt(np.maximum(side, 0) ** 2 + np.maximum(ends, 0) ** 2)
        return (outside + np.minimum(np.maximum(side, ends), 0)) * (0.8 if taper else 1.0)

    spread = [radius + abs(taper) * half] * 3
    spread[axis] = half
    return bounded(distance, *around(centre, (spread[0], spread[1], spread[2])))


def ring(centre: Vector, radius: float, thickness: float, axis: int = 1) -> Shape:
    """A torus round an axis."""
    middle = column(centre)
    first, second = [number for number in range(3) if number != axis]

    def distance(points: Array) -> Array:
        q = points - middle
        round_ = np.sqrt(q[first] ** 2 + q[second] ** 2) - radius
        return np.sqrt(round_ * round_ + q[axis] ** 2) - thickness

    spread = [radius + thickness] * 3
    spread[axis] = thickness
    return bounded(distance, *around(centre, (spread[0], spread[1], spread[2])))


def melt(parts: list[Shape], softness: float) -> Shape:
    """Parts grown together, with joints rounded by `softness` metres."""

    def distance(points: Array) -> Array:
        total = parts[0].distance(points)
        for part in parts[1:]:
            other = part.distance(points)
            mix = np.maximum(softness - np.abs(total - other), 0) / softness
            total = np.minimum(total, other) - mix * mix * softness * 0.25
        return total

    return bounded(
        distance, *(corner for part in parts for corner in (part.low, part.high)), margin=softness / 4
    )


def carve(body: Shape, hole: Shape) -> Shape:
    """The body without the hole."""
    return bounded(
        lambda points: np.maximum(body.distance(points), -hole.distance(points)), body.low, body.high
    )


def rough(body: Shape, depth: float, cell: float) -> Shape:
    """A body with bumps (fur, bark, waves) of a size."""

    def distance(points: Array) -> Array:
        gap = body.distance(points)
        near = np.abs(gap) < 4 * depth
        if near.any():
            p = points[:, near] / cell
            gap[near] += depth * np.sin(p[0]) * np.sin(p[1] + 1.3 * p[0]) * np.sin(p[2] + 0.7 * p[1])
        return gap * 0.7

    return bounded(distance, body.low, body.high, margin=depth)


def hashed(cells: Array) -> Array:
    """A number from 0 to 1 for each row of whole numbers (n, N)."""
    seed = sum(part * factor for part, factor in zip(cells, (127.1, 311.7, 74.7), strict=False))
    return (np.sin(seed) * 43758.547).astype(np.float64) % 1.0


def wood(colour: Colour, along: int = 0) -> Texture:
    """Boards with grain along an axis."""
    base = column(colour)

    def texture(points: Array) -> Array:
        across = points[(along + 2) % 3] if along != 2 else points[0]
        board = np.floor(across / 0.12)
        grain = np.sin(70 * across + 6 * np.sin(5 * points[along] + 3 * board))
        light = 0.85 + 0.12 * grain + 0.22 * (hashed(board[None]) - 0.5)
        gap = np.abs(across / 0.12 - board - 0.5) > 0.48
        return base * np.where(gap, 0.55, light)

    return texture


def tiles(colour: Colour, joint: Colour, size: float, axes: tuple[int, int]) -> Texture:
    """Square tiles on the plane of two axes."""

    def texture(points: Array) -> Array:
        a, b = points[axes[0]] / size, points[axes[1]] / size
        edge = np.maximum(np.abs(a - np.floor(a) - 0.5), np.abs(b - np.floor(b) - 0.5)) > 0.47
        light = 0.9 + 0.15 * hashed(np.stack([np.floor(a), np.floor(b)]))
        return np.where(edge, column(joint), column(colour) * light)

    return texture


def woven(first: Colour, second: Colour, size: float, axis: int) -> Texture:
    """Stripes along an axis (cloth, carpets, blinds)."""

    def texture(points: Array) -> Array:
        stripe = 0.5 + 0.5 * np.tanh(4 * np.sin(points[axis] * np.pi / size))
        speckle = 0.92 + 0.12 * hashed(np.floor(points * 130))
        return (column(first) + (column(second) - column(first)) * stripe) * speckle

    return texture


def speckled(colour: Colour, amount: float, cell: float) -> Texture:
    """One colour, uneven in patches of a size (grass, asphalt, plaster, fur)."""
    base = column(colour)

    def texture(points: Array) -> Array:
        p = points / cell
        patch = np.sin(p[0] + 2 * np.sin(p[2] * 0.7)) * np.sin(p[2] * 1.3 + np.sin(p[0])) * np.cos(p[1])
        fine = hashed(np.floor(points / (cell * 0.4))) - 0.5
        return base * (1 + amount * (0.6 * patch + 0.9 * fine))

    return texture


def solid(shape: Shape, colour: Colour | Texture, shine: float = 0.0, glow: float = 0.0) -> Solid:
    """A shape with its paint."""
    return Solid(shape, colour, shine, glow)
