"""What a hit looks and sounds like in a browser: small JPEGs, depth as coloured relief, WAV excerpts.

Decoded in the killable workers, like everything; cached in memory up to a bound.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anyseek import modalities
from anyseek.contracts import DecodeHint, Limits, Modality, Preparer, Segment, Unit
from anyseek.media.worker import DecodePool

SIDE = 320
RATE_HZ = 16_000
MOST_BYTES = 64 << 20

# From near to far: a ramp of rising lightness (the control points of "viridis", van der Walt and Smith 2015).
_RAMP = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float64)[
    ::-1
]


@dataclass(frozen=True)
class Preview:
    """What is sent: the bytes and their media type."""

    data: bytes
    kind: str


@dataclass(frozen=True)
class AsJpeg:
    """A preparer: uint8 (H, W, 3), or grey 0 to 1 -> a small JPEG."""

    hint: DecodeHint = DecodeHint(min_side=SIDE)

    def __call__(self, data: Any) -> Preview:
        """See the class."""
        pixels = np.asarray(data)
        if pixels.dtype != np.uint8:
            pixels = np.rint(np.nan_to_num(pixels).clip(0, 1) * 255).astype(np.uint8)
        if pixels.ndim == 4:
            pixels = pixels[len(pixels) // 2]
        return _jpeg(Image.fromarray(pixels).convert("RGB"))


@dataclass(frozen=True)
class AsRelief:
    """A preparer: metres (H, W), NaN for holes -> a small JPEG, near light and far dark, shaded by its slope."""

    hint: DecodeHint = DecodeHint()

    def __call__(self, data: Any) -> Preview:
        """See the class."""
        metres = np.asarray(data, np.float64)
        known = np.isfinite(metres)
        low, high = np.percentile(metres[known], (2, 98)) if known.any() else (0.0, 1.0)
        place = np.where(known, (metres - low) / max(high - low, 1e-6), 1.0).clip(0, 1)
        steps = place * (len(_RAMP) - 1)
        at = np.minimum(steps.astype(int), len(_RAMP) - 2)
        colour = _RAMP[at] + (steps - at)[..., None] * (_RAMP[at + 1] - _RAMP[at])
        down, right = np.gradient(place) if min(place.shape) > 1 else (place * 0, place * 0)
        shade = (1 - 6 * (down + right)).clip(0.6, 1.25)
        pixels = np.where(known[..., None], colour * shade[..., None], 32)
        return _jpeg(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


@dataclass(frozen=True)
class AsWav:
    """A preparer: float32 (N,) mono -> 16-bit WAV. The windows are those of the model that made the index."""

    hint: DecodeHint = DecodeHint(rate_hz=RATE_HZ)

    def __call__(self, data: Any) -> Preview:
        """See the class."""
        import soundfile

        out = io.BytesIO()
        samples: npt.NDArray[np.float32] = np.asarray(data, np.float32)
        soundfile.write(out, samples, self.hint.rate_hz, format="WAV", subtype="PCM_16")
        return Preview(out.getvalue(), "audio/wav")


def _jpeg(picture: Image.Image) -> Preview:
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return Preview(out.getvalue(), "image/jpeg")


PICTURE, RELIEF, SOUND = AsJpeg(), AsRelief(), AsWav()
"""Named by the table of modalities."""


class Previews:
    """Makes and keeps them. Safe to share between threads; close it."""

    def __init__(self, window_s: float = 10.0, depth_unit: float | None = None) -> None:
        """window_s: how the model cuts recordings."""
        self._preparers = _preparers(window_s)
        limits = Limits(max_seconds=30)
        self._pool = DecodePool(
            self._preparers, workers=1, limits=limits, segments_per_task=1, depth_unit=depth_unit
        )
        self._cache: OrderedDict[int, Preview] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, segment: Segment, path: str) -> Preview | None:
        """None for what has none (text, motion). Raises MediaError."""
        with self._lock:
            if segment.segment_id in self._cache:
                self._cache.move_to_end(segment.segment_id)
                return self._cache[segment.segment_id]
        row = modalities.info(segment.modality)
        kind = Modality(row.preview_as) if row.preview_as else segment.modality
        if kind not in self._preparers:
            return None
        segments = self._pool.submit(path, modality=kind, span=segment.span).result().segments
        if not segments:
            return None
        preview: Preview = segments[0].item
        self._keep(segment.segment_id, preview)
        return preview

    def close(self) -> None:
        """End the worker; safe to call twice."""
        self._pool.close()

    def _keep(self, segment_id: int, preview: Preview) -> None:
        with self._lock:
            self._cache[segment_id] = preview
            self._bytes = sum(len(one.data) for one in self._cache.values())
            while self._bytes > MOST_BYTES and len(self._cache) > 1:
                _, oldest = self._cache.popitem(last=False)
                self._bytes -= len(oldest.data)


def _preparers(window_s: float) -> dict[Modality, Preparer]:
    """What makes a preview of each modality that has one; sound in the windows of the model."""
    preparers: dict[Modality, Preparer] = {}
    for row in modalities.table():
        if row.preview:
            preparer: Preparer = modalities.handler(row.preview)
            if row.unit is Unit.SECONDS:
                hint = replace(preparer.hint, window_s=window_s, hop_s=window_s)
                preparer = replace(preparer, hint=hint)  # type: ignore[type-var]
            preparers[row.modality] = preparer
    return preparers
