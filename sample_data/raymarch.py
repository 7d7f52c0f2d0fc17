"""A small renderer: solids described by the distance to their surface, found by walking along each ray.

Every picture comes with its true depth, because the walk knows where it stopped.
Source: J. C. Hart, "Sphere tracing", The Visual Computer 12 (1996). Metres; x right, y up, z away.
"""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from paint import Colour, photograph
from PIL import Image

Array = npt.NDArray[np.floating[Any]]  # points are (3, N)
Vector = tuple[float, float, float]
Distance = Callable[[Array], Array]
Texture = Callable[[Array], Array]

FAR_M = 60.0
STEPS = 110
TILE_PX = 40
SHADOW_STEP_M = 1.4
EVERYWHERE: Vector = (math.inf, math.inf, math.inf)
NOWHERE: Vector = (-math.inf, -math.inf, -math.inf)


@dataclass(frozen=True)
class Shape:
    """distance: points -> metres to the surface, never more than is true; inside the box low to high."""

    distance: Distance
    low: Vector = NOWHERE
    high: Vector = EVERYWHERE


@dataclass(frozen=True)
class Solid:
    """A shape and its paint. colour: one for all, or points -> (3, N)."""

    shape: Shape
    colour: Colour | Texture
    shine: float = 0.0
    glow: float = 0.0


@dataclass(frozen=True)
class Scene:
    """What is seen from where, and what lights it. sky: colours at the horizon and above, or None indoors."""

    solids: tuple[Solid, ...]
    eye: Vector
    target: Vector
    lens: float = 1.35  # focal length over half the picture's width
    sun: Vector = (0.5, 0.9, -0.6)  # towards the light
    sun_colour: Colour = (1.0, 0.95, 0.85)
    ambient: Colour = (0.42, 0.45, 0.5)
    lamps: tuple[Vector, ...] = ()
    sky: tuple[Colour, Colour] | None = None
    haze_m: float = 0.0


def unit(vector: npt.ArrayLike) -> Array:
    """The vector(s) at length 1 along the first axis."""
    array = np.asarray(vector, np.float32)
    return array / np.sqrt(dot(array, array))


def dot(first: Array, second: Array) -> Array:
    """The scalar product of vectors along the first axis; three times as quick as a sum over an axis."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


def rays(scene: Scene, height: int, width: int) -> tuple[Array, Array]:
    """Directions (3, H*W) and their share along the optical axis (H*W,)."""
    forward = unit(np.subtract(scene.target, scene.eye))
    right = unit(np.cross((0, 1, 0), forward))
    up = np.cross(forward, right)
    y, x = np.mgrid[0:height, 0:width]
    u = ((x.ravel() + 0.5 - width / 2) / (width / 2)).astype(np.float32)
    v = ((height / 2 - y.ravel() - 0.5) / (width / 2)).astype(np.float32)
    beams = unit(
        np.outer(forward, np.full(u.size, scene.lens, np.float32)) + np.outer(right, u) + np.outer(up, v)
    )
    return beams, forward @ beams


class Pile:
    """Solids that are asked together. Those whose box is farther away than a surface already found are not
    asked, which makes a room of fifty solids as quick as one of five."""

    def __init__(self, solids: tuple[Solid, ...]) -> None:
        self.solids = solids
        self.low = np.array([solid.shape.low for solid in solids], np.float32).reshape(-1, 3, 1)
        self.high = np.array([solid.shape.high for solid in solids], np.float32).reshape(-1, 3, 1)

    def _nearest_boxes_first(self, points: Array) -> list[tuple[float, int]]:
        low, high = points.min(1)[None, :, None], points.max(1)[None, :, None]
        gap = np.maximum(np.maximum(self.low - high, low - self.high), 0)
        least = np.sqrt((gap * gap).sum((1, 2)))
        return [(float(least[number]), int(number)) for number in np.argsort(least, kind="stable")]

    def distance(self, points: Array, cap_m: float = 1e9) -> Array:
        """Metres to the nearest solid, (N,); what is farther than cap_m need not be looked at."""
        best = np.full(points.shape[1], cap_m, np.float32)
        farthest = cap_m
        for least, number in self._nearest_boxes_first(points):
            if least >= farthest:
                break
            np.minimum(best, self.solids[number].shape.distance(points), out=best)
            farthest = float(best.max())
        return best

    def which(self, points: Array) -> npt.NDArray[np.int16]:
        """The number of the nearest solid, (N,)."""
        best = np.full(points.shape[1], 1e9, np.float32)
        which = np.zeros(points.shape[1], np.int16)
        for least, number in self._nearest_boxes_first(points):
            if least >= float(best.max()):
                break
            distance = self.solids[number].shape.distance(points)
            closer = distance < best
            best[closer] = distance[closer]
            which[closer] = number
        return which


def march(pile: Pile, origin: Array, beams: Array) -> Array:
    """How far each ray goes (N,), infinite when it meets nothing."""
    far = np.zeros(beams.shape[1], np.float32)
    active = np.arange(beams.shape[1])
    for _ in range(STEPS):
        distance = pile.distance(origin + beams[:, active] * far[active])
        far[active] += distance * 0.95
        active = active[(distance > 0.0006 * (1 + far[active])) & (far[active] < FAR_M)]
        if not active.size:
            break
    far[far >= FAR_M] = np.inf
    return far


def normals(pile: Pile, points: Array) -> Array:
    """Unit normals (3, N) from four samples round each point."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)[:, :, None]
    total = np.zeros_like(points)
    for corner in corners:
        total += corner * pile.distance(points + np.float32(0.0015) * corner)
    return unit(total + np.float32(1e-9))


def sunlight(casters: Pile, points: Array, towards: Array, reach_m: Array) -> Array:
    """1 in the light, 0 in full shadow; soft at the edges. towards: (3, N) unit vectors; reach_m: (N,)."""
    light = np.ones(points.shape[1], np.float32)
    far = np.full(points.shape[1], 0.03, np.float32)
    active = np.flatnonzero(far < reach_m)
    for _ in range(28):
        if not active.size:
            break
        gap = casters.distance(points[:, active] + towards[:, active] * far[active], SHADOW_STEP_M)
        light[active] = np.minimum(light[active], 9 * gap / far[active])
        far[active] += np.clip(gap, 0.02, SHADOW_STEP_M)
        active = active[(gap > 0.001) & (far[active] < reach_m[active])]
    return light.clip(0, 1)


def occlusion(pile: Pile, points: Array, normal: Array) -> Array:
    """Darkness of corners: 1 in the open, towards 0 where surfaces are close around."""
    hidden = np.zeros(points.shape[1], np.float32)
    for number in range(1, 5):
        reach = np.float32(0.09 * number)
        hidden += (reach - pile.distance(points + normal * reach, 0.4)) / np.float32(1.7**number)
    return (1 - 2.2 * hidden).clip(0.15, 1)


def paint_of(scene: Scene, points: Array, which: npt.NDArray[np.int16]) -> tuple[Array, Array, Array]:
    """Colour (3, N), shine (N,) and glow (N,) at surface points."""
    colour = np.zeros_like(points)
    shine = np.array([solid.shine for solid in scene.solids], np.float32)[which]
    glow = np.array([solid.glow for solid in scene.solids], np.float32)[which]
    for number in np.unique(which):
        mine = which == number
        paint = scene.solids[number].colour
        if callable(paint):
            colour[:, mine] = paint(points[:, mine])
        else:
            colour[:, mine] = np.asarray(paint, np.float32)[:, None]
    return colour, shine, glow


def light_sources(scene: Scene, points: Array) -> list[tuple[Array, Array, Array]]:
    """For the sun and each lamp: directions (3, N), strengths (3, N), distances (N,)."""
    sources: list[tuple[Array, Array, Array]] = []
    if any(scene.sun_colour):
        sun = np.broadcast_to(unit(scene.sun)[:, None], points.shape)
        strength = np.broadcast_to(np.asarray(scene.sun_colour, np.float32)[:, None], points.shape)
        sources.append((sun, strength, np.full(points.shape[1], 12, np.float32)))
    for lamp in scene.lamps:
        way = np.asarray(lamp, np.float32)[:, None] - points
        square = dot(way, way)
        warm = np.array([[1.0], [0.86], [0.68]], np.float32) * np.float32(1.5) / (1 + square)
        sources.append((unit(way), warm, np.sqrt(square) - np.float32(0.25)))
    return sources


def shade(scene: Scene, pile: Pile, casters: Pile, points: Array, beams: Array) -> Array:
    """Light that leaves the surface points towards the eye, (3, N)."""
    normal = normals(pile, points)
    colour, shine, glow = paint_of(scene, points, pile.which(points))
    around = occlusion(pile, points, normal) * (0.8 + 0.2 * normal[1])
    light = np.asarray(scene.ambient, np.float32)[:, None] * around
    gleam = np.zeros(points.shape[1], np.float32)
    for towards, strength, reach in light_sources(scene, points):
        facing = dot(normal, towards).clip(0, 1)
        lit = facing * sunlight(casters, points + normal * np.float32(0.01), towards, reach)
        light = light + strength * lit
        gleam += dot(normal, unit(towards - beams)).clip(0, 1) ** 40 * lit
    return colour * light * (1 - glow) + glow * colour * np.float32(1.3) + shine * gleam


def background(scene: Scene, beams: Array) -> Array:
    """Sky colour for rays that meet nothing, (3, N)."""
    low, high = scene.sky or ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    height = np.sqrt(beams[1].clip(0, 1))
    cloud = 0.5 + 0.5 * np.sin(9 * beams[0] + 3 * np.sin(25 * beams[1] + 4 * beams[0]))
    veil = 0.22 * cloud * (1 - height)
    low_, high_ = np.asarray(low, np.float32)[:, None], np.asarray(high, np.float32)[:, None]
    return (low_ + (high_ - low_) * height) * (1 - veil) + veil


def tiles(height: int, width: int) -> list[npt.NDArray[np.int64]]:
    """Pixel numbers of each tile: neighbours, so that they see the same few solids."""
    numbers = np.arange(height * width).reshape(height, width)
    return [
        numbers[row : row + TILE_PX, column : column + TILE_PX].ravel()
        for row in range(0, height, TILE_PX)
        for column in range(0, width, TILE_PX)
    ]


def trace(scene: Scene, height: int, width: int) -> tuple[Array, Array]:
    """Light (3, H*W) and depth along the optical axis (H*W,), NaN where nothing was met."""
    beams, axis = rays(scene, height, width)
    origin = np.asarray(scene.eye, np.float32)[:, None]
    pile = Pile(scene.solids)
    # Walls and floors have no end; they throw no shadow, so that a closed room is not dark.
    casters = Pile(tuple(solid for solid in scene.solids if math.isfinite(solid.shape.low[1])))
    light = background(scene, beams)
    depth = np.full(height * width, np.nan, np.float32)
    for tile in tiles(height, width):
        far = march(pile, origin, beams[:, tile])
        seen = np.isfinite(far)
        if not seen.any():
            continue
        hit, far = tile[seen], far[seen]
        view = beams[:, hit]
        colour = shade(scene, pile, casters, origin + view * far, view)
        if scene.haze_m:
            level = view * np.array([[1], [0], [1]], np.float32)
            colour += (background(scene, level) - colour) * (1 - np.exp(-far / np.float32(scene.haze_m)))
        light[:, hit] = colour
        depth[hit] = far * axis[hit]
    return light, depth


def render(scene: Scene, rng: np.random.Generator, height: int, width: int) -> tuple[Image.Image, Array]:
    """The picture, and its depth in metres along the optical axis (H, W), NaN for the sky.

    The picture is drawn half as large again and reduced, for smooth edges; the depth is not, for true ones.
    """
    inner_height, inner_width = height * 3 // 2, width * 3 // 2
    light, depth = trace(scene, inner_height, inner_width)
    light = light.clip(0, None)
    tone = (1.12 * light / (1 + 0.3 * light)) ** (1 / 1.7)
    flat = tone.T.reshape(inner_height, inner_width, 3).astype(np.float32)
    picture = photograph(flat, rng, 0.012).resize((width, height), Image.Resampling.LANCZOS)
    rows, columns = np.arange(height) * 3 // 2, np.arange(width) * 3 // 2
    return picture, depth.reshape(inner_height, inner_width)[np.ix_(rows, columns)]
