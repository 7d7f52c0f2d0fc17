"""Pictures and videos to what `encode` takes; picklable, without torch. Text and sound: embedders/plain.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from anyseek.contracts import DecodeHint

SIDE = 768
"""Shorter side in pixels that pictures are brought down to on their way to the model's own processor, which works
at 224 to 512 pixels: enough for its resampling, and ten times less to carry between processes."""

WINDOW_S, FRAMES, FILM_SIDE = 10.0, 10, 336
"""Videos: a frame a second of windows of ten, as their models are evaluated (one to two a second)."""


@dataclass(frozen=True, slots=True)
class PrepareImage:
    """uint8 (H, W, 3) -> the same, its shorter side at most `most`."""

    hint: DecodeHint = DecodeHint(min_side=SIDE)
    most: int = SIDE

    def __call__(self, data: Any) -> Any:
        """Pixels uint8."""
        height, width = data.shape[:2]
        if min(height, width) <= self.most:
            return np.ascontiguousarray(data)
        from PIL import Image

        scale = self.most / min(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(Image.fromarray(data).resize(size, Image.Resampling.LANCZOS))


@dataclass(frozen=True, slots=True)
class PrepareVideo:
    """uint8 (n, H, W, 3), frames of a window -> uint8 (n, 3, H', W'), the shorter side at most FILM_SIDE."""

    hint: DecodeHint = DecodeHint(window_s=WINDOW_S, hop_s=WINDOW_S, frames=FRAMES)

    def __call__(self, data: Any) -> Any:
        """Frames uint8, their shape kept."""
        shrink = PrepareImage(most=FILM_SIDE)
        return np.ascontiguousarray(np.stack([shrink(frame) for frame in data]).transpose(0, 3, 1, 2))
