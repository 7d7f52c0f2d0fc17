"""Recipes of larger rooms: classrooms, offices, libraries, cafes, corridors. See `rooms` for homes and the
list.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.furniture import chair, clutter, desk, ring, room, shelf, sofa, table
from training.render import Rng, Scene


def _rows(s: Scene, rng: Rng, pitch: float, make: Callable[[float, float], None]) -> None:
    for y in np.arange(1.2, s.deep - 1.2, pitch):
        for x in np.arange(0.8, s.width - 0.6, float(rng.uniform(1.2, 1.7))):
            if rng.random() < 0.92:
                make(float(x), float(y))


def classroom(rng: Rng) -> Scene:
    """Rows of small tables, each with a chair; a board."""
    s = room("classroom", rng, (5.0, 9.0), (5.5, 9.5), (2.6, 3.3))
    turn = float(rng.choice([0, np.pi]))

    def seat(x: float, y: float) -> None:
        table(s, x, y, 1.1, 0.5, turn)
        chair(s, x + float(rng.uniform(-0.2, 0.2)), y - 0.5 if turn == 0 else y + 0.5, turn + np.pi)

    _rows(s, rng, 1.35, seat)
    s.box(s.width / 2, s.deep - 0.04, 0.9, 3.0, 0.06, 1.2)
    s.things |= {"desk", "whiteboard"}
    return s


def computer_lab(rng: Rng) -> Scene:
    """Rows of desks, a screen on every one."""
    s = room("computer lab", rng, (4.5, 8.0), (5.0, 9.0))
    turn = float(rng.choice([0, np.pi]))
    _rows(s, rng, 1.7, lambda x, y: desk(s, x, y, turn, rng, 1.0, 0.85))
    return s


def conference_room(rng: Rng) -> Scene:
    """One long table, chairs all along it, a screen on the wall."""
    s = room("conference room", rng, (3.6, 6.0), (5.0, 9.0))
    length = s.deep - float(rng.uniform(2.0, 3.2))
    width = float(rng.uniform(1.1, 1.6))
    table(s, s.width / 2, s.deep / 2 + 0.3, width, length)
    for y in np.arange(s.deep / 2 + 0.6 - length / 2, s.deep / 2 + length / 2, 0.75):
        for sign in (-1, 1):
            chair(
                s,
                s.width / 2 + sign * (width / 2 + 0.25),
                float(y),
                -sign * np.pi / 2 + float(rng.uniform(-0.3, 0.3)),
            )
    s.box(s.width / 2, s.deep - 0.04, 1.0, 1.8, 0.08, 1.1)
    s.things |= {"meeting table", "chair"}
    return s


def lecture_theatre(rng: Rng) -> Scene:
    """Rows of seats that rise, or fall, away from the camera."""
    s = room("lecture theatre", rng, (7.0, 13.0), (8.0, 14.0), (3.5, 6.0))
    up = float(rng.choice([0.0, 0.12, 0.25]))
    for row, y in enumerate(np.arange(2.0, s.deep - 0.6, 0.95)):
        s.box(s.width / 2, float(y), 0, s.width * 0.8, 0.95, up * row + 0.02)
        s.box(s.width / 2, float(y) - 0.3, up * row, s.width * 0.8, 0.3, 0.75)
        for x in np.arange(s.width * 0.12, s.width * 0.88, 0.6):
            s.box(float(x), float(y) + 0.1, up * row, 0.45, 0.12, 0.9)
    s.things |= {"row of seats", "desk"}
    return s


def corridor(rng: Rng) -> Scene:
    """Long and narrow; door frames, a thing or two at the walls."""
    s = room("corridor", rng, (1.2, 2.6), (6.0, 18.0))
    for y in np.arange(1.5, s.deep - 1, float(rng.uniform(1.8, 3.5))):
        for x in (0.02, s.width - 0.02):
            if rng.random() < 0.6:
                s.box(x, float(y), 0, 0.12, 0.1, 2.1)
                s.box(x, float(y) + 0.95, 0, 0.12, 0.1, 2.1)
    s.things.add("door")
    clutter(s, rng, 2)
    return s


def _aisles(s: Scene, rng: Rng, height: tuple[float, float]) -> None:
    along = rng.random() < 0.6
    shelf(s, s.width / 2, s.deep - 0.07, s.width * 0.9, float(rng.uniform(*height)), 0, rng)
    for x in np.arange(0.1, s.width, float(rng.uniform(1.5, 2.2))):
        h = float(rng.uniform(*height))
        if along:
            for yaw in (np.pi / 2, -np.pi / 2):
                shelf(s, float(x), s.deep * 0.6, s.deep * 0.6, h, yaw, rng)
    if not along:
        for x, yaw in ((0.07, np.pi / 2), (s.width - 0.07, -np.pi / 2)):
            shelf(s, x, s.deep * 0.55, s.deep * 0.8, float(rng.uniform(*height)), yaw, rng)


def library(rng: Rng) -> Scene:
    """Tall shelves in aisles; reading tables."""
    s = room("library", rng, (4.0, 8.0), (5.0, 10.0), (2.6, 3.6))
    _aisles(s, rng, (1.8, 2.3))
    if rng.random() < 0.6:
        ring(s, s.width / 2, 2.2, 1.5, 0.9, rng)
    return s


def bookstore(rng: Rng) -> Scene:
    """Shelves around, low tables piled with books between."""
    s = room("bookstore", rng, (4.0, 8.0), (5.0, 9.0), (2.6, 3.4))
    _aisles(s, rng, (1.2, 2.2))
    s.things |= {"books", "display table"}
    for _ in range(int(rng.integers(2, 5))):
        x, y = float(rng.uniform(1, s.width - 1)), float(rng.uniform(1.8, s.deep - 1))
        s.box(x, y, 0, 1.0, 0.8, 0.75)
        for _ in range(6):
            s.box(
                x + float(rng.uniform(-0.4, 0.4)),
                y + float(rng.uniform(-0.3, 0.3)),
                0.75,
                0.2,
                0.15,
                float(rng.uniform(0.05, 0.3)),
            )
    return s


def cafe(rng: Rng) -> Scene:
    """Small tables scattered, two to four chairs at each, a bar."""
    s = room("cafe", rng, (4.5, 9.0), (5.0, 9.0), (2.6, 3.6))
    for y in np.arange(1.6, s.deep - 1.2, 1.7):
        for x in np.arange(1.0, s.width - 0.8, 1.9):
            if rng.random() < 0.8:
                ring(s, float(x + rng.uniform(-0.2, 0.2)), float(y), 0.7, 0.7, rng, 0.3)
    if rng.random() < 0.6:
        s.box(s.width / 2, s.deep - 0.9, 0, s.width * 0.6, 0.6, 1.1)
        s.things.add("counter")
    return s


def furniture_store(rng: Rng) -> Scene:
    """A hall full of sofas, beds, tables and cupboards at all angles."""
    s = room("furniture store", rng, (6.0, 11.0), (7.0, 13.0), (2.8, 4.5))
    s.things |= {"sofas", "furniture"}
    for y in np.arange(1.8, s.deep - 0.8, 1.9):
        for x in np.arange(1.0, s.width - 0.8, 2.2):
            kind, yaw = (
                rng.integers(0, 5),
                float(rng.choice([0, np.pi / 2, np.pi, -np.pi / 2])) + float(rng.uniform(-0.3, 0.3)),
            )
            if kind == 0:
                sofa(s, float(x), float(y), float(rng.uniform(0.9, 2.0)), yaw)
            elif kind == 1:
                s.box(float(x), float(y), 0, 1.5, 1.9, 0.55, yaw)
            elif kind == 2:
                ring(s, float(x), float(y), 1.2, 0.8, rng)
            elif kind == 3:
                s.box(float(x), float(y), 0, 1.0, 0.5, float(rng.uniform(0.7, 1.9)), yaw)
            else:
                chair(s, float(x), float(y), yaw)
    return s


def rest_space(rng: Rng) -> Scene:
    """A lobby: sofas and low tables, far apart."""
    s = room("rest space", rng, (4.5, 9.0), (5.0, 10.0), (2.6, 4.0))
    for y in np.arange(2.0, s.deep - 0.8, 2.4):
        for x in np.arange(1.2, s.width - 0.8, 2.8):
            if rng.random() < 0.75:
                sofa(
                    s,
                    float(x),
                    float(y),
                    float(rng.uniform(0.8, 2.0)),
                    float(rng.choice([0, np.pi / 2, np.pi, -np.pi / 2])),
                )
            if rng.random() < 0.5:
                s.box(float(x), float(y) - 1.0, 0, 0.7, 0.7, 0.45, 0, bool(rng.random() < 0.5))
    return s


def stairs(rng: Rng) -> Scene:
    """A flight of steps that leads up and away."""
    s = room("staircase", rng, (1.4, 3.0), (4.0, 6.0), (3.0, 4.5))
    s.things.add("stairs")
    first, w = float(rng.uniform(1.2, 2.0)), float(rng.uniform(0.9, 1.4))
    for step in range(int((s.deep - first) / 0.28)):
        s.box(w / 2, first + 0.28 * step + 0.14, 0, w, 0.28, 0.17 * (step + 1))
    s.box(w + 0.03, s.deep * 0.6, 0, 0.05, s.deep * 0.7, 1.0)
    return s


def empty_room(rng: Rng) -> Scene:
    """Walls, a few boxes."""
    s = room("empty room", rng, (2.5, 6.0), (2.5, 6.0))
    clutter(s, rng, 3)
    return s
