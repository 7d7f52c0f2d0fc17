"""Recipes of rooms: what stands where in a bedroom, a corridor, a lecture theatre... See `render` for the
camera.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.furniture import clutter, counters, desk, ring, room, shelf, sofa
from training.halls import (
    bookstore,
    cafe,
    classroom,
    computer_lab,
    conference_room,
    corridor,
    empty_room,
    furniture_store,
    lecture_theatre,
    library,
    rest_space,
    stairs,
)
from training.render import Rng, Scene


def bedroom(rng: Rng) -> Scene:
    """A bed with its head at a wall, pillows, bedside tables, a wardrobe."""
    s = room("bedroom", rng, (2.7, 4.5), (3.0, 4.8))
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
    clutter(s, rng)
    return s


def bathroom(rng: Rng) -> Scene:
    """Small: toilet, basin with a mirror cupboard, bath tub or shower wall."""
    s = room("bathroom", rng, (1.5, 2.6), (2.1, 3.2))
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
    s = room("kitchen", rng, (2.0, 4.2), (2.2, 4.5))
    counters(s, rng)
    if s.width > 3 and rng.random() < 0.4:
        ring(s, s.width / 2, s.deep / 2 - 0.5, 1.1, 0.8, rng, 0.4)
    elif s.width > 2.8 and rng.random() < 0.4:
        s.box(s.width / 2, s.deep - 1.8, 0, 1.4, 0.7, 0.92)
    return s


def living_room(rng: Rng) -> Scene:
    """Sofas around a low table, a television, lamps, a shelf."""
    s = room("living room", rng, (3.5, 6.5), (3.8, 6.5))
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
    clutter(s, rng, 2)
    return s


def dining_room(rng: Rng) -> Scene:
    """One table with chairs in the middle."""
    s = room("dining room", rng, (3.0, 5.0), (3.2, 5.5))
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
    s = room("office", rng, (3.0, 7.0), (3.5, 8.0))
    for y in np.arange(1.8, s.deep - 0.3, 1.9):
        for x in np.arange(0.9, s.width - 0.5, 1.8):
            if rng.random() < 0.7:
                desk(s, float(x), float(y), float(rng.choice([0, np.pi / 2, np.pi, -np.pi / 2])), rng)
            if rng.random() < 0.3:
                s.box(float(x), float(y) + 0.45, 0, 1.7, 0.05, 1.3)
    shelf(
        s, float(rng.uniform(0.6, s.width - 0.6)), s.deep - 0.07, 1.0, 1.9, 0, rng, bool(rng.random() < 0.5)
    )
    clutter(s, rng)
    return s


def home_office(rng: Rng) -> Scene:
    """One desk at a wall of a small room, a shelf, things about."""
    s = room("home office", rng, (2.2, 3.6), (2.4, 3.8))
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
    clutter(s, rng, 5)
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


def room_names() -> list[str]:
    """The first name of every recipe, in order."""
    rng = np.random.default_rng(0)
    return [recipe(rng).name for recipe in ROOMS]


def vocabulary() -> list[str]:
    """Every name of a room or a thing that the recipes can use; the text stage embeds their prompts."""
    rng = np.random.default_rng(0)
    found = {word for name in room_names() for word in WORDS.get(name, (name,))} | set(room_names())
    for recipe in ROOMS:
        for _ in range(40):
            found |= recipe(rng).things
    return sorted(found)
