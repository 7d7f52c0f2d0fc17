"""Single files prepared exactly as ImageBind was evaluated, for comparing with published figures.

An index goes another way (`prepare_*`): it turns pictures upright, mixes channels down and cuts recordings in windows.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from anyseek.embedders.imagebind import prepare_image, prepare_sound, prepare_video
from anyseek.errors import MissingExtra


def image(path: Path | str) -> npt.NDArray[np.float32]:
    """float32 (3, 224, 224); a photo's orientation tag is not heeded."""
    with Image.open(path) as picture:
        return prepare_image.from_picture(picture)


def sound(path: Path | str) -> npt.NDArray[np.float32]:
    """float32 (3, 1, 128, 204) from the first channel."""
    import soundfile

    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return prepare_sound.clips(prepare_sound.resample(np.ascontiguousarray(samples.T), rate_hz))


def video(path: Path | str) -> npt.NDArray[np.float32]:
    """float32 (15, 3, 2, 224, 224): five clips of two seconds over the file, the first and last frame of each."""
    try:
        import av
    except ImportError as error:
        raise MissingExtra("PyAV is not installed.", "pip install 'anyseek[av]'") from error
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    chosen = [index for clip in clip_frames(len(frames), rate) for index in (clip[0], clip[-1])]
    return prepare_video.PrepareVideo()(np.stack([frames[index] for index in chosen]))


def clip_frames(count: int, rate: Fraction) -> list[range]:
    """The frames of each of the five clips of a video of `count` frames at `rate` a second."""
    length = Fraction(prepare_video.CLIP_S)
    spare = max(Fraction(count) / rate - length, Fraction(0))
    starts = [i * spare / (prepare_video.CLIPS - 1) for i in range(prepare_video.CLIPS)]
    return [range(ceil(rate * start), min(ceil(rate * (start + length)), count)) for start in starts]
