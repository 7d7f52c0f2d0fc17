"""A small folder of files in four modalities whose meaning fakes.WordEmbedder knows: red, green, blue."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
TONES_HZ = {"red": 200, "green": 1000, "blue": 3000}
DISTANCES_M = {"red": 1.0, "green": 4.0, "blue": 9.0}


def picture(path: Path, colour: str) -> Path:
    Image.new("RGB", (24, 16), COLOURS[colour]).save(path)
    return path


def sound(path: Path, *colours: str, below: str = "", seconds: float = 10.0, rate_hz: int = 8000) -> Path:
    """One tone after the other, `seconds` each: a window of WordEmbedder's is 10 s. below: a weaker tone
    under all of them."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    samples = np.concatenate([0.5 * np.sin(2 * np.pi * TONES_HZ[colour] * t) for colour in colours])
    if below:
        samples += 0.2 * np.sin(2 * np.pi * TONES_HZ[below] * np.arange(len(samples)) / rate_hz)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def film(path: Path, *colours: str, seconds: int = 10) -> Path:
    """One colour after the other with its tone, `seconds` each."""
    import av

    tone = sound(path.with_suffix(".wav"), *colours, seconds=seconds)
    with av.open(str(tone)) as spoken, av.open(str(path), "w") as container:
        shown, heard = container.add_stream("mpeg4", rate=5), container.add_stream("aac", rate=8000)
        shown.width, shown.height, shown.pix_fmt = 64, 48, "yuv420p"
        for colour in colours:
            for _ in range(5 * seconds):
                frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), COLOURS[colour]))
                container.mux(shown.encode(frame))
        container.mux(shown.encode(None))
        for samples in spoken.decode(audio=0):
            container.mux(heard.encode(samples))
        container.mux(heard.encode(None))
    tone.unlink()
    return path


def depth(path: Path, colour: str) -> Path:
    np.save(path, np.full((12, 16), DISTANCES_M[colour], np.float32))
    return path


def text(path: Path, words: str) -> Path:
    path.write_text(words + "\n")
    return path


def fill(folder: Path) -> Path:
    """red, green and blue in each modality; one recording of three windows; nothing broken."""
    for name in ("pictures", "sounds", "notes", "rooms"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for colour in COLOURS:
        picture(folder / "pictures" / f"{colour}.png", colour)
        sound(folder / "sounds" / f"{colour}.wav", colour)
        text(folder / "notes" / f"{colour}.txt", f"{colour} {colour}")
        depth(folder / "rooms" / f"{colour}.npy", colour)
    sound(folder / "sounds" / "tour.wav", "red", "green", "green", below="blue")
    return folder
