"""Videos as ImageBind's vision tower takes them: five clips of two frames, three crops each. NumPy; runs in workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint
from anyseek.embedders.imagebind.prepare_image import MEAN, SIDE, STD

CLIPS, FRAMES, CLIP_S, CROPS = 5, 2, 2.0, 3

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PrepareVideo:
    """uint8 (10, H, W, 3), two frames of each of five clips -> float32 (15, 3, 2, 224, 224), clip by clip.

    A window of ten seconds is the longest that the model's five clips see whole.
    """

    @property
    def hint(self) -> DecodeHint:
        """The first and last frame of five clips of two seconds."""
        window = CLIPS * CLIP_S
        return DecodeHint(window_s=window, hop_s=window, clips=CLIPS, frames=FRAMES, clip_s=CLIP_S)

    def __call__(self, data: Any) -> Pixels:
        """See the class. A clip of other than ten frames is refused with ValueError."""
        frames = np.asarray(data, np.uint8)
        if len(frames) != CLIPS * FRAMES:
            raise ValueError(f"expected {CLIPS * FRAMES} frames, got {len(frames)}")
        small = shrink(frames.astype(np.float32) / np.float32(255))
        small = ((small - MEAN) / STD).transpose(0, 3, 1, 2)
        pairs = small.reshape(CLIPS, FRAMES, *small.shape[1:]).transpose(0, 2, 1, 3, 4)
        return np.ascontiguousarray(
            np.stack([crop for pair in pairs for crop in _crops(pair)]).astype(np.float32)
        )


def shrink(frames: Pixels) -> Pixels:
    """(n, H, W, 3) -> shorter side 224, linear interpolation between the two nearest pixels, not antialiased."""
    height, width = frames.shape[1:3]
    if width < height:
        size = (int(np.floor(height / width * SIDE)), SIDE)
    else:
        size = (SIDE, int(np.floor(width / height * SIDE)))
    for axis, new in ((1, size[0]), (2, size[1])):
        frames = _linear(frames, axis, new)
    return frames


def _linear(frames: Pixels, axis: int, new: int) -> Pixels:
    """Pixel centres at half numbers, borders repeated."""
    old = frames.shape[axis]
    place = np.maximum((np.arange(new, dtype=np.float64) + 0.5) * (old / new) - 0.5, 0.0)
    low = np.minimum(place.astype(np.int64), old - 1)
    high = np.minimum(low + 1, old - 1)
    shape = [1] * frames.ndim
    shape[axis] = new
    share = (place - low).astype(np.float32).reshape(shape)
    mixed: Pixels = frames.take(low, axis) * (1 - share) + frames.take(high, axis) * share
    return mixed


def _crops(pair: Pixels) -> list[Pixels]:
    """(3, 2, h, w) -> start, middle and end square along the longer side."""
    height, width = pair.shape[2:]
    spare = max(height, width) - SIDE
    starts = (0, int(np.ceil(spare / 2)), spare)
    if height > width:
        return [pair[:, :, start : start + SIDE] for start in starts]
    return [pair[:, :, :, start : start + SIDE] for start in starts]
