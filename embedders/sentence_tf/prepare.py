"""Decoded data to what `SentenceTransformer.encode` takes; picklable, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.contracts import DecodeHint

if TYPE_CHECKING:
    from anyseek.contracts import Floats

SIDE = 768
"""Shorter side in pixels that pictures are brought down to on their way to the model's own processor, which works
at 224 to 512 pixels: enough for its resampling, and ten times less to carry between processes."""


@dataclass(frozen=True, slots=True)
class PrepareText:
    """str -> str."""

    hint: DecodeHint

    def __call__(self, data: Any) -> Any:
        """The text itself, without blanks around it."""
        return str(data).strip()


@dataclass(frozen=True, slots=True)
class PrepareImage:
    """uint8 (H, W, 3) -> the same, its shorter side at most SIDE."""

    hint: DecodeHint = DecodeHint(min_side=SIDE)

    def __call__(self, data: Any) -> Any:
        """Pixels uint8."""
        height, width = data.shape[:2]
        if min(height, width) <= SIDE:
            return np.ascontiguousarray(data)
        from PIL import Image

        scale = SIDE / min(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(Image.fromarray(data).resize(size, Image.Resampling.LANCZOS))


@dataclass(frozen=True, slots=True)
class PrepareSound:
    """Samples -> the same, a window of at most `hint.window_s`."""

    hint: DecodeHint

    def __call__(self, data: Any) -> Floats:
        """float32 (N,) mono, -1 to 1, NaN-free, at least a tenth of a second (models divide by the length)."""
        samples: Floats = np.nan_to_num(np.asarray(data, np.float32))
        least = self.hint.rate_hz // 10
        return np.pad(samples, (0, least - len(samples))) if len(samples) < least else samples
