"""A dog, a sailing boat, a bowl of fruit; and `OBJECTS`, all scenes that are not rooms."""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from furniture import OAK, WHITE, shell, window
from outdoors import BLUE_SKY, GRASS, car, helicopter, street, trees
from paint import Colour
from raymarch import Array, Scene, Shape, Solid, Vector
from solids import (
    ball,
    bounded,
    box,
    carve,
    drum,
    ellipsoid,
    hashed,
    melt,
    plane,
    ring,
    rod,
    rough,
    solid,
    speckled,
    wood,
)

Rng = np.random.Generator


def fur(colour: Colour, patch: Colour) -> Callable[[Array], Array]:
    """Hair in one colour with patches of another."""

    def texture(points: Array) -> Array:
        p = points * 7
        spots = np.sin(p[0] + 1.7 * np.sin(p[1])) * np.sin(p[2] * 1.3 + p[1]) > 0.25
        hair = 0.8 + 0.35 * hashed(np.floor(points * np.array([[160], [60], [160]])))
        first, second = np.array(colour)[:, None], np.array(patch)[:, None]
        return (np.where(spots, second, first) * hair).astype(np.float32)

    return texture


def dog(rng: Rng) -> Scene:
    """A brown and white dog that stands on a meadow, tongue out."""
    body = [
        ellipsoid((0, 0.52, 0.1), (0.17, 0.17, 0.3)),
        ellipsoid((0.02, 0.52, -0.14), (0.165, 0.19, 0.16)),
        rod((0, 0.6, -0.2), (0.02, 0.78, -0.36), 0.11, 0.1),
        ball((0.02, 0.82, -0.4), 0.13),
        rod((0.02, 0.79, -0.48), (0.02, 0.765, -0.62), 0.075, 0.05),
        rod((0, 0.6, 0.36), (-0.05, 0.86, 0.54), 0.045, 0.02),
    ]
    for x in (-0.1, 0.1):
        body.append(rod((x, 0.46, -0.2), (x, 0.05, -0.22), 0.065, 0.045))
        body.append(ellipsoid((x, 0.035, -0.25), (0.05, 0.035, 0.07)))
        body.append(rod((x, 0.48, 0.28), (x * 1.1, 0.26, 0.34), 0.1, 0.055))
        body.append(rod((x * 1.1, 0.26, 0.34), (x * 1.1, 0.05, 0.3), 0.05, 0.042))
        body.append(ellipsoid((x * 1.1, 0.035, 0.27), (0.05, 0.035, 0.07)))
    ears = [ellipsoid((0.02 + side * 0.125, 0.8, -0.38), (0.035, 0.12, 0.075)) for side in (-1, 1)]
    eyes = [ball((0.02 + side * 0.058, 0.855, -0.508), 0.02) for side in (-1, 1)]
    solids = [
        solid(plane(1, 0.0), GRASS),
        *turf(rng),
        solid(melt(body, 0.07), fur((0.6, 0.36, 0.16), (0.88, 0.84, 0.76))),
        *(solid(ear, fur((0.34, 0.18, 0.08), (0.4, 0.22, 0.1))) for ear in ears),
        *(solid(eye, (0.03, 0.02, 0.02), 0.9) for eye in eyes),
        solid(ellipsoid((0.02, 0.785, -0.67), (0.032, 0.025, 0.025)), (0.03, 0.03, 0.03), 0.7),
        solid(ellipsoid((0.03, 0.7, -0.62), (0.028, 0.06, 0.012)), (0.85, 0.3, 0.35), 0.3),
        solid(ring((0.01, 0.68, -0.27), 0.115, 0.018), (0.75, 0.1, 0.1), 0.3),
        *trees(rng, 9, 7.0, 12.0),
    ]
    return Scene(
        tuple(solids), (1.05, 0.85, -1.75), (0.0, 0.5, -0.1), 2.3, (0.5, 0.8, -0.6), sky=BLUE_SKY, haze_m=50
    )


def turf(rng: Rng) -> list[Solid]:
    """Blades of grass that stick out of the ground, near the viewer."""
    blades = []
    for _ in range(30):
        x, z, tall = rng.uniform(-1.2, 1.2), rng.uniform(-1.0, 0.8), rng.uniform(0.05, 0.14)
        blades.append(rod((x, 0, z), (x + rng.uniform(-0.05, 0.05), tall, z), 0.008, 0.002))
    return [solid(melt(blades, 0.001), (0.35, 0.55, 0.16))]


def swell(points: Array) -> Array:
    """Metres above a sea with waves (a bound)."""
    waves = 0.05 * np.sin(points[0] * 2.1 + points[2] * 1.2) + 0.03 * np.sin(
        points[2] * 4.3 - points[0] * 1.7
    )
    fine = 0.012 * np.sin(points[0] * 11 + 3 * np.sin(points[2] * 3)) * np.sin(points[2] * 13)
    return 0.75 * (points[1] - waves - fine)


def sailing_boat(rng: Rng) -> Scene:
    """A boat with two white sails on the sea."""
    hull = carve(
        rough(ellipsoid((0, 0.35, 6), (2.3, 0.6, 0.75)), 0.0, 1.0), box((0, 1.1, 6), (4, 0.62, 2), 0.0)
    )

    def sail(points: Array, foot: float, peak: float, back: float) -> Array:
        high = ((points[1] - foot) / (peak - foot)).clip(0, 1)
        belly = 0.22 * np.sin(np.pi * high)
        edge = back * (1 - high)
        along = np.maximum(np.minimum(edge, 0) - points[0] - 0.05, points[0] - np.maximum(edge, 0) - 0.02)
        upright = np.maximum(foot - points[1], points[1] - peak)
        thin = np.abs(points[2] - 6 + belly) - 0.02
        return (0.6 * np.maximum(np.maximum(along, upright), thin)).astype(np.float32)

    def main(points: Array) -> Array:
        return sail(points, 0.85, 4.4, -1.9)

    def jib(points: Array) -> Array:
        return sail(points, 0.75, 3.6, 1.9)

    corners: tuple[Vector, Vector] = ((-2.2, 0.7, 5.5), (2.2, 4.5, 6.2))
    water = speckled((0.1, 0.3, 0.45), 0.25, 0.5)
    solids = [
        Solid(Shape(swell), water, 0.5),
        solid(hull, (0.85, 0.86, 0.88), 0.4),
        solid(box((0, 0.47, 6), (1.9, 0.02, 0.55)), wood(OAK)),
        solid(box((-0.5, 0.6, 6), (0.6, 0.14, 0.3), 0.06), WHITE),
        solid(rod((0, 0.4, 6), (0, 4.7, 6), 0.045), OAK),
        solid(rod((0, 0.85, 6), (-1.9, 0.85, 6), 0.03), OAK),
        Solid(bounded(main, *corners), (0.95, 0.94, 0.9)),
        Solid(bounded(jib, *corners), (0.93, 0.93, 0.92)),
    ]
    return Scene(
        tuple(solids), (-1.2, 1.7, -2.0), (0.1, 1.75, 6), 1.55, (-0.4, 0.7, -0.7), sky=BLUE_SKY, haze_m=45
    )


def fruit_bowl(rng: Rng) -> Scene:
    """Apples, oranges, a lemon, a banana and grapes in a bowl on a wooden table."""
    bowl = carve(drum((0, 0.09, 1.2), 0.2, 0.08, taper=0.9), drum((0, 0.13, 1.2), 0.19, 0.1, taper=0.9))
    fruit = [
        solid(
            melt([ball((-0.1, 0.2, 1.14), 0.085), ball((-0.1, 0.215, 1.14), 0.06)], 0.05),
            speckled((0.75, 0.08, 0.06), 0.25, 0.03),
            0.6,
        ),
        solid(ball((0.09, 0.2, 1.1), 0.085), speckled((0.95, 0.5, 0.06), 0.1, 0.008), 0.35),
        solid(ball((0.0, 0.27, 1.24), 0.085), speckled((0.5, 0.65, 0.15), 0.2, 0.03), 0.6),
        solid(ball((-0.12, 0.22, 1.32), 0.085), speckled((0.95, 0.52, 0.08), 0.1, 0.008), 0.35),
        solid(ellipsoid((0.15, 0.22, 1.3), (0.09, 0.06, 0.06)), speckled((0.95, 0.85, 0.2), 0.1, 0.008), 0.4),
        solid(rod((-0.1, 0.285, 1.14), (-0.09, 0.315, 1.14), 0.006), (0.25, 0.15, 0.08)),
    ]
    arc = [(-0.3 + 0.22 * np.cos(a), 0.05, 0.93 - 0.16 * np.sin(a)) for a in np.linspace(0.2, 2.7, 7)]
    banana = [
        rod((float(a[0]), a[1], float(a[2])), (float(b[0]), b[1], float(b[2])), 0.03)
        for a, b in pairwise(arc)
    ]
    grapes = [
        ball(
            (0.34 + rng.uniform(-0.07, 0.07), 0.03 + rng.uniform(0, 0.05), 1.0 + rng.uniform(-0.08, 0.08)),
            0.026,
        )
        for _ in range(22)
    ]
    solids = [
        *shell(3.5, 3.0, 2.4, wood((0.5, 0.32, 0.2), 0), (0.75, 0.7, 0.6), -1),
        solid(box((0, -0.02, 1.3), (1.0, 0.02, 0.6)), wood((0.55, 0.35, 0.2)), 0.25),
        *window(-0.9, 0.9, 2.98, 0.5, 0.5),
        solid(bowl, (0.88, 0.88, 0.84), 0.6),
        *fruit,
        solid(melt(banana, 0.02), speckled((0.95, 0.8, 0.2), 0.15, 0.02), 0.3),
        *(solid(grape, (0.3, 0.12, 0.35), 0.7) for grape in grapes),
    ]
    return Scene(
        tuple(solids),
        (0.25, 0.62, 0.05),
        (0, 0.12, 1.2),
        1.5,
        (-0.5, 0.8, -0.5),
        (0.75, 0.72, 0.68),
        (0.4, 0.4, 0.42),
    )


OBJECTS: dict[str, Callable[[Rng], Scene]] = {
    "dog": dog,
    "car": car,
    "street": street,
    "sailing-boat": sailing_boat,
    "fruit-bowl": fruit_bowl,
    "helicopter": helicopter,
}
