"""Furniture and walls, as lists of solids. Positions are of the middle of the foot, on the floor."""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from paint import Colour
from raymarch import Array, Solid, Texture
from solids import ball, box, drum, ellipsoid, hashed, melt, plane, rod, solid, speckled, tiles, wood, woven

WHITE: Colour = (0.86, 0.85, 0.82)
OAK: Colour = (0.62, 0.42, 0.24)
DARK: Colour = (0.09, 0.09, 0.1)
STEEL: Colour = (0.6, 0.61, 0.63)


def shell(
    width: float, length: float, height: float, floor: Colour | Texture, wall: Colour, back_m: float = -4.0
) -> list[Solid]:
    """Floor, ceiling and four walls of a room: x from -width/2 to width/2, z from back_m to length."""
    plaster = speckled(wall, 0.05, 0.4)
    return [
        solid(plane(1, 0.0), floor, 0.08),
        solid(plane(1, height, -1), WHITE),
        solid(plane(0, -width / 2), plaster),
        solid(plane(0, width / 2, -1), plaster),
        solid(plane(2, length, -1), plaster),
        solid(plane(2, back_m), plaster),
        solid(box((0, 0.05, length), (width / 2, 0.05, 0.02)), WHITE),
    ]


def window(x: float, y: float, z: float, half_width: float, half_height: float) -> list[Solid]:
    """A bright window in the far wall at depth z, with its frame and cross."""
    frame = [box((x, y, z), (half_width + 0.06, half_height + 0.06, 0.03))]
    bars = [
        box((x, y, z - 0.04), (0.025, half_height, 0.02)),
        box((x, y, z - 0.04), (half_width, 0.025, 0.02)),
        box((x, y - half_height - 0.06, z - 0.07), (half_width + 0.1, 0.02, 0.08)),
    ]

    def outside(points: Array) -> Array:
        high = np.clip((points[1] - y + half_height) / (2 * half_height), 0, 1)
        leaves = 0.12 * hashed(np.floor(points * 22))
        trees = np.stack([0.32 + leaves, 0.55 + leaves, 0.28 + leaves])
        air = np.stack([0.72 + 0 * high, 0.86 + 0 * high, 1.0 + 0 * high])
        return np.where(high > 0.38 + 0.06 * np.sin(points[0] * 9), air, trees).astype(np.float32)

    pane = box((x, y, z - 0.02), (half_width, half_height, 0.015))
    return [*(solid(part, WHITE) for part in [*frame, *bars]), solid(pane, outside, 0, 1.0)]


def table(x: float, z: float, half: tuple[float, float], height: float, colour: Colour = OAK) -> list[Solid]:
    """A table with four legs."""
    hx, hz = half
    legs = [
        box((x + sx * (hx - 0.06), height / 2, z + sz * (hz - 0.06)), (0.03, height / 2, 0.03))
        for sx in (-1, 1)
        for sz in (-1, 1)
    ]
    top = box((x, height - 0.02, z), (hx, 0.025, hz))
    return [solid(top, wood(colour), 0.15), *(solid(leg, wood(colour, 1)) for leg in legs)]


def chair(x: float, z: float, yaw: float, colour: Colour = OAK) -> list[Solid]:
    """A wooden chair; at yaw 0 its back is away from the viewer."""
    c, s = float(np.cos(yaw)), float(np.sin(yaw))

    def at(dx: float, y: float, dz: float) -> tuple[float, float, float]:
        return (x + c * dx + s * dz, y, z - s * dx + c * dz)

    seat = box(at(0, 0.45, 0), (0.21, 0.02, 0.21), 0.015, yaw)
    legs = [
        rod(at(dx, 0, dz), at(dx * 0.9, 0.45, dz * 0.9), 0.018)
        for dx in (-0.19, 0.19)
        for dz in (-0.19, 0.19)
    ]
    posts = [rod(at(dx, 0.45, 0.19), at(dx, 0.95, 0.24), 0.018) for dx in (-0.18, 0.18)]
    slats = [box(at(0, y, 0.21 + 0.1 * (y - 0.5)), (0.18, 0.03, 0.01), 0.008, yaw) for y in (0.64, 0.77, 0.9)]
    return [solid(part, wood(colour, 1), 0.1) for part in [seat, *legs, *posts, *slats]]


def sofa(x: float, z: float, half_width: float, colour: Colour) -> list[Solid]:
    """A sofa that looks towards the viewer, with cushions."""
    cloth = speckled(colour, 0.1, 0.03)
    light: Colour = (min(1, colour[0] * 1.2), min(1, colour[1] * 1.2), min(1, colour[2] * 1.2))
    parts = [
        box((x, 0.2, z), (half_width, 0.14, 0.42), 0.04),
        box((x, 0.52, z + 0.36), (half_width, 0.34, 0.12), 0.07),
        box((x - half_width, 0.36, z), (0.11, 0.27, 0.44), 0.07),
        box((x + half_width, 0.36, z), (0.11, 0.27, 0.44), 0.07),
    ]
    step = 2 * (half_width - 0.12) / 3
    seats = [box((x + (i - 1) * step, 0.4, z - 0.06), (step / 2 - 0.01, 0.08, 0.36), 0.05) for i in range(3)]
    backs = [box((x + (i - 1) * step, 0.64, z + 0.2), (step / 2 - 0.02, 0.2, 0.09), 0.08) for i in range(3)]
    pillow = ellipsoid((x - half_width + 0.32, 0.6, z + 0.05), (0.22, 0.18, 0.09))
    soft = speckled(light, 0.1, 0.03)
    return [
        *(solid(part, cloth) for part in parts),
        *(solid(part, soft) for part in [*seats, *backs]),
        solid(pillow, (0.85, 0.62, 0.2)),
    ]


def bed(x: float, z: float) -> list[Solid]:
    """A double bed, its head at the far wall, with a blanket and two pillows."""
    frame = box((x, 0.16, z), (0.88, 0.13, 1.05), 0.02)
    head = box((x, 0.55, z + 1.08), (0.92, 0.5, 0.05), 0.03)
    mattress = box((x, 0.38, z), (0.84, 0.12, 1.0), 0.08)
    blanket = box((x, 0.43, z - 0.32), (0.88, 0.1, 0.72), 0.09)
    fold = box((x, 0.52, z + 0.36), (0.87, 0.035, 0.14), 0.03)
    pillows = [ellipsoid((x + side * 0.42, 0.6, z + 0.74), (0.36, 0.11, 0.24)) for side in (-1, 1)]
    return [
        solid(frame, wood(OAK)),
        solid(head, wood(OAK, 1)),
        solid(mattress, WHITE),
        solid(blanket, woven((0.2, 0.3, 0.5), (0.3, 0.42, 0.62), 0.12, 0)),
        solid(fold, (0.9, 0.9, 0.92)),
        *(solid(pillow, (0.95, 0.95, 0.96)) for pillow in pillows),
    ]


def lamp(x: float, z: float, foot: float, height: float) -> list[Solid]:
    """A lamp with a glowing shade; foot: height of what it stands on."""
    stand = rod((x, foot, z), (x, foot + height, z), 0.014)
    base = drum((x, foot + 0.015, z), 0.1, 0.015)
    shade = drum((x, foot + height, z), 0.15, 0.12, taper=-0.35)
    return [solid(melt([stand, base], 0.03), DARK, 0.3), solid(shade, (1.0, 0.85, 0.58), 0, 0.85)]


def bookcase(x: float, z: float, half_width: float, height: float, rng: np.random.Generator) -> list[Solid]:
    """Shelves full of books, their backs towards the viewer at depth z."""
    shelves = int(height / 0.36)
    gap = height / shelves
    boards = [box((x, i * gap, z + 0.16), (half_width, 0.015, 0.16)) for i in range(shelves + 1)]
    sides = [box((x + s * half_width, height / 2, z + 0.16), (0.02, height / 2, 0.16)) for s in (-1, 1)]
    back = box((x, height / 2, z + 0.33), (half_width, height / 2, 0.012))
    palette = rng.uniform(0.08, 0.75, (64, 3)).astype(np.float32)
    palette = palette * 0.6 + 0.4 * palette.mean(1, keepdims=True) * np.array([1.25, 0.95, 0.75], np.float32)

    def spines(points: Array) -> Array:
        shelf, place = np.floor(points[1] / gap), np.floor(points[0] / 0.042)
        number = (hashed(np.stack([shelf, place])) * 64).astype(np.int64)
        inside = points[0] / 0.042 - place
        round_ = 1 - 1.6 * (inside - 0.5) ** 2
        level = points[1] / gap - shelf
        band = np.where((np.abs(level - 0.62) < 0.03) & (number % 3 > 0), 1.7, 1.0)
        return (palette[number].T * round_ * band).astype(np.float32)

    tall = gap * 0.78
    rows = [
        box((x, i * gap + tall / 2, z + 0.16), (half_width - 0.03, tall / 2, 0.12), 0.004)
        for i in range(shelves)
    ]
    case = [solid(part, wood(OAK, 1)) for part in [*boards, *sides, back]]
    return [*case, *(solid(row, spines, 0.05) for row in rows)]


def cupboards(
    x: float, z: float, count: int, low: float, high: float, deep: float, colour: Colour
) -> list[Solid]:
    """A row of doors with handles, starting at x and going right, 0.6 m each."""
    parts: list[Solid] = []
    for number in range(count):
        middle = x + 0.6 * (number + 0.5)
        parts.append(
            solid(box((middle, (low + high) / 2, z), (0.292, (high - low) / 2, deep), 0.008), colour, 0.1)
        )
        handle = (high - 0.1) if low < 0.5 else (low + 0.1)
        parts.append(solid(box((middle, handle, z - deep - 0.02), (0.09, 0.01, 0.012)), STEEL, 0.6))
    return parts


def picture(x: float, y: float, z: float, half: tuple[float, float]) -> list[Solid]:
    """A framed picture on the far wall: hills under a sky."""

    def painted(points: Array) -> Array:
        hill = points[1] - y < 0.4 * half[1] * np.sin(points[0] * 7)
        low, high = np.array([[0.3], [0.45], [0.2]]), np.array([[0.9], [0.7], [0.4]])
        return np.where(hill, low, high).astype(np.float32)

    return [
        solid(box((x, y, z), (half[0] + 0.04, half[1] + 0.04, 0.02)), DARK),
        solid(box((x, y, z - 0.015), (*half, 0.012)), painted),
    ]


def plant(x: float, z: float, foot: float, size: float, rng: np.random.Generator) -> list[Solid]:
    """A pot with leaves."""
    pot = drum((x, foot + 0.14 * size, z), 0.12 * size, 0.14 * size, taper=0.25)
    blades = []
    for _ in range(9):
        angle, lean, tall = rng.uniform(0, 6.28), rng.uniform(0.1, 0.42) * size, rng.uniform(0.5, 0.9) * size
        tip = (x + lean * float(np.cos(angle)), foot + tall, z + lean * float(np.sin(angle)))
        blades.append(rod((x, foot + 0.25 * size, z), tip, 0.03 * size, 0.045 * size))
    return [
        solid(pot, (0.66, 0.32, 0.2)),
        solid(melt(blades, 0.02), speckled((0.16, 0.42, 0.14), 0.25, 0.05)),
    ]


def globe_light(x: float, y: float, z: float) -> list[Solid]:
    """A round light that hangs from the ceiling."""
    cord = rod((x, y, z), (x, y + 1.0, z), 0.006)
    return [solid(ball((x, y, z), 0.13), (1.0, 0.95, 0.85), 0, 0.95), solid(cord, DARK)]


def tiled_wall(z: float, low: float, high: float, half_width: float) -> list[Solid]:
    """A band of white tiles on the far wall."""
    band = box((0, (low + high) / 2, z), (half_width, (high - low) / 2, 0.012))
    return [solid(band, tiles((0.9, 0.93, 0.92), (0.6, 0.6, 0.6), 0.15, (0, 1)), 0.3)]
