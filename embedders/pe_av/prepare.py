"""Pictures and videos as PE-AV's video tower takes them: frames brought to a square. Picklable, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anyseek.contracts import DecodeHint

WINDOW_S = 10.0
FRAMES = 16
"""Of a video window the first, the last, and evenly between: what the model's 16-frame variants were trained with."""

RATE_HZ = 48_000

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PrepareFrames:
    """uint8 (H, W, 3), or (n, H, W, 3) of a video -> uint8 (n, 3, side, side): a picture is a video of one frame."""

    side: int

    @property
    def hint(self) -> DecodeHint:
        """Frames evenly over windows of ten seconds; a picture's shorter side of at least `side`."""
        return DecodeHint(min_side=self.side, window_s=WINDOW_S, hop_s=WINDOW_S, frames=FRAMES)

    def __call__(self, data: Any) -> Pixels:
        """Resized without keeping the shape (bilinear), as the model's own processor does."""
        frames = np.asarray(data, np.uint8)
        frames = frames[None] if frames.ndim == 3 else frames
        size = (self.side, self.side)
        small = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR)) for one in frames]
        return np.ascontiguousarray(np.stack(small).transpose(0, 3, 1, 2))
