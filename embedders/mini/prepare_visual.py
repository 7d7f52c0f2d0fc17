"""Pictures and depth maps, made ready for `mini`'s towers. NumPy and Pillow only; runs in the worker
processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anyseek.contracts import DecodeHint

IMAGE_SIDE = 260  # what EfficientNet-Lite2 was made for
DEPTH_SIDE = 64
NEAREST_M, FARTHEST_M = 0.3, 20.0  # what lies outside is taken for these


@dataclass(frozen=True, slots=True)
class PrepareImage:
    """uint8 (H, W, 3) RGB -> uint8 (side, side, 3): the whole picture, squashed, as the tower was trained."""

    side: int = IMAGE_SIDE

    @property
    def hint(self) -> DecodeHint:
        """Half as much again as the side is plenty for a clean reduction."""
        return DecodeHint(min_side=self.side * 3 // 2)

    def __call__(self, data: Any) -> npt.NDArray[np.uint8]:
        """See the class."""
        picture = Image.fromarray(np.ascontiguousarray(data, np.uint8))
        # To reduce a picture, Hamming's filter is as sharp as the bicubic one in six tenths of its time.
        enlarges = min(picture.size) < self.side
        how = Image.Resampling.BICUBIC if enlarges else Image.Resampling.HAMMING
        return np.asarray(picture.resize((self.side, self.side), how, reducing_gap=2.0))


def planes(metres: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Metres (..., H, W), NaN or <= 0 for holes -> float32 (..., 3, H, W): disparity, log depth, and what
    is known.

    Disparity (1 at 0.3 m), as in ImageBind, spends its range on what is near; the logarithm keeps the far
    end of a room apart. Holes are 0 in all three planes.
    """
    known = np.isfinite(metres) & (metres > 0)
    safe = np.clip(np.where(known, metres, 1.0), NEAREST_M, FARTHEST_M)
    parts = [NEAREST_M / safe, np.log2(safe / NEAREST_M) / np.log2(FARTHEST_M / NEAREST_M)]
    return np.stack([*(np.where(known, part, 0.0) for part in parts), known], -3).astype(np.float32)


@dataclass(frozen=True, slots=True)
class PrepareDepth:
    """float32 (H, W) metres, NaN in holes -> float32 (3, side, side): `planes`, averaged by area."""

    side: int = DEPTH_SIDE

    @property
    def hint(self) -> DecodeHint:
        """Depth maps are small; twice the side is plenty."""
        return DecodeHint(min_side=2 * self.side)

    def __call__(self, data: Any) -> npt.NDArray[np.float32]:
        """Holes do not dim their neighbours: every cell is the mean of what is known in it."""
        size = (self.side, self.side)
        full = planes(np.asarray(data, np.float32))
        small = np.stack([np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BOX)) for p in full])
        share = small[2]
        small[:2] = np.where(share > 0.02, small[:2] / np.maximum(share, 1e-6), 0.0)
        return small
