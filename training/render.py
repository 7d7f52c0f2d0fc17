"""Depth maps of rooms that never were: boxes, cylinders and walls, ray-cast in NumPy, seen through a
sensor.

A room kind is a recipe that places furniture whose names are known, so every rendered map comes with true
words. Coordinates in metres: x right, y deep, z up; the room is [0, w] x [0, d] x [0, h].
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator


@dataclass(slots=True)
class Scene:
    """A room and what stands in it. solids: (centre x, y, z, half x, half y, half z, yaw, is cylinder)."""

    name: str
    width: float
    deep: float
    height: float
    solids: list[tuple[float, float, float, float, float, float, float, bool]] = field(default_factory=list)
    things: set[str] = field(default_factory=set)

    def box(
        self,
        x: float,
        y: float,
        z: float,
        w: float,
        d: float,
        h: float,
        yaw: float = 0.0,
        round_: bool = False,
    ) -> None:
        """A solid standing at height z, centred on (x, y); w, d, h are full sizes."""
        self.solids.append((x, y, z + h / 2, w / 2, d / 2, h / 2, yaw, round_))

    def turned(self, x: float, y: float, yaw: float, dx: float, dy: float) -> tuple[float, float]:
        """The point (dx, dy) of a thing that stands at (x, y) and is turned by yaw."""
        c, s = np.cos(yaw), np.sin(yaw)
        return float(x + c * dx - s * dy), float(y + s * dx + c * dy)


def cast(
    s: Scene, eye: Floats, yaw: float, pitch: float, roll: float, fov: float, size: tuple[int, int]
) -> Floats:
    """Exact depth along the optical axis in metres, (height, width) float32."""
    rows, columns = size
    focal = columns / 2 / np.tan(fov / 2)
    u, v = np.meshgrid(np.arange(columns) + 0.5 - columns / 2, np.arange(rows) + 0.5 - rows / 2)
    right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
    ahead = np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    up = np.cross(right, ahead)
    right, up = right * np.cos(roll) + up * np.sin(roll), up * np.cos(roll) - right * np.sin(roll)
    rays = (u[..., None] * right - v[..., None] * up) / focal + ahead  # depth along the axis = ray parameter
    rays = rays.reshape(-1, 3)
    rays[np.abs(rays) < 1e-9] = 1e-9
    far = np.array([s.width, s.deep, s.height])
    depth = np.maximum((0.0 - eye) / rays, (far - eye) / rays).min(1)
    for x, y, z, a, b, c, turn, is_round in s.solids:
        cos, sin = np.cos(turn), np.sin(turn)
        o = eye - np.array([x, y, z])
        ox, oy = cos * o[0] + sin * o[1], -sin * o[0] + cos * o[1]
        dx, dy, dz = cos * rays[:, 0] + sin * rays[:, 1], -sin * rays[:, 0] + cos * rays[:, 1], rays[:, 2]
        dx, dy = np.where(dx == 0, 1e-9, dx), np.where(dy == 0, 1e-9, dy)
        low, high = (
            np.minimum((-c - o[2]) / dz, (c - o[2]) / dz),
            np.maximum((-c - o[2]) / dz, (c - o[2]) / dz),
        )
        if is_round:
            qa, qb, qc = (
                (dx / a) ** 2 + (dy / b) ** 2,
                ox * dx / a**2 + oy * dy / b**2,
                (ox / a) ** 2 + (oy / b) ** 2 - 1,
            )
            root = np.sqrt(np.maximum(qb * qb - qa * qc, 0))
            missed = qb * qb < qa * qc
            low, high = (
                np.maximum(low, (-qb - root) / qa),
                np.where(missed, -1, np.minimum(high, (-qb + root) / qa)),
            )
        else:
            for size_, origin, ray in ((a, ox, dx), (b, oy, dy)):
                one, two = (-size_ - origin) / ray, (size_ - origin) / ray
                low, high = np.maximum(low, np.minimum(one, two)), np.minimum(high, np.maximum(one, two))
        hit = (high > low) & (low > 0.05) & (low < depth)
        depth = np.where(hit, low, depth)
    return depth.reshape(rows, columns).astype(np.float32)


def sense(depth: Floats, rng: Rng) -> Floats:
    """What a depth camera makes of it: noise that grows with the square, steps, shadows at edges, holes as
    NaN.
    """
    out = depth + rng.normal(0, 1, depth.shape) * depth**2 * float(rng.uniform(0, 0.006))
    out += rng.normal(0, float(rng.uniform(0, 0.01)), depth.shape)
    rows, columns = depth.shape
    jump = np.abs(np.diff(1 / depth, axis=1, prepend=1 / depth[:, :1])) > float(rng.uniform(0.08, 0.3))
    if rng.random() < 0.6:
        out[jump & (rng.random(depth.shape) < 0.8)] = np.nan
    out[depth > float(rng.uniform(5, 12))] = np.nan
    out[depth < float(rng.uniform(0.2, 0.5))] = np.nan
    for _ in range(int(rng.integers(0, 5))):
        h, w = int(rng.integers(1, rows // 4)), int(rng.integers(1, columns // 4))
        y, x = int(rng.integers(0, rows - h)), int(rng.integers(0, columns - w))
        out[y : y + h, x : x + w][rng.random((h, w)) < rng.uniform(0.3, 1)] = np.nan
    out[rng.random(depth.shape) < float(rng.uniform(0, 0.04))] = np.nan
    edge = int(rng.integers(0, 4)) if rng.random() < 0.3 else 0
    if edge:
        out[:edge] = out[-edge:] = np.nan
        out[:, :edge] = out[:, -edge:] = np.nan
    return out.astype(np.float32)


def shoot(s: Scene, rng: Rng, size: tuple[int, int] = (72, 96)) -> Floats:
    """A hand-held camera somewhere free in the room; exact metres (see `sense`).

    Most people stand with their back to a wall and face the room's far side; some go up to one thing; some
    turn about anywhere.
    """
    solid = np.array([q[:6] for q in s.solids]) if s.solids else np.zeros((0, 6))
    way = rng.choice(3, p=[0.55, 0.3, 0.15]) if len(solid) else 0
    eye, goal = np.zeros(3), np.zeros(2)
    for _ in range(30):
        eye = np.array(
            [
                rng.uniform(0.25, s.width - 0.25),
                rng.uniform(0.2, s.deep * (0.35 if way == 0 else 0.9)),
                rng.uniform(1.0, 1.75),
            ]
        )
        goal = rng.uniform(0, 1, 2) * [s.width, s.deep]
        if way == 0:
            goal = np.array([s.width * rng.uniform(0.2, 0.8), s.deep * rng.uniform(0.6, 1.0)])
        elif way == 1:
            goal = solid[rng.integers(len(solid)), :2]
            away = rng.normal(0, 1, 2)
            eye[:2] = goal + away / np.linalg.norm(away) * rng.uniform(0.9, 2.6)
            eye[:2] = np.clip(eye[:2], 0.2, [s.width - 0.2, s.deep - 0.2])
        if not len(solid) or not np.any(np.all(np.abs(solid[:, :3] - eye) < solid[:, 3:] + 0.15, axis=1)):
            break
    yaw = float(np.arctan2(goal[0] - eye[0], goal[1] - eye[1]))
    down = -20 if way == 1 else -12
    pitch, roll = float(np.radians(rng.normal(down, 9))), float(np.radians(rng.normal(0, 3)))
    depth = cast(s, eye.astype(np.float32), yaw, pitch, roll, float(np.radians(rng.uniform(48, 72))), size)
    return np.maximum(depth, 0.06)
