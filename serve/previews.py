"""What a hit looks and sounds like in a browser: small JPEGs, depth as coloured relief, WAV excerpts.

Decoded in the killable workers, like everything; kept in memory up to a bound.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

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


class Previews:
    """Makes and keeps them. Safe to share between threads; close it."""

    def __init__(self, window_s: float = 10.0, depth_unit: float | None = None) -> None:
        """window_s: how the model cuts recordings."""
        self._window_s = window_s
        sound = AsWav(DecodeHint(rate_hz=RATE_HZ, window_s=window_s, hop_s=window_s))
        picture, relief = AsJpeg(), AsRelief()
        preparers: dict[Modality, Preparer] = {
            Modality.IMAGE: picture,
            Modality.THERMAL: picture,
            Modality.DEPTH: relief,
            Modality.AUDIO: sound,
        }
        limits = Limits(max_seconds=30)
        self._pool = DecodePool(
            preparers, workers=1, limits=limits, segments_per_task=1, depth_unit=depth_unit
        )
        self._kept: OrderedDict[int, Preview] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, segment: Segment, path: str) -> Preview | None:
        """None for what has none (text, motion). Raises MediaError."""
        with self._lock:
            if segment.segment_id in self._kept:
                self._kept.move_to_end(segment.segment_id)
                return self._kept[segment.segment_id]
        kind = Modality.IMAGE if segment.modality is Modality.VIDEO else segment.modality
        if kind not in (Modality.IMAGE, Modality.THERMAL, Modality.DEPTH, Modality.AUDIO):
            return None
        length = self._window_s if kind is Modality.AUDIO else 10.0
        first = round(segment.span.start / length) if segment.span.unit is Unit.SECONDS else 0
        found = self._pool.submit(path, first=first, modality=kind).result().segments
        if not found:
            return None
        self._keep(segment.segment_id, found[0].item)
        preview: Preview = found[0].item
        return preview

    def close(self) -> None:
        """End the worker; safe to call twice."""
        self._pool.close()

    def _keep(self, segment_id: int, made: Preview) -> None:
        with self._lock:
            self._kept[segment_id] = made
            self._bytes = sum(len(one.data) for one in self._kept.values())
            while self._bytes > MOST_BYTES and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.data)
