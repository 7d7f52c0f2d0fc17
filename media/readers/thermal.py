"""Thermal pictures: grey, 0 (cold) to 1 (hot).

Eight bits are taken as they are. Sixteen bits and floating point (radiometric files: temperatures, or counts
of the sensor) have no common range; they are stretched from their 1st to their 99th percentile, as a thermal
camera's own automatic gain does for its screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint, Modality, SegmentData, Span
from anyseek.errors import MediaError
from anyseek.media import arrays
from anyseek.media.format import FileType
from anyseek.media.readers import images
from anyseek.media.source import Source

COLDEST, HOTTEST = 1, 99
"""Percentiles that become 0 and 1."""


def read(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """One segment: float32 (H, W), 0 to 1. A coloured picture counts by its brightness. Raises MediaError."""
    hint = hints[Modality.THERMAL]
    if first == 0 and count != 0:
        if file_type.format.library == "npy":
            grey = stretched(arrays.load_npy(source, hint.limits), source.name)
        else:
            with images.opened(source, file_type, hint.limits) as picture:
                if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
                    grey = stretched(np.asarray(picture), source.name)
                else:
                    grey = np.asarray(picture.convert("L"), np.float32) / np.float32(255)
        yield SegmentData(Modality.THERMAL, Span(), grey)


def stretched(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    """(H, W) of any number -> float32, 0 to 1; what is not a number is cold. Raises MediaError empty."""
    known = np.isfinite(values)
    if not known.any():
        raise MediaError(f"{name} has no measured pixel.", "empty", "Replace or delete the file.")
    low, high = (float(one) for one in np.percentile(values[known], (COLDEST, HOTTEST), overwrite_input=True))
    grey = np.empty(values.shape, np.float32)
    for rows in arrays.bands(values.shape):
        plain = np.where(known[rows], values[rows].astype(np.float64), low)
        grey[rows] = ((plain - low) / max(high - low, 1e-12)).clip(0, 1)
    return grey
