"""Roads, cars, houses, trees and a helicopter, as scenes for the renderer."""

from __future__ import annotations

import numpy as np
from furniture import DARK, STEEL, WHITE
from paint import Colour
from raymarch import Array, Scene, Shape, Solid
from solids import (
    ball,
    box,
    carve,
    drum,
    ellipsoid,
    hashed,
    melt,
    plane,
    rod,
    rough,
    solid,
    speckled,
    tiles,
)

Rng = np.random.Generator
BLUE_SKY = ((0.74, 0.85, 0.95), (0.22, 0.45, 0.82))
GRASS = speckled((0.25, 0.42, 0.12), 0.35, 0.05)
ASPHALT = speckled((0.27, 0.27, 0.29), 0.18, 0.06)


def trees(rng: Rng, count: int, near: float, far: float) -> list[Solid]:
    """Round trees in a row behind everything."""
    parts: list[Solid] = []
    for number in range(count):
        x, z = (number - count / 2 + rng.uniform(0, 0.8)) * 2.2, rng.uniform(near, far)
        tall = rng.uniform(1.6, 2.6)
        crown = [
            ball(
                (x + rng.uniform(-0.5, 0.5), tall + rng.uniform(-0.4, 0.6), z + rng.uniform(-0.4, 0.4)),
                rng.uniform(0.5, 0.9),
            )
            for _ in range(4)
        ]
        green = (0.12 + rng.uniform(0, 0.1), 0.32 + rng.uniform(0, 0.12), 0.08)
        parts.append(solid(rough(melt(crown, 0.3), 0.06, 0.08), speckled(green, 0.5, 0.12)))
        parts.append(solid(rod((x, 0, z), (x, tall, z), 0.14, 0.09), (0.3, 0.2, 0.13)))
    return parts


def car_body(x: float, z: float, colour: Colour) -> list[Solid]:
    """A family car seen from its side, 4.2 m long along x, on the ground at depth z."""
    lower = box((x, 0.58, z), (2.05, 0.28, 0.82), 0.16)
    bonnet = box((x + 1.25, 0.72, z), (0.8, 0.2, 0.78), 0.14)
    cabin = ellipsoid((x - 0.25, 0.85, z), (1.35, 0.68, 0.74))
    roof = box((x - 0.3, 1.0, z), (1.05, 0.42, 0.68), 0.3)
    wheels = [(x + dx, 0.33, z + side * 0.72) for dx in (-1.28, 1.32) for side in (-1, 1)]
    shell_ = melt([lower, bonnet, melt([cabin, roof], 0.2)], 0.12)
    for wheel in wheels:
        shell_ = carve(shell_, drum(wheel, 0.39, 0.2, axis=2))

    def paint(points: Array) -> Array:
        q = points - np.array([[x], [0], [z]], np.float32)
        glass = (q[1] > 0.93) & (q[1] < 1.32) & (np.abs(q[0] + 0.3) < 1.12 - 0.55 * (q[1] - 0.9))
        post = (np.abs(q[0] + 0.3) < 0.035) | (np.abs(q[0] + 0.9) < 0.03)
        glass &= ~post | (np.abs(q[2]) < 0.5)
        door = ((np.abs(q[0] + 0.3) < 0.012) | (np.abs(q[0] - 0.55) < 0.012)) & (q[1] > 0.42) & (q[1] < 0.93)
        tint = np.where(glass, np.array([[0.1], [0.13], [0.17]]), np.array(colour)[:, None])
        return np.where(door, tint * 0.4, tint).astype(np.float32)

    parts = [solid(shell_, paint, 0.55)]
    for wheel in wheels:
        parts.append(solid(drum(wheel, 0.33, 0.11, axis=2), DARK, 0.1))
        parts.append(
            solid(
                drum((wheel[0], wheel[1], wheel[2] + (0.06 if wheel[2] > z else -0.06)), 0.2, 0.07, axis=2),
                STEEL,
                0.8,
            )
        )
    parts.append(solid(ellipsoid((x + 2.0, 0.68, z - 0.58), (0.07, 0.09, 0.14)), (1, 0.97, 0.85), 0.9, 0.4))
    parts.append(solid(ellipsoid((x - 2.02, 0.7, z - 0.6), (0.06, 0.08, 0.12)), (0.8, 0.05, 0.05), 0.6))
    return parts


def car(rng: Rng) -> Scene:
    """A red car on a road, grass and trees behind."""
    solids = [
        solid(plane(1, 0.0), ASPHALT),
        *car_body(0, 3.4, (0.7, 0.06, 0.05)),
        solid(box((0, 0.06, 5.4), (30, 0.08, 0.15)), (0.6, 0.6, 0.58)),
        solid(box((0, 0.05, 25.5), (60, 0.06, 20)), GRASS),
        *(solid(box((-6 + 3.2 * i, 0.004, 1.9), (0.9, 0.006, 0.07)), WHITE) for i in range(5)),
        *trees(rng, 10, 8, 14),
    ]
    return Scene(
        tuple(solids), (2.1, 1.45, -1.9), (0.1, 0.6, 3.4), 1.5, (0.4, 0.8, -0.7), sky=BLUE_SKY, haze_m=60
    )


def house_front(points: Array) -> Array:
    """Plaster in a colour a house, with rows of windows, on both sides of a street along z."""
    number = np.floor(points[2] / 5.0)
    colours = np.array(
        [[0.72, 0.42, 0.3], [0.82, 0.74, 0.58], [0.6, 0.62, 0.64], [0.78, 0.6, 0.42], [0.66, 0.36, 0.32]]
    )
    wall = colours[(hashed(np.stack([number, np.sign(points[0])])) * 5).astype(int)].T
    across = points[2] / 1.25 - np.floor(points[2] / 1.25)
    up = points[1] / 2.6 - np.floor(points[1] / 2.6)
    pane = (np.abs(across - 0.5) < 0.27) & (np.abs(up - 0.55) < 0.26)
    frame = (np.abs(across - 0.5) < 0.32) & (np.abs(up - 0.55) < 0.3) & ~pane
    glass = np.array([[0.2], [0.26], [0.33]]) * (
        0.7 + 0.8 * hashed(np.stack([np.floor(points[2] / 1.25), np.floor(points[1] / 2.6)]))
    )
    wall = wall * (0.92 + 0.1 * hashed(np.floor(points * 8)))
    return np.where(pane, glass, np.where(frame, np.array([[0.9], [0.89], [0.85]]), wall)).astype(np.float32)


def street(rng: Rng) -> Scene:
    """A street between rows of houses, with cars, pavements, lamps and people far away."""
    solids: list[Solid] = [solid(plane(1, 0.0), ASPHALT)]
    for side in (-1, 1):
        solids.append(
            solid(
                box((side * 4.6, 0.07, 20), (1.1, 0.08, 30)),
                tiles((0.6, 0.58, 0.55), (0.45, 0.44, 0.42), 0.6, (0, 2)),
            )
        )
        for number in range(8):
            tall, z = rng.uniform(6.5, 10.5), 2.5 + 5.0 * number
            solids.append(solid(box((side * 8.7, tall / 2, z), (3.0, tall / 2, 2.5)), house_front))
            solids.append(solid(box((side * 8.7, tall + 0.12, z), (3.2, 0.12, 2.55)), (0.3, 0.2, 0.17)))
        for number in range(4):
            z = 4 + 7.0 * number
            post: list[Shape] = [
                rod((side * 3.8, 0, z), (side * 3.8, 4.2, z), 0.06),
                rod((side * 3.8, 4.2, z), (side * 3.0, 4.35, z), 0.05),
            ]
            solids.append(solid(melt(post, 0.1), (0.12, 0.14, 0.13)))
        for number, colour in enumerate([(0.12, 0.2, 0.45), (0.7, 0.7, 0.72), (0.5, 0.07, 0.06)]):
            solids += parked(side * 2.75, 6.5 + 6.2 * number + (2 if side > 0 else 0), colour)
    solids += [solid(box((0, 0.004, 2 + 3.5 * i), (0.08, 0.006, 0.9)), WHITE) for i in range(9)]
    for x, z, coat in (
        (4.4, 7.5, (0.6, 0.15, 0.12)),
        (-4.5, 10.5, (0.15, 0.25, 0.5)),
        (4.7, 14.0, (0.8, 0.7, 0.3)),
    ):
        solids += walker(x, z, coat)
    return Scene(
        tuple(solids), (0.5, 1.9, -2.5), (0, 2.2, 12), 1.25, (-0.45, 0.8, -0.5), sky=BLUE_SKY, haze_m=70
    )


def parked(x: float, z: float, colour: Colour) -> list[Solid]:
    """A car seen along the street."""
    lower = box((x, 0.55, z), (0.82, 0.28, 2.0), 0.15)
    top = box((x, 1.0, z + 0.2), (0.68, 0.42, 1.15), 0.3)

    def paint(points: Array) -> Array:
        glass = (points[1] > 0.92) & (points[1] < 1.3)
        return np.where(glass, np.array([[0.1], [0.13], [0.17]]), np.array(colour)[:, None]).astype(
            np.float32
        )

    lights = [ellipsoid((x + s * 0.62, 0.68, z - 1.98), (0.14, 0.08, 0.05)) for s in (-1, 1)]
    wheels = [drum((x + s * 0.74, 0.33, z + dz), 0.33, 0.1, axis=0) for s in (-1, 1) for dz in (-1.25, 1.25)]
    return [
        solid(melt([lower, top], 0.12), paint, 0.5),
        *(solid(light, (0.85, 0.08, 0.06), 0.5) for light in lights),
        *(solid(wheel, DARK) for wheel in wheels),
    ]


def walker(x: float, z: float, coat: Colour) -> list[Solid]:
    """A person who walks: head, coat, legs, arms."""
    legs = melt(
        [
            rod((x - 0.09, 0.85, z), (x - 0.1, 0.1, z - 0.18), 0.08, 0.06),
            rod((x + 0.09, 0.85, z), (x + 0.1, 0.1, z + 0.2), 0.08, 0.06),
        ],
        0.05,
    )
    torso = [
        rod((x, 0.9, z), (x, 1.38, z), 0.17, 0.19),
        rod((x - 0.22, 1.4, z), (x - 0.28, 0.9, z + 0.14), 0.06),
        rod((x + 0.22, 1.4, z), (x + 0.28, 0.9, z - 0.14), 0.06),
    ]
    return [
        solid(legs, (0.12, 0.14, 0.2)),
        solid(melt(torso, 0.08), coat),
        solid(ball((x, 1.66, z), 0.115), (0.78, 0.58, 0.46)),
        solid(ellipsoid((x, 1.71, z + 0.03), (0.12, 0.1, 0.12)), (0.2, 0.12, 0.07)),
    ]


def helicopter(rng: Rng) -> Scene:
    """A helicopter in the air over trees."""
    cabin = melt(
        [ellipsoid((0.4, 3.2, 6), (1.2, 0.75, 0.7)), rod((-0.4, 3.35, 6), (-3.2, 3.6, 6), 0.4, 0.12)], 0.35
    )
    fin = box((-3.2, 3.95, 6), (0.22, 0.45, 0.05), 0.03)

    def paint(points: Array) -> Array:
        glass = (points[0] > 0.55) & (points[1] > 3.05)
        stripe = np.abs(points[1] - 3.0) < 0.09
        base = np.where(stripe, np.array([[0.95], [0.95], [0.95]]), np.array([[0.75], [0.1], [0.08]]))
        return np.where(glass, np.array([[0.1], [0.14], [0.2]]), base).astype(np.float32)

    skids = [rod((-0.8, 2.2, 6 + s * 0.65), (1.5, 2.2, 6 + s * 0.65), 0.04) for s in (-1, 1)]
    struts = [
        rod((x, 2.2, 6 + s * 0.65), (x, 2.75, 6 + s * 0.35), 0.03) for x in (-0.2, 0.9) for s in (-1, 1)
    ]
    blades = [box((0.3, 4.25, 6), (3.4, 0.02, 0.1), 0.01, turn) for turn in (0.35, 0.35 + np.pi / 2)]
    solids = [
        solid(plane(1, -3.0), GRASS),
        solid(cabin, paint, 0.6),
        solid(fin, (0.75, 0.1, 0.08), 0.4),
        *(solid(part, DARK, 0.3) for part in [*skids, *struts, *blades]),
        solid(rod((0.3, 3.8, 6), (0.3, 4.25, 6), 0.09), DARK),
        solid(box((-3.25, 3.7, 5.85), (0.04, 0.55, 0.02), 0.01), DARK),
    ]
    return Scene(
        tuple(solids), (1.6, 1.6, -2.6), (-0.4, 3.2, 6), 1.5, (0.4, 0.9, -0.6), sky=BLUE_SKY, haze_m=60
    )
