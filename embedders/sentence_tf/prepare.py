"""Pictures to what `SentenceTransformer.encode` takes; picklable, without torch. Text and sound: embedders/plain.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from anyseek.contracts import DecodeHint

SIDE = 768
"""Shorter side in pixels that pictures are brought down to on their way to the model's own processor, which works
at 224 to 512 pixels: enough for its resampling, and ten times less to carry between processes."""


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
