"""Pictures, thermal pictures and depth maps as ImageBind's towers take them. NumPy and Pillow; runs in workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anyseek.contracts import DecodeHint

SIDE = 224
# Per-channel statistics of CLIP (Radford et al. 2021).
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def shrink(picture: Image.Image) -> Image.Image:
    """Shorter side to 224 by Pillow's bicubic filter, the longer one truncated, then the middle square."""
    width, height = picture.size
    if min(width, height) != SIDE:
        if width <= height:
            size = (SIDE, int(SIDE * height / width))
        else:
            size = (int(SIDE * width / height), SIDE)
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    width, height = picture.size
    left, top = round((width - SIDE) / 2), round((height - SIDE) / 2)
    return picture.crop((left, top, left + SIDE, top + SIDE))


def from_picture(picture: Image.Image) -> npt.NDArray[np.float32]:
    """Any Pillow picture -> float32 (3, 224, 224), normalised. Transparency is discarded."""
    pixels = np.asarray(shrink(picture.convert("RGB")), np.float32) / np.float32(255)
    return np.ascontiguousarray(((pixels - MEAN) / STD).transpose(2, 0, 1))


@dataclass(frozen=True, slots=True)
class PrepareImage:
    """uint8 (H, W, 3) RGB -> float32 (3, 224, 224)."""

    @property
    def hint(self) -> DecodeHint:
        """A large JPEG is decoded at a half, a quarter or an eighth, never below 224."""
        return DecodeHint(min_side=SIDE)

    def __call__(self, data: Any) -> npt.NDArray[np.float32]:
        """See the class."""
        return from_picture(Image.fromarray(np.ascontiguousarray(data, np.uint8)))


@dataclass(frozen=True, slots=True)
class PrepareThermal:
    """float32 (H, W) grey, 0 to 1 -> float32 (1, 224, 224), not normalised further (users measured that as best)."""

    @property
    def hint(self) -> DecodeHint:
        """Nothing special."""
        return DecodeHint(min_side=SIDE)

    def __call__(self, data: Any) -> npt.NDArray[np.float32]:
        """See the class."""
        grey = Image.fromarray(np.ascontiguousarray(data, np.float32))
        return np.asarray(shrink(grey), np.float32)[None].clip(0, 1)


@dataclass(frozen=True, slots=True)
class PrepareDepth:
    """float32 (H, W) metres, NaN for holes -> float32 (1, 224, 224): normalised disparity.

    disparity = baseline_m * focal_px / metres, clamped to `most` and divided by it, then (x - mean) / std. The rule is
    Omnivore's (Girdhar et al. 2022), which ImageBind's authors point to; the focal length is that of the Kinect of NYU
    Depth v2. No official loader exists, so set these to what your camera and your checkpoint were made with. Holes
    count as infinitely far.
    """

    baseline_m: float = 0.075
    focal_px: float = 518.857901
    nearest_m: float = 0.01
    farthest_m: float = 50.0
    most: float = 75.0
    mean: float = 0.0418
    std: float = 0.0295

    @property
    def hint(self) -> DecodeHint:
        """Nothing special."""
        return DecodeHint(min_side=SIDE)

    def __call__(self, data: Any) -> npt.NDArray[np.float32]:
        """See the class."""
        metres = np.asarray(data, np.float32)
        known = np.isfinite(metres) & (metres > 0)
        safe = np.clip(np.where(known, metres, 1.0), self.nearest_m, self.farthest_m)
        disparity = np.where(known, self.baseline_m * self.focal_px / safe, 0.01)
        scaled = np.clip(disparity, 0.01, self.most).astype(np.float32) / np.float32(self.most)
        small = np.asarray(shrink(Image.fromarray(scaled)), np.float32)
        return ((small - np.float32(self.mean)) / np.float32(self.std))[None]
