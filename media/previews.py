"""What a segment looks and sounds like in a browser: small JPEGs, depth as coloured relief, WAV excerpts.

Preparers, as those of models: they run in the decoding processes. The table of modalities names them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anyseek.contracts import DecodeHint, Preparer

SIDE = 320
RATE_HZ = 16_000

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
    """A preparer: float32 (N,) mono -> 16-bit WAV."""

    hint: DecodeHint = DecodeHint(rate_hz=RATE_HZ)

    def __call__(self, data: Any) -> Preview:
        """See the class."""
        import soundfile

        out = io.BytesIO()
        samples: npt.NDArray[np.float32] = np.asarray(data, np.float32)
        soundfile.write(out, samples, self.hint.rate_hz, format="WAV", subtype="PCM_16")
        return Preview(out.getvalue(), "audio/wav")


@dataclass(frozen=True)
class Windowed:
    """Another preparer, with recordings cut as a model cuts them: a hit's span is a window of the model."""

    preparer: Preparer
    window_s: float
    hop_s: float

    @property
    def hint(self) -> DecodeHint:
        """The preparer's own, but for the windows."""
        return replace(self.preparer.hint, window_s=self.window_s, hop_s=self.hop_s)

    def __call__(self, data: Any) -> Preview:
        """The preparer's."""
        preview: Preview = self.preparer(data)
        return preview


def _jpeg(picture: Image.Image) -> Preview:
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return Preview(out.getvalue(), "image/jpeg")


PICTURE, RELIEF, SOUND = AsJpeg(), AsRelief(), AsWav()
"""Named by the table of modalities."""
