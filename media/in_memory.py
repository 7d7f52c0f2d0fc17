"""Queries that a program hands over in memory: Pillow pictures and arrays, checked and brought to the form that
decoders give. The table of modalities names these functions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from anyseek import modalities, plugins
from anyseek.contracts import DecodeHint, Modality
from anyseek.errors import MediaError, UsageError

_MOST_CHANNELS = 64
"""More than these, and the two dimensions are probably the wrong way round."""


def decode(modality: Modality, value: Any, hint: DecodeHint) -> Iterator[Any]:
    """`SegmentData.data` of each segment of a value, by the modality's own function. Raises UsageError for a form
    that it does not have, or for a modality that only files can be of."""
    name = modalities.info(modality).in_memory
    if not name:
        raise UsageError(f"A query of {modality} cannot be given as data.", "Give words or a path.")
    parts: Iterator[Any] = plugins.resolve(name)(value, hint)
    return parts


def image(value: Any, hint: DecodeHint) -> Iterator[Any]:
    """A Pillow picture; uint8 (H, W), (H, W, 3) or (H, W, 4); floating point 0 to 1 of the same shapes."""
    from PIL import Image

    from anyseek.media.readers.images import upright_rgb

    if not _is_pillow(value):
        pixels = np.asarray(value)
        if pixels.dtype.kind == "f" and pixels.size and pixels.min() >= 0 and pixels.max() <= 1:
            pixels = np.rint(pixels * 255).astype(np.uint8)
        is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4))
        if pixels.dtype != np.uint8 or not is_picture or not pixels.size:
            raise UsageError(
                f"An array of {pixels.dtype} {pixels.shape} is not a picture.",
                "A picture is uint8 (height, width, 3), or floating point from 0 to 1.",
            )
        value = Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
    yield upright_rgb(value)


def video(value: Any, hint: DecodeHint) -> Iterator[Any]:
    """uint8 (frames, H, W, 3), spread evenly over the video."""
    from fractions import Fraction

    from anyseek.media.readers.video import picks

    frames = np.asarray(value)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise UsageError(
            f"An array of {frames.dtype} {frames.shape} is not a video.",
            "A video is uint8 (frames, height, width, 3).",
        )
    yield frames[picks(len(frames), len(frames) / Fraction(hint.window_s), hint)]


def thermal(value: Any, hint: DecodeHint) -> Iterator[Any]:
    """As image, or any numbers (H, W)."""
    from anyseek.media.readers.thermal import stretched

    grey = np.asarray(value.convert("L") if _is_pillow(value) else value)
    if grey.ndim != 2 or grey.dtype.kind not in "fiu" or not grey.size:
        raise UsageError(
            f"An array of {grey.dtype} {grey.shape} is not a thermal picture.",
            "A thermal picture is an array (height, width) of temperatures, or of bytes.",
        )
    try:
        yield grey.astype(np.float32) / 255 if grey.dtype == np.uint8 else stretched(grey, "The array")
    except MediaError as error:
        raise UsageError(error.message, error.hint) from error


def imu(value: Any, hint: DecodeHint) -> Iterator[Any]:
    """(array (N, 6), rate_hz): acceleration in m/s2, then rotation in rad/s."""
    from anyseek.media.readers.motion import resampled

    rows, rate_hz = value if isinstance(value, tuple) and len(value) == 2 else (value, 0)
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] != 6 or rows.dtype.kind not in "fiu" or not 0 < rate_hz < 1e6:
        raise UsageError(
            f"An array of {rows.dtype} {rows.shape} is not motion.",
            "Give a pair: imu=(array (N, 6), rate_hz), acceleration first, then rotation.",
        )
    try:
        even = resampled(np.arange(len(rows)) / rate_hz, rows.astype(np.float64), hint.imu_hz, "The array")
    except MediaError as error:
        raise UsageError(error.message, error.hint) from error
    step = max(1, round(hint.window_s * hint.imu_hz))
    for start in range(0, even.shape[1], step):
        yield even[:, start : start + step]


def audio(value: Any, hint: DecodeHint) -> Iterator[Any]:
    """(samples, rate_hz), samples floating point -1 to 1 or integer, (N,) or (N, C)."""
    from anyseek.media.readers.audio import windows_of

    samples, rate_hz = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    samples = np.asarray(samples)
    if rate_hz is None or isinstance(rate_hz, bool) or not 1_000 <= rate_hz <= 1_000_000:
        raise UsageError(
            "Samples alone do not tell how fast they are to be played.",
            "Give a pair: audio=(samples, rate_hz), with 1,000 to 1,000,000 samples a second.",
        )
    n_channels = samples.shape[1] if samples.ndim == 2 else 1
    is_recording = samples.ndim in (1, 2) and n_channels <= _MOST_CHANNELS and samples.size
    if samples.dtype.kind not in "fiu" or not is_recording:
        raise UsageError(
            f"An array of {samples.dtype} {samples.shape} is not a recording.",
            "A recording is (samples,) or (samples, channels), floating point from -1 to 1 or integers.",
        )
    if samples.dtype.kind in "iu":
        middle = 0 if samples.dtype.kind == "i" else np.iinfo(samples.dtype).max // 2 + 1
        samples = (samples.astype(np.float64) - middle) / (np.iinfo(samples.dtype).max - middle)
    for window in windows_of(samples.astype(np.float32), int(rate_hz), hint):
        yield window.data


def depth(value: Any, hint: DecodeHint) -> Iterator[Any]:
    """Floating point (H, W) in metres, 0 and NaN where nothing was measured."""
    metres = np.asarray(value)
    if metres.dtype.kind != "f" or metres.ndim != 2 or not metres.size:
        raise UsageError(
            f"An array of {metres.dtype} {metres.shape} is not a depth map.",
            "A depth map is floating point (height, width) in metres.",
        )
    metres = metres.astype(np.float32)
    yield np.where(np.isfinite(metres) & (metres > 0), metres, np.float32(np.nan))


def _is_pillow(value: object) -> bool:
    # A Pillow picture cannot exist before Pillow was imported.
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)
