"""Recipes of rooms: what stands where in a bedroom, a corridor, a lecture theatre... See `render` for the camera."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anyseek.embedders.mini.train.render import Rng, Scene, chair, counters, desk, ring, shelf, sofa, table


def _room(
    name: str, rng: Rng, w: tuple[float, float], d: tuple[float, float], h: tuple[float, float] = (2.3, 2.9)
) -> Scene:
    return Scene(name, float(rng.uniform(*w)), float(rng.uniform(*d)), float(rng.uniform(*h)))


def _clutter(s: Scene, rng: Rng, most: int = 4) -> None:
    """Boxes and bins on the floor, near the walls."""
    for _ in range(int(rng.integers(0, most + 1))):
        x = float(rng.choice([rng.uniform(0.1, 0.6), s.width - rng.uniform(0.1, 0.6)]))
        size = rng.uniform(0.15, 0.6, 3)
        s.box(
            x,
            float(rng.uniform(0.5, s.deep)),
            0,
            *(float(v) for v in size),
            float(rng.uniform(0, 3)),
            bool(rng.random() < 0.3),
        )


def bedroom(rng: Rng) -> Scene:
    """A bed with its head at a wall, pillows, bedside tables, a wardrobe."""
    s = _room("bedroom", rng, (2.7, 4.5), (3.0, 4.8))
    w, x, h = (
        float(rng.choice([0.95, 1.5, 1.8])),
        float(rng.uniform(0.35, 0.65)) * s.width,
        float(rng.uniform(0.4, 0.65)),
    )
    s.things |= {"bed", "pillow"}
    if rng.random() < 0.7:
        s.box(x, s.deep - 1.05, 0, w, 2.0, h)
        s.box(x, s.deep - 0.05, 0, w + 0.1, 0.1, float(rng.uniform(0.8, 1.4)))
        for dx in (-w / 4, w / 4):
            s.box(x + dx, s.deep - 0.35, h, w / 2.3, 0.4, 0.14)
        for dx in (-w / 2 - 0.3, w / 2 + 0.3):
            if rng.random() < 0.7:
                s.box(x + dx, s.deep - 0.25, 0, 0.45, 0.4, 0.5)
                s.box(x + dx, s.deep - 0.25, 0.5, 0.25, 0.25, 0.4, 0, True)
    else:
        s.box(w / 2 + 0.1 if rng.random() < 0.5 else s.width - w / 2 - 0.1, s.deep - 1.2, 0, w, 2.0, h)
    if rng.random() < 0.6:
        s.box(
            float(rng.choice([0.3, s.width - 0.3])),
            float(rng.uniform(1.2, 2.2)),
            0,
            0.6,
            1.2,
            float(rng.choice([0.9, 2.0])),
        )
    _clutter(s, rng)
    return s


def bathroom(rng: Rng) -> Scene:
    """Small: toilet, basin with a mirror cupboard, bath tub or shower wall."""
    s = _room("bathroom", rng, (1.5, 2.6), (2.1, 3.2))
    left = rng.random() < 0.5
    x = 0.4 if left else s.width - 0.4
    s.things |= {"toilet", "sink"}
    s.box(x, s.deep - 0.35, 0, 0.38, 0.55, 0.42, 0, True)
    s.box(x, s.deep - 0.12, 0.4, 0.42, 0.2, 0.4)
    y = float(rng.uniform(0.9, s.deep - 1.1))
    s.box(x, y, 0 if rng.random() < 0.6 else 0.65, 0.55, float(rng.uniform(0.5, 1.1)), 0.85)
    s.box(0.08 if left else s.width - 0.08, y, 1.2, 0.15, 0.6, 0.7)
    if rng.random() < 0.7:
        other = s.width - 0.36 if left else 0.36
        s.box(other, s.deep / 2 + 0.3, 0, 0.07, s.deep * 0.6, 0.55)
        s.things.add("bath tub")
        if rng.random() < 0.5:
            s.box(other, s.deep / 2 + 0.3, 0.55, 0.03, s.deep * 0.3, 1.4)
    return s


def kitchen(rng: Rng) -> Scene:
    """Counters, wall cupboards, a fridge, perhaps a table or an island."""
    s = _room("kitchen", rng, (2.0, 4.2), (2.2, 4.5))
    counters(s, rng)
    if s.width > 3 and rng.random() < 0.4:
        ring(s, s.width / 2, s.deep / 2 - 0.5, 1.1, 0.8, rng, 0.4)
    elif s.width > 2.8 and rng.random() < 0.4:
        s.box(s.width / 2, s.deep - 1.8, 0, 1.4, 0.7, 0.92)
    return s


def living_room(rng: Rng) -> Scene:
    """Sofas around a low table, a television, lamps, a shelf."""
    s = _room("living room", rng, (3.5, 6.5), (3.8, 6.5))
    sofa(s, s.width / 2, s.deep - 0.5, float(rng.uniform(1.6, 2.6)))
    s.box(s.width / 2, s.deep - 1.7, 0, float(rng.uniform(0.7, 1.3)), 0.6, 0.42, 0, bool(rng.random() < 0.3))
    s.things |= {"coffee table", "lamp"}
    for side, yaw in ((0.6, np.pi / 2), (s.width - 0.6, -np.pi / 2)):
        if rng.random() < 0.6:
            sofa(s, side, s.deep - float(rng.uniform(1.4, 2.4)), float(rng.uniform(0.9, 2.0)), yaw)
    if rng.random() < 0.5:
        s.box(float(rng.choice([0.3, s.width - 0.3])), s.deep - 0.3, 0, 0.25, 0.25, 1.5, 0, True)
    if rng.random() < 0.5:
        s.box(s.width / 2, 0.6, 0.0, 1.3, 0.4, 0.5)
        s.box(s.width / 2, 0.6, 0.5, 1.1, 0.06, 0.65)
        s.things.add("television")
    if rng.random() < 0.4:
        shelf(s, float(rng.uniform(0.6, s.width - 0.6)), s.deep - 0.07, 1.2, 1.9, 0, rng)
    _clutter(s, rng, 2)
    return s


def dining_room(rng: Rng) -> Scene:
    """One table with chairs in the middle."""
    s = _room("dining room", rng, (3.0, 5.0), (3.2, 5.5))
    ring(
        s,
        s.width / 2,
        s.deep * float(rng.uniform(0.5, 0.65)),
        float(rng.uniform(1.1, 2.1)),
        float(rng.uniform(0.8, 1.1)),
        rng,
        0.1,
    )
    s.things |= {"dining table", "chair"}
    if rng.random() < 0.5:
        s.box(s.width / 2, s.deep - 0.25, 0, 1.5, 0.45, float(rng.choice([0.9, 1.9])))
    if rng.random() < 0.5:
        s.box(s.width / 2, s.deep * 0.58, 1.6, 0.5, 0.5, 0.3, 0, True)
    return s


def office(rng: Rng) -> Scene:
    """Several desks, partitions, cupboards."""
    s = _room("office", rng, (3.0, 7.0), (3.5, 8.0))
    for y in np.arange(1.8, s.deep - 0.3, 1.9):
        for x in np.arange(0.9, s.width - 0.5, 1.8):
            if rng.random() < 0.7:
                desk(s, float(x), float(y), float(rng.choice([0, np.pi / 2, np.pi, -np.pi / 2])), rng)
            if rng.random() < 0.3:
                s.box(float(x), float(y) + 0.45, 0, 1.7, 0.05, 1.3)
    shelf(
        s, float(rng.uniform(0.6, s.width - 0.6)), s.deep - 0.07, 1.0, 1.9, 0, rng, bool(rng.random() < 0.5)
    )
    _clutter(s, rng)
    return s


def home_office(rng: Rng) -> Scene:
    """One desk at a wall of a small room, a shelf, things about."""
    s = _room("home office", rng, (2.2, 3.6), (2.4, 3.8))
    desk(s, float(rng.uniform(0.8, s.width - 0.8)), s.deep - 0.4, 0, rng, 1.0, 0.95)
    if rng.random() < 0.7:
        shelf(
            s,
            float(rng.choice([0.07, s.width - 0.07])),
            s.deep * 0.6,
            1.0,
            1.9,
            float(rng.choice([np.pi / 2, -np.pi / 2])),
            rng,
        )
    _clutter(s, rng, 5)
    return s


def _rows(s: Scene, rng: Rng, pitch: float, make: Callable[[float, float], None]) -> None:
    for y in np.arange(1.2, s.deep - 1.2, pitch):
        for x in np.arange(0.8, s.width - 0.6, float(rng.uniform(1.2, 1.7))):
            if rng.random() < 0.92:
                make(float(x), float(y))


def classroom(rng: Rng) -> Scene:
    """Rows of small tables, each with a chair; a board."""
    s = _room("classroom", rng, (5.0, 9.0), (5.5, 9.5), (2.6, 3.3))
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
    s = _room("computer lab", rng, (4.5, 8.0), (5.0, 9.0))
    turn = float(rng.choice([0, np.pi]))
    _rows(s, rng, 1.7, lambda x, y: desk(s, x, y, turn, rng, 1.0, 0.85))
    return s


def conference_room(rng: Rng) -> Scene:
    """One long table, chairs all along it, a screen on the wall."""
    s = _room("conference room", rng, (3.6, 6.0), (5.0, 9.0))
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
    s = _room("lecture theatre", rng, (7.0, 13.0), (8.0, 14.0), (3.5, 6.0))
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
    s = _room("corridor", rng, (1.2, 2.6), (6.0, 18.0))
    for y in np.arange(1.5, s.deep - 1, float(rng.uniform(1.8, 3.5))):
        for x in (0.02, s.width - 0.02):
            if rng.random() < 0.6:
                s.box(x, float(y), 0, 0.12, 0.1, 2.1)
                s.box(x, float(y) + 0.95, 0, 0.12, 0.1, 2.1)
    s.things.add("door")
    _clutter(s, rng, 2)
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
    s = _room("library", rng, (4.0, 8.0), (5.0, 10.0), (2.6, 3.6))
    _aisles(s, rng, (1.8, 2.3))
    if rng.random() < 0.6:
        ring(s, s.width / 2, 2.2, 1.5, 0.9, rng)
    return s


def bookstore(rng: Rng) -> Scene:
    """Shelves around, low tables piled with books between."""
    s = _room("bookstore", rng, (4.0, 8.0), (5.0, 9.0), (2.6, 3.4))
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
    s = _room("cafe", rng, (4.5, 9.0), (5.0, 9.0), (2.6, 3.6))
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
    s = _room("furniture store", rng, (6.0, 11.0), (7.0, 13.0), (2.8, 4.5))
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
    s = _room("rest space", rng, (4.5, 9.0), (5.0, 10.0), (2.6, 4.0))
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
    s = _room("staircase", rng, (1.4, 3.0), (4.0, 6.0), (3.0, 4.5))
    s.things.add("stairs")
    first, w = float(rng.uniform(1.2, 2.0)), float(rng.uniform(0.9, 1.4))
    for step in range(int((s.deep - first) / 0.28)):
        s.box(w / 2, first + 0.28 * step + 0.14, 0, w, 0.28, 0.17 * (step + 1))
    s.box(w + 0.03, s.deep * 0.6, 0, 0.05, s.deep * 0.7, 1.0)
    return s


def empty_room(rng: Rng) -> Scene:
    """Walls, a few boxes."""
    s = _room("empty room", rng, (2.5, 6.0), (2.5, 6.0))
    _clutter(s, rng, 3)
    return s


ROOMS: tuple[Callable[[Rng], Scene], ...] = (
    bedroom,
    bathroom,
    kitchen,
    living_room,
    dining_room,
    office,
    home_office,
    classroom,
    computer_lab,
    conference_room,
    lecture_theatre,
    corridor,
    library,
    bookstore,
    cafe,
    furniture_store,
    rest_space,
    stairs,
    empty_room,
)
WORDS: dict[str, tuple[str, ...]] = {
    "conference room": ("conference room", "meeting room", "discussion area"),
    "corridor": ("corridor", "hallway"),
    "rest space": ("rest space", "lobby", "reception room"),
    "dining room": ("dining room", "dining area"),
    "computer lab": ("computer lab", "computer room"),
    "office": ("office", "study space"),
    "home office": ("home office", "study"),
    "lecture theatre": ("lecture theatre", "lecture hall"),
}
"""Other words for the same kind of room; one is drawn each time."""
