"""Depth maps: metres in float32, NaN where nothing was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint, Limits, Modality, SegmentData, Span
from anyseek.errors import MediaError
from anyseek.media import arrays
from anyseek.media.format import FileType
from anyseek.media.limits import check_pixels, damaged, missing_reader
from anyseek.media.source import Source

MILLIMETRES = 1e-3
METRES = 1.0

_EXR_NAMES = ("Z", "depth", "Depth", "depth.Z", "Depth.Z", "D", "Y", "V")


def read(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """One segment: float32 (H, W) metres. Raises MediaError empty when nothing was measured anywhere."""
    hint = hints[Modality.DEPTH]
    if first == 0 and count != 0:
        raw, unit = _read(source, file_type, hint.limits)
        unit = hint.depth_unit if hint.depth_unit is not None else unit
        if unit is None:
            raise MediaError(
                f"{source.name} stores depth in 8 bits, which no convention gives a unit.",
                "no-unit",
                "Say how many metres one step is: --depth-unit 0.01",
            )
        yield SegmentData(Modality.DEPTH, Span(), _metres(source, raw, unit))


def _metres(source: Source, raw: npt.NDArray[Any], unit: float) -> npt.NDArray[np.float32]:
    metres = np.empty(raw.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in arrays.bands(raw.shape):
            metres[rows] = raw[rows].astype(np.float64) * unit
    holes = ~np.isfinite(metres) | (metres <= 0)
    if holes.all():
        raise MediaError(
            f"{source.name} has no measured pixel: all are zero, negative or not a number.",
            "empty",
            "Replace or delete the file.",
        )
    metres[holes] = np.nan
    return metres


def _read(source: Source, file_type: FileType, limits: Limits) -> tuple[npt.NDArray[Any], float | None]:
    """Raw numbers (H, W) and the metres one of them stands for by the format's convention, None: unknown."""
    kind = file_type.format.library
    if kind == "npy":
        return arrays.load_npy(source, limits), METRES
    if kind == "npz":
        return arrays.load_npz(source, limits), METRES
    if kind == "EXR":
        return _read_exr(source, limits), METRES
    return _read_picture(source, file_type, limits)


def _read_picture(
    source: Source, file_type: FileType, limits: Limits
) -> tuple[npt.NDArray[Any], float | None]:
    from anyseek.media.readers import images

    try:
        with images.opened(source, file_type, limits) as picture:
            mode = picture.mode
            raw = np.asarray(picture)
    except MediaError as error:
        if error.reason == "broken" and file_type.format.name == "TIFF":
            error.hint = "Depth in TIFF is read as 32-bit floats or 16-bit integers; save it so."
        raise
    if mode == "F":
        return raw, METRES
    if mode == "I" or mode.startswith("I;16"):
        return raw, MILLIMETRES
    if mode == "L":
        return raw, None
    raise MediaError(
        f"{source.name} is a picture (of mode {mode}), not a depth map: that has one channel of numbers.",
        "wrong-modality",
        "Use it as a picture.",
    )


def _read_exr(source: Source, limits: Limits) -> npt.NDArray[Any]:
    try:
        import OpenEXR
    except ImportError as error:
        raise missing_reader(source.name, "an OpenEXR file", "exr", "OpenEXR") from error
    try:
        header = OpenEXR.File(source.rewound(), header_only=True, num_threads=0).header()
        low, high = header["dataWindow"]
        check_pixels(source.name, int(high[0]) - int(low[0]) + 1, int(high[1]) - int(low[1]) + 1, limits)
        file = OpenEXR.File(source.rewound(), separate_channels=True, num_threads=0)
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, OSError, OverflowError) as error:
        raise damaged(source.name, "OpenEXR", error) from error
    name = next((name for name in _EXR_NAMES if name in channels), None)
    if name is None and len(channels) == 1:
        (name,) = channels
    if name is None or np.ndim(channels[name]) != 2:
        raise MediaError(
            f"{source.name} has no depth channel: it has {', '.join(sorted(channels)) or 'none'}.",
            "unsupported",
            "Save the depth as a channel called Z.",
        )
    return np.asarray(channels[name])
