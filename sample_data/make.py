"""Draw, render, synthesise and write the sample files: `python sample_data/make.py FOLDER`.

Some 75 files of four modalities in nested folders, the same ones every time (each has its own seed).
Nothing is downloaded. Photographs of installed packages are copied (photos.py), and a few files are broken
on purpose.
"""

from __future__ import annotations

import argparse
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from broken import write_broken
from landscapes import LANDSCAPES
from more_sounds import SOUNDS
from notes import NOTES
from objects import OBJECTS
from photos import copy_photos
from PIL import Image
from raymarch import Array, render
from rooms import ROOMS

SEED = 20240917
ROTATED = 6  # EXIF: the camera was turned, the viewer has to turn the picture back
SCENES = {**ROOMS, **OBJECTS}

PAINTED = {
    "beach": "pictures/sea/beach.jpg",
    "sunset": "pictures/sea/evening.webp",
    "mountain": "pictures/hills/ascent.jpg",
    "forest": "pictures/hills/forest-path.tif",
    "desert": "pictures/hills/dunes.avif",
}
# scene -> picture, depth map (or None)
RENDERED: dict[str, tuple[str, str | None]] = {
    "living-room": ("pictures/home/living-room.jpg", "scans/living-room_depth.png"),
    "office": ("pictures/home/desk.jpg", "scans/desk_depth.png"),
    "bedroom": ("pictures/home/bedroom.jpg", "scans/bedroom_depth.png"),
    "kitchen": ("pictures/home/kitchen.jpg", "scans/kitchen_depth.tif"),
    "corridor": ("pictures/home/corridor.jpg", "scans/corridor_depth.npy"),
    "library": ("pictures/home/library.png", "scans/library_depth.png"),
    "dining-room": ("pictures/home/dining-room.jpg", "scans/dining-room_depth.npz"),
    "staircase": ("pictures/home/stairs.jpg", "scans/stairs_depth.png"),
    "dog": ("pictures/pets/meadow.jpg", None),
    "car": ("pictures/street/red-car.jpg", "scans/red-car_depth.png"),
    "street": ("pictures/street/main-street.jpg", "scans/main-street_depth.tif"),
    "sailing-boat": ("pictures/sea/sailing.png", None),
    "fruit-bowl": ("pictures/table/fruit.jpg", "scans/fruit_depth.npy"),
    "helicopter": ("pictures/far/rescue.bmp", None),
}
# sound -> file, seconds, Hz
RECORDED: dict[str, tuple[str, float, int]] = {
    "rain": ("recordings/weather/rain.flac", 9.0, 44_100),
    "thunder": ("recordings/weather/thunder.ogg", 9.0, 44_100),
    "wind": ("recordings/weather/wind.mp3", 8.0, 32_000),
    "sea-waves": ("recordings/outdoors/waves.wav", 9.5, 22_050),
    "birdsong": ("recordings/outdoors/birdsong.wav", 8.0, 44_100),
    "crickets": ("recordings/outdoors/summer-night.flac", 7.0, 32_000),
    "crackling-fire": ("recordings/outdoors/camp-fire.ogg", 8.0, 44_100),
    "engine": ("recordings/street/engine.wav", 7.0, 16_000),
    "siren": ("recordings/street/siren.mp3", 8.0, 32_000),
    "helicopter": ("recordings/street/helicopter.flac", 7.0, 48_000),
    "church-bells": ("recordings/street/church-bells.mp3", 9.0, 44_100),
    "dog-bark": ("recordings/animals/dog.wav", 5.0, 48_000),
    "cat-meow": ("recordings/animals/cat.flac", 5.0, 32_000),
    "baby-cry": ("recordings/home/baby.ogg", 6.0, 48_000),
    "clock-tick": ("recordings/home/clock.wav", 6.0, 32_000),
    "alarm": ("recordings/home/alarm-clock.mp3", 5.0, 44_100),
    "footsteps": ("recordings/home/footsteps.wav", 6.0, 44_100),
    "knocking": ("recordings/home/door.flac", 5.0, 44_100),
    "guitar": ("recordings/home/guitar.ogg", 8.0, 44_100),
    "walk": ("recordings/a-walk-on-sunday.flac", 40.0, 32_000),
}


@dataclass(frozen=True)
class Job:
    """One thing to make, in a process of its own."""

    maker: Callable[[str, Path, int], None]
    name: str
    folder: Path
    height: int


def generator(name: str) -> np.random.Generator:
    """The random numbers of one file: they do not depend on which files are made before it."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def make_painting(name: str, folder: Path, height: int) -> None:
    """Draw a landscape; one is stored turned, as a phone does."""
    picture = LANDSCAPES[name](generator(name))
    target = folder / PAINTED[name]
    if name == "mountain":
        exif = Image.Exif()
        exif[0x0112] = ROTATED
        picture.transpose(Image.Transpose.ROTATE_90).save(target, quality=92, exif=exif)
    else:
        picture.save(target, quality=92)


def make_render(name: str, folder: Path, height: int) -> None:
    """Render a scene, and write its depth where one is wanted."""
    rng = generator(name)
    picture, metres = render(SCENES[name](rng), rng, height, height * 4 // 3)
    image_path, depth_path = RENDERED[name]
    if name == "fruit-bowl":
        picture = picture.convert("CMYK")
    picture.save(folder / image_path, quality=92)
    if depth_path:
        write_depth(folder / depth_path, metres)


def write_depth(path: Path, metres: Array) -> None:
    """Write metres (NaN: holes) in the format that the name asks for; PNG: millimetres, 0 for holes."""
    if path.suffix == ".png":
        millimetres = np.nan_to_num(metres * 1000, nan=0).clip(0, 65535).astype(np.uint16)
        Image.fromarray(millimetres).save(path)
    elif path.suffix == ".tif":
        Image.fromarray(np.nan_to_num(metres, nan=0)).save(path)
    elif path.suffix == ".npz":
        np.savez_compressed(path, depth=metres)
    else:
        np.save(path, metres)


def make_sound(name: str, folder: Path, height: int) -> None:
    """Synthesise a sound; a few are stereo, with the right ear a little later."""
    path, length_s, rate_hz = RECORDED[name]
    sound = SOUNDS[name](generator(name), length_s, rate_hz)
    if name in ("sea-waves", "rain", "guitar"):
        sound = np.stack([sound, np.roll(sound, rate_hz // 2500) * 0.9], 1)
    soundfile.write(folder / path, sound, rate_hz)


def write_notes(folder: Path) -> list[Path]:
    """Write the texts, each in its encoding."""
    for name, (encoding, text) in NOTES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
    return [folder / name for name in NOTES]


def jobs(folder: Path, height: int) -> Iterator[Job]:
    """The slow ones first."""
    for name in RENDERED:
        yield Job(make_render, name, folder, height)
    for name in RECORDED:
        yield Job(make_sound, name, folder, height)
    for name in PAINTED:
        yield Job(make_painting, name, folder, height)


def run(job: Job) -> str:
    """Make one thing; gives its name."""
    job.maker(job.name, job.folder, job.height)
    return job.name


def make(folder: Path, height: int = 240, workers: int | None = None) -> list[Path]:
    """Write all samples below `folder` and return their paths. height: of the rendered pictures in pixels."""
    todo = list(jobs(folder, height))
    renders = [path for pair in RENDERED.values() for path in pair if path]
    names = [*renders, *PAINTED.values(), *(path for path, _, _ in RECORDED.values())]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        list(pool.map(run, todo))
    return sorted(
        [
            *(folder / name for name in names),
            *write_notes(folder),
            *copy_photos(folder),
            *write_broken(folder),
        ]
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the sample files of the demo.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="render smaller pictures, quicker")
    arguments = parser.parse_args()
    made = make(arguments.folder, 120 if arguments.quick else 240)
    print(f"{len(made)} files below {arguments.folder}")


if __name__ == "__main__":
    main()
