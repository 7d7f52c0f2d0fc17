"""Furniture as boxes and cylinders, with the proportions of the real things (metres), and empty rooms to
put it in.
"""

from __future__ import annotations

import numpy as np

from training.render import Rng, Scene


def room(
    name: str, rng: Rng, w: tuple[float, float], d: tuple[float, float], h: tuple[float, float] = (2.3, 2.9)
) -> Scene:
    return Scene(name, float(rng.uniform(*w)), float(rng.uniform(*d)), float(rng.uniform(*h)))


def clutter(s: Scene, rng: Rng, most: int = 4) -> None:
    """Boxes and bins on the floor, near the walls."""
    for _ in range(int(rng.integers(0, most + 1))):
        x = float(rng.choice([rng.uniform(0.1, 0.6), s.width - rng.uniform(0.1, 0.6)]))
        w, d, h = (float(size) for size in rng.uniform(0.15, 0.6, 3))
        turn, is_round = float(rng.uniform(0, 3)), bool(rng.random() < 0.3)
        s.box(x, float(rng.uniform(0.5, s.deep)), 0, w, d, h, turn, is_round)


def table(s: Scene, x: float, y: float, w: float, d: float, yaw: float = 0.0, h: float = 0.74) -> None:
    """A top on four legs."""
    s.things.add("table")
    s.box(x, y, h - 0.04, w, d, 0.04, yaw)
    for i in (-1, 1):
        for j in (-1, 1):
            px, py = s.turned(x, y, yaw, i * (w / 2 - 0.05), j * (d / 2 - 0.05))
            s.box(px, py, 0, 0.06, 0.06, h - 0.04, yaw)


def chair(s: Scene, x: float, y: float, yaw: float = 0.0) -> None:
    """Seat, back (towards +y before turning) and legs."""
    s.things.add("chair")
    s.box(x, y, 0.42, 0.44, 0.44, 0.05, yaw)
    px, py = s.turned(x, y, yaw, 0, 0.2)
    s.box(px, py, 0.47, 0.42, 0.05, 0.42, yaw)
    s.box(x, y, 0, 0.07, 0.07, 0.42, yaw, True)


def sofa(s: Scene, x: float, y: float, w: float, yaw: float = 0.0) -> None:
    """Seat, back and two arms."""
    s.things.add("sofa")
    s.box(x, y, 0, w, 0.85, 0.42, yaw)
    for dx, dy, bw, bd, h in (
        (0, 0.35, w, 0.2, 0.85),
        (-w / 2, 0, 0.18, 0.85, 0.6),
        (w / 2, 0, 0.18, 0.85, 0.6),
    ):
        px, py = s.turned(x, y, yaw, dx, dy)
        s.box(px, py, 0, bw, bd, h, yaw)


def shelf(s: Scene, x: float, y: float, w: float, h: float, yaw: float, rng: Rng, books: bool = True) -> None:
    """Boards with (perhaps) uneven rows of books that stick out by different amounts."""
    s.things.add("bookshelf" if books else "shelf")
    s.box(x, y, 0, w, 0.12, h, yaw)
    for level in np.arange(0.05, h, 0.36):
        px, py = s.turned(x, y, yaw, 0, -0.1)
        s.box(px, py, float(level), w, 0.3, 0.03, yaw)
        for _ in range(int(3 * w) if books else 1):
            qx, qy = s.turned(x, y, yaw, float(rng.uniform(-w / 2, w / 2)), -0.08)
            s.box(
                qx,
                qy,
                float(level),
                float(rng.uniform(0.1, 0.4)),
                float(rng.uniform(0.15, 0.25)),
                float(rng.uniform(0.15, 0.3)),
                yaw,
            )


def desk(s: Scene, x: float, y: float, yaw: float, rng: Rng, screen: float = 0.8, seat: float = 0.9) -> None:
    """A desk whose user sits at -y before turning, perhaps with a screen and a chair."""
    table(s, x, y, float(rng.uniform(1.0, 1.6)), 0.7, yaw)
    s.things.discard("table")
    s.things.add("desk")
    if rng.random() < screen:
        px, py = s.turned(x, y, yaw, float(rng.uniform(-0.2, 0.2)), 0.15)
        s.box(px, py, 0.84, 0.52, 0.05, 0.32, yaw)
        s.box(px, py, 0.74, 0.15, 0.1, 0.12, yaw)
        s.things.add("computer monitor")
    if rng.random() < seat:
        px, py = s.turned(x, y, yaw, 0, -0.5)
        chair(s, px, py, yaw + np.pi + float(rng.uniform(-0.4, 0.4)))


def counters(s: Scene, rng: Rng, uppers: float = 0.8) -> None:
    """Kitchen cupboards along one or two walls, wall units above, a fridge at the end."""
    s.things |= {"kitchen counter", "cabinets"}
    s.box(s.width / 2, s.deep - 0.3, 0, s.width, 0.6, 0.9)
    if rng.random() < uppers:
        s.box(s.width / 2, s.deep - 0.17, 1.45, s.width * float(rng.uniform(0.5, 1)), 0.34, 0.7)
    if rng.random() < 0.6:
        side = 0.3 if rng.random() < 0.5 else s.width - 0.3
        s.box(side, s.deep / 2 + 0.3, 0, 0.6, s.deep * 0.7, 0.9)
        if rng.random() < uppers:
            s.box(0.17 if side < 1 else s.width - 0.17, s.deep / 2, 1.45, 0.34, s.deep * 0.6, 0.7)
    if rng.random() < 0.7:
        s.box(
            float(rng.choice([0.35, s.width - 0.35])),
            s.deep - 0.35,
            0,
            0.7,
            0.7,
            float(rng.uniform(1.5, 1.9)),
        )
        s.things.add("refrigerator")
    for _ in range(int(rng.integers(1, 5))):
        s.box(
            float(rng.uniform(0.3, s.width - 0.3)),
            s.deep - 0.3,
            0.9,
            0.2,
            0.2,
            float(rng.uniform(0.1, 0.4)),
            0,
            True,
        )


def ring(s: Scene, x: float, y: float, w: float, d: float, rng: Rng, miss: float = 0.2) -> None:
    """A table with chairs on all sides."""
    table(s, x, y, w, d)
    for i in range(max(1, int(w / 0.65))):
        px = x - w / 2 + (i + 0.5) * w / max(1, int(w / 0.65))
        for sign in (-1, 1):
            if rng.random() > miss:
                turn = (0.0 if sign > 0 else np.pi) + float(rng.uniform(-0.3, 0.3))
                chair(s, px, y + sign * (d / 2 + float(rng.uniform(0.05, 0.4))), turn)
    for sign in (-1, 1):
        if rng.random() > 0.5:
            chair(s, x + sign * (w / 2 + 0.25), y, -sign * np.pi / 2)
