"""A picture of a library: every segment a dot, near ones alike, in the two directions in which they differ most.

Principal components (Pearson 1901) of the vectors, by numpy's singular value decomposition; each modality around
its own mean first, or the gap between modalities would be all that there is to see.
"""

from __future__ import annotations

import colorsys
import io
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anyseek.atomic import writing
from anyseek.errors import UsageError
from anyseek.printable import printable

if TYPE_CHECKING:
    import numpy.typing as npt

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats

By = Literal["modality", "folder"]

MOST = 20_000
"""Segments that are drawn, sampled evenly from more."""

WIDE, HIGH, EDGE, DOT = 1600, 1200, 40, 4
_MOST_NAMES = 12
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def places(vectors: Floats, groups: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(n, dim) vectors, each of a group -> (n, 2), the widest direction first, each group around its own mean."""
    centred = vectors.astype(np.float64)
    for group in np.unique(groups):
        centred[groups == group] -= centred[groups == group].mean(0)
    _, _, axes = np.linalg.svd(centred.T @ centred)
    xy: npt.NDArray[np.float64] = centred @ axes[:2].T
    return xy


def draw(snapshot: Snapshot, space: SpaceRecord, target: Path, by: By = "modality") -> int:
    """Write the picture, completely or not at all; how many segments are on it.

    Raises UsageError: too few segments, or another suffix; OSError where it cannot be written.
    """
    if target.suffix.lower() not in _FORMATS:
        raise UsageError(
            f"{printable(str(target))} is not the name of a picture.", "As in: anyseek map map.png"
        )
    live = snapshot.allowed_rows(space.space_id)
    rows = np.arange(space.rows, dtype=np.int64) if live is None else live
    rows = rows[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(np.int64)] if len(rows) else rows
    if len(rows) < 3:
        n_segments = f"{len(rows)} segment{'s' * (len(rows) != 1)}"
        raise UsageError(
            f"The index has {n_segments}, too few for a map: it takes 3.", "Index more: anyseek index FOLDER"
        )
    segments = snapshot.hits_for_rows(space.space_id, rows)
    kinds = [str(segment.modality) for segment, _ in segments]
    groups = np.unique(kinds, return_inverse=True)[1]
    xy = places(snapshot.vectors_at(space.space_id, rows), groups)
    names = kinds if by == "modality" else _folders([path for _, path in segments])
    encoded = io.BytesIO()  # not into the file: Pillow would lose why that cannot be written
    _picture(xy, names).save(encoded, _FORMATS[target.suffix.lower()])
    with writing(target) as file:
        file.write(encoded.getbuffer())
    return len(rows)


def _folders(paths: list[str]) -> list[str]:
    """The first part of each path that not all have; what is rare is one."""
    shared = os.path.commonpath([os.path.dirname(path) for path in paths])
    parts = [os.path.relpath(os.path.dirname(path), shared).split(os.sep)[0] for path in paths]
    common = {name for name, _ in Counter(parts).most_common(_MOST_NAMES - 1)}
    return [part if part in common else "others" for part in parts]


def _picture(xy: npt.NDArray[np.float64], names: list[str]) -> Image.Image:
    low, high = np.percentile(xy, (0.5, 99.5), axis=0)
    scaled = ((xy - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    at = scaled * (WIDE - 2 * EDGE, HIGH - 2 * EDGE) + EDGE
    known = [name for name, _ in Counter(names).most_common()]
    colours = {name: _colour(i, len(known)) for i, name in enumerate(known)}
    picture = Image.new("RGB", (WIDE, HIGH), "white")
    pen = ImageDraw.Draw(picture)
    for place in np.random.default_rng(0).permutation(len(names)):  # no group hides another
        x, y = at[place]
        pen.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), fill=colours[names[place]])
    font = ImageFont.load_default(size=22)
    for line, name in enumerate(known):
        y = EDGE + 30 * line
        pen.ellipse((EDGE, y, EDGE + 16, y + 16), fill=colours[name])
        pen.text((EDGE + 26, y - 6), name, fill="black", font=font)
    return picture


def _colour(number: int, n: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number / max(1, n), 0.75, 0.8)
    return round(255 * red), round(255 * green), round(255 * blue)
