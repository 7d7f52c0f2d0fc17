"""Rooms, as scenes for the renderer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from furniture import (
    DARK,
    OAK,
    STEEL,
    WHITE,
    bed,
    bookcase,
    chair,
    cupboards,
    globe_light,
    lamp,
    picture,
    plant,
    shell,
    sofa,
    table,
    tiled_wall,
    window,
)
from raymarch import Scene, Solid
from solids import box, drum, ellipsoid, melt, rod, solid, speckled, tiles, wood, woven

Rng = np.random.Generator


def living_room(rng: Rng) -> Scene:
    """A sofa, a low table on a rug, a standing lamp, a picture, a window."""
    solids = [
        *shell(5.2, 4.6, 2.6, wood((0.55, 0.36, 0.2), 2), (0.8, 0.76, 0.66)),
        solid(
            box((-0.1, 0.01, 2.6), (1.3, 0.012, 0.8), 0.004),
            woven((0.62, 0.2, 0.16), (0.82, 0.7, 0.5), 0.16, 0),
        ),
        *sofa(-0.35, 3.9, 1.1, (0.3, 0.4, 0.48)),
        *table(-0.2, 2.65, (0.55, 0.3), 0.42),
        *lamp(1.15, 4.1, 0, 1.55),
        *picture(-1.0, 1.65, 4.57, (0.38, 0.26)),
        *window(0.35, 1.65, 4.59, 0.55, 0.5),
        *plant(1.95, 3.7, 0, 1.1, rng),
        solid(ellipsoid((-0.15, 0.47, 2.6), (0.16, 0.06, 0.16)), (0.3, 0.45, 0.6), 0.6),
    ]
    return Scene(
        tuple(solids),
        (1.2, 1.45, -0.4),
        (-0.1, 0.75, 3.4),
        1.4,
        (-0.3, 0.7, -0.7),
        (0.55, 0.5, 0.42),
        (0.45, 0.44, 0.43),
        ((1.15, 1.8, 3.8), (0, 2.3, 1.5)),
    )


def office(rng: Rng) -> Scene:
    """A desk with a screen, keyboard, lamp and mug; an office chair; a bookcase."""
    screen = box((-0.15, 1.1, 2.55), (0.4, 0.25, 0.015), 0.01)
    stand = [rod((-0.15, 0.75, 2.58), (-0.15, 1.0, 2.58), 0.03), box((-0.15, 0.755, 2.55), (0.13, 0.01, 0.1))]
    shown = woven((0.14, 0.2, 0.3), (0.4, 0.55, 0.7), 0.035, 1)
    seat = [box((0.2, 0.5, 1.55), (0.25, 0.05, 0.24), 0.05), box((0.26, 0.95, 1.3), (0.23, 0.3, 0.05), 0.05)]
    base = [rod((0.2, 0.08, 1.55), (0.2, 0.5, 1.55), 0.03)]
    for turn in range(5):
        angle = turn * 2 * np.pi / 5
        base.append(
            rod(
                (0.2, 0.1, 1.55),
                (0.2 + 0.3 * float(np.cos(angle)), 0.05, 1.55 + 0.3 * float(np.sin(angle))),
                0.025,
            )
        )
    solids: list[Solid] = [
        *shell(4.4, 3.2, 2.6, speckled((0.42, 0.45, 0.5), 0.18, 0.05), (0.78, 0.8, 0.8)),
        *table(-0.1, 2.5, (0.9, 0.4), 0.74, (0.72, 0.6, 0.45)),
        solid(screen, DARK, 0.4),
        solid(box((-0.15, 1.1, 2.535), (0.37, 0.225, 0.008)), shown, 0, 0.8),
        *(solid(part, DARK, 0.3) for part in stand),
        solid(box((-0.15, 0.755, 2.28), (0.22, 0.012, 0.07)), tiles((0.2, 0.2, 0.22), DARK, 0.03, (0, 2))),
        solid(ellipsoid((0.2, 0.76, 2.28), (0.035, 0.02, 0.055)), DARK, 0.4),
        solid(drum((0.48, 0.79, 2.35), 0.045, 0.05), (0.75, 0.2, 0.15), 0.5),
        solid(box((-0.72, 0.77, 2.35), (0.15, 0.03, 0.2), 0.004, 0.2), WHITE),
        *lamp(0.62, 2.62, 0.74, 0.42),
        *(solid(part, (0.15, 0.16, 0.2)) for part in seat),
        solid(melt(base, 0.03), DARK, 0.3),
        *bookcase(-1.72, 2.75, 0.42, 2.1, rng),
        *window(1.25, 1.6, 3.19, 0.5, 0.6),
    ]
    return Scene(
        tuple(solids),
        (0.95, 1.5, -0.2),
        (-0.2, 0.9, 2.5),
        1.4,
        (0.5, 0.8, -0.6),
        (0.55, 0.56, 0.6),
        (0.5, 0.52, 0.55),
        ((0.6, 1.35, 2.3),),
    )


def bedroom(rng: Rng) -> Scene:
    """A double bed between two night tables, a wardrobe, a window with light."""
    solids = [
        *shell(4.6, 4.4, 2.5, wood((0.66, 0.5, 0.34), 2), (0.74, 0.8, 0.76)),
        *bed(0.1, 3.2),
        *table(-1.1, 4.05, (0.24, 0.22), 0.5),
        *table(1.3, 4.05, (0.24, 0.22), 0.5),
        *lamp(-1.1, 4.05, 0.5, 0.38),
        *lamp(1.3, 4.05, 0.5, 0.38),
        *picture(0.1, 1.7, 4.38, (0.5, 0.28)),
        solid(box((-1.95, 1.05, 2.7), (0.34, 1.05, 0.7), 0.01), wood((0.5, 0.34, 0.2), 1)),
        solid(
            box((0.2, 0.012, 1.75), (1.1, 0.012, 0.5), 0.004),
            woven((0.8, 0.78, 0.7), (0.6, 0.58, 0.5), 0.1, 0),
        ),
        *plant(1.95, 2.5, 0, 1.0, rng),
    ]
    return Scene(
        tuple(solids),
        (1.05, 1.55, -0.3),
        (0.0, 0.65, 3.3),
        1.4,
        (-0.4, 0.7, -0.7),
        (0.6, 0.55, 0.5),
        (0.46, 0.46, 0.46),
        ((-1.1, 1.2, 3.85), (1.3, 1.2, 3.85)),
    )


def kitchen(rng: Rng) -> Scene:
    """Cupboards along a tiled wall, a stove with pots, a fridge, a sink."""
    sage = (0.52, 0.6, 0.52)
    rings = [drum((0.05 + 0.28 * i, 0.925, 3.0 + 0.24 * j), 0.1, 0.008) for i in (0, 1) for j in (0, 1)]
    pot = [
        solid(drum((0.05, 1.01, 3.02), 0.11, 0.08), STEEL, 0.8),
        solid(drum((0.33, 0.99, 3.25), 0.09, 0.06), (0.7, 0.2, 0.12), 0.6),
    ]
    tap = melt(
        [
            rod((-1.0, 0.92, 3.35), (-1.0, 1.2, 3.35), 0.015),
            rod((-1.0, 1.2, 3.35), (-1.0, 1.18, 3.18), 0.015),
        ],
        0.03,
    )
    solids = [
        *shell(4.2, 3.6, 2.5, tiles((0.62, 0.52, 0.44), (0.4, 0.36, 0.32), 0.3, (0, 2)), (0.9, 0.87, 0.8)),
        *tiled_wall(3.58, 0.92, 1.5, 2.1),
        *cupboards(-2.1, 3.3, 5, 0.1, 0.88, 0.29, sage),
        *cupboards(-2.1, 3.42, 3, 1.5, 2.15, 0.17, sage),
        solid(box((-0.6, 0.9, 3.28), (1.5, 0.02, 0.33)), wood((0.6, 0.45, 0.3)), 0.3),
        solid(box((-1.0, 0.921, 3.2), (0.28, 0.006, 0.2)), STEEL, 0.8),
        solid(tap, STEEL, 0.9),
        solid(box((0.19, 0.922, 3.12), (0.29, 0.004, 0.27)), DARK, 0.5),
        *(solid(part, (0.2, 0.2, 0.2), 0.4) for part in rings),
        *pot,
        solid(box((0.19, 0.5, 2.985), (0.25, 0.2, 0.012)), DARK, 0.6),
        solid(box((0.19, 1.75, 3.35), (0.3, 0.1, 0.2), 0.02), STEEL, 0.6),
        solid(box((1.5, 0.95, 3.2), (0.36, 0.95, 0.36), 0.03), (0.86, 0.88, 0.9), 0.5),
        solid(box((1.2, 1.3, 2.82), (0.012, 0.3, 0.02)), STEEL, 0.8),
        *globe_light(0, 1.9, 1.8),
        *table(-0.9, 1.5, (0.5, 0.4), 0.75),
        solid(ellipsoid((-0.9, 0.8, 1.5), (0.18, 0.06, 0.18)), WHITE, 0.6),
        solid(ellipsoid((-0.95, 0.87, 1.5), (0.06, 0.06, 0.06)), (0.85, 0.15, 0.1), 0.6),
        solid(ellipsoid((-0.84, 0.87, 1.46), (0.06, 0.06, 0.06)), (0.9, 0.6, 0.1), 0.6),
    ]
    return Scene(
        tuple(solids),
        (0.9, 1.6, -0.3),
        (-0.2, 0.95, 3.0),
        1.4,
        (0.3, 0.8, -0.7),
        (0.5, 0.48, 0.44),
        (0.5, 0.5, 0.5),
        ((0, 2.2, 1.6),),
    )


def corridor(rng: Rng) -> Scene:
    """A long corridor with doors on both sides and lights along the ceiling."""
    solids = shell(
        2.0, 16, 2.5, tiles((0.62, 0.64, 0.66), (0.45, 0.46, 0.48), 0.5, (0, 2)), (0.84, 0.84, 0.78)
    )
    for number in range(5):
        z = 2.2 + 2.9 * number
        for side in (-1, 1):
            solids.append(solid(box((side * 1.0, 1.03, z), (0.05, 1.06, 0.52)), WHITE))
            solids.append(
                solid(box((side * 0.98, 1.0, z), (0.05, 1.0, 0.45)), wood((0.5, 0.32, 0.18), 1), 0.15)
            )
            solids.append(
                solid(rod((side * 0.9, 1.0, z - 0.36), (side * 0.9, 1.0, z - 0.26), 0.015), STEEL, 0.8)
            )
        solids.append(solid(box((0, 2.49, z - 0.6), (0.22, 0.03, 0.55)), (1.0, 0.98, 0.92), 0, 1.0))
    solids += window(0, 1.4, 15.99, 0.6, 0.75)
    lamps = tuple((0.0, 2.3, 1.0 + 4 * i) for i in range(4))
    return Scene(
        tuple(solids), (0.15, 1.55, -0.7), (0, 1.2, 8), 1.4, (0, 1, 0), (0, 0, 0), (0.36, 0.37, 0.4), lamps
    )


def library(rng: Rng) -> Scene:
    """Bookcases on two sides, a reading table with a lamp."""
    solids = [
        *shell(5.0, 4.2, 3.0, wood((0.45, 0.28, 0.16), 2), (0.66, 0.6, 0.5)),
        *bookcase(-1.55, 3.8, 0.8, 2.5, rng),
        *bookcase(0.1, 3.8, 0.8, 2.5, rng),
        *bookcase(1.75, 3.8, 0.8, 2.5, rng),
        *table(0.2, 2.2, (0.8, 0.4), 0.75, (0.42, 0.24, 0.13)),
        *lamp(0.75, 2.25, 0.75, 0.4),
        *chair(-0.2, 1.65, np.pi + 0.3, (0.42, 0.24, 0.13)),
        *chair(0.6, 1.5, np.pi - 0.2, (0.42, 0.24, 0.13)),
        solid(box((-0.1, 0.775, 2.15), (0.16, 0.02, 0.11), 0.005, 0.3), (0.9, 0.88, 0.8)),
        solid(box((0.3, 0.8, 2.3), (0.12, 0.05, 0.09), 0.005, -0.2), (0.5, 0.12, 0.1)),
    ]
    return Scene(
        tuple(solids),
        (-0.7, 1.55, -0.6),
        (0.15, 1.1, 3.2),
        1.4,
        (0.2, 0.8, -0.7),
        (0.4, 0.36, 0.3),
        (0.4, 0.38, 0.35),
        ((0.75, 1.35, 2.0), (-1.0, 2.7, 1.5)),
    )


def dining_room(rng: Rng) -> Scene:
    """A table with four chairs under a round lamp."""
    solids = [
        *shell(4.8, 4.6, 2.6, wood((0.5, 0.34, 0.2), 0), (0.86, 0.8, 0.68)),
        *table(0, 2.6, (0.85, 0.5), 0.75),
        *chair(-0.42, 3.3, 0.0),
        *chair(0.42, 3.3, 0.05),
        *chair(-0.42, 1.95, np.pi - 0.1),
        *chair(0.45, 1.85, np.pi + 0.25),
        *globe_light(0, 1.75, 2.6),
        *window(-1.2, 1.6, 4.59, 0.55, 0.6),
        *picture(1.1, 1.6, 4.58, (0.4, 0.3)),
        solid(drum((0.05, 0.86, 2.6), 0.06, 0.11, taper=0.2), (0.3, 0.5, 0.65), 0.7),
        solid(drum((-0.42, 0.765, 2.45), 0.13, 0.008), WHITE, 0.5),
        solid(drum((0.45, 0.765, 2.4), 0.13, 0.008), WHITE, 0.5),
    ]
    return Scene(
        tuple(solids),
        (1.7, 1.65, -0.3),
        (-0.1, 0.8, 2.9),
        1.4,
        (-0.3, 0.8, -0.7),
        (0.5, 0.46, 0.4),
        (0.45, 0.44, 0.42),
        ((0, 2.1, 2.3),),
    )


def staircase(rng: Rng) -> Scene:
    """Wooden stairs that go up along a wall, with a rail."""
    solids = shell(3.4, 5.2, 4.6, tiles((0.7, 0.66, 0.6), (0.5, 0.48, 0.45), 0.4, (0, 2)), (0.82, 0.8, 0.76))
    for number in range(12):
        rise, z = 0.18 * (number + 1), 1.7 + 0.27 * number
        solids.append(solid(box((0.55, rise / 2, z), (0.65, rise / 2, 0.14), 0.008), WHITE))
        solids.append(solid(box((0.55, rise, z - 0.02), (0.67, 0.02, 0.16), 0.008), wood(OAK), 0.2))
        if number % 2 == 0:
            solids.append(solid(rod((-0.08, rise, z), (-0.08, rise + 0.9, z), 0.015), DARK, 0.3))
    solids.append(solid(rod((-0.08, 1.08, 1.7), (-0.08, 3.0, 4.67), 0.03), wood(OAK, 2), 0.3))
    solids += picture(-0.95, 1.7, 5.18, (0.35, 0.45))
    solids += plant(-1.2, 4.5, 0, 1.3, rng)
    return Scene(
        tuple(solids),
        (-0.75, 1.6, -0.7),
        (0.2, 1.25, 3.2),
        1.4,
        (-0.6, 0.8, -0.5),
        (0.6, 0.58, 0.52),
        (0.45, 0.45, 0.46),
        ((-0.3, 3.9, 2.0),),
    )


ROOMS: dict[str, Callable[[Rng], Scene]] = {
    "living-room": living_room,
    "office": office,
    "bedroom": bedroom,
    "kitchen": kitchen,
    "corridor": corridor,
    "library": library,
    "dining-room": dining_room,
    "staircase": staircase,
}
