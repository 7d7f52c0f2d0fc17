"""A small picture of any sample: photographs as they are, sounds as spectrogram and waveform, depth in
colours, texts as a page. What is shown is what Anyseek's own decoders hand out."""

from __future__ import annotations

import textwrap
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from anyseek.contracts import DecodeHint, Modality
from anyseek.media import decode

Pixels = npt.NDArray[np.floating[Any]]
Size = tuple[int, int]
RATE_HZ = 16_000

# Dark blue over red to yellow for sounds; near red over green to far blue for depth.
HEAT = ((4, 5, 30), (60, 15, 110), (150, 40, 110), (225, 85, 60), (250, 165, 40), (252, 250, 180))
PAGE, QUESTION, WAVE_BACK = (250, 247, 238), (52, 73, 102), (24, 26, 34)
NEAR_TO_FAR = ((140, 20, 20), (240, 110, 30), (235, 220, 60), (80, 205, 120), (40, 140, 220), (45, 35, 110))


def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface."""
    return ImageFont.load_default(size_px)


def plain(text: str) -> str:
    """Without accents: Pillow's typeface has none."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )


def coloured(values: Pixels, palette: tuple[tuple[int, int, int], ...]) -> Image.Image:
    """Values 0 to 1 (H, W) through a palette."""
    at = np.clip(values, 0, 1) * (len(palette) - 1)
    channels = [np.interp(at, np.arange(len(palette)), [colour[c] for colour in palette]) for c in range(3)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def spectrogram(sound: Pixels, size: Size) -> Image.Image:
    """Loudness by time and frequency (60 Hz to 8 kHz, each octave as tall), the waveform below."""
    width, height = size
    upper = height * 3 // 4
    frame = 1024
    sound = np.pad(sound, (0, max(0, frame + 1 - len(sound))))
    starts = np.linspace(0, len(sound) - frame, width).astype(int)
    frames = np.stack([sound[start : start + frame] for start in starts]) * np.hanning(frame)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    rows = np.geomspace(4, frame // 2 - 1, upper).astype(int)[::-1]
    loudness = np.log10(power[:, rows].T + 1e-6)
    top = float(loudness.max())
    picture = Image.new("RGB", size, HEAT[0])
    picture.paste(coloured((loudness - top + 5) / 5, HEAT), (0, 0))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, upper, width, height), fill=WAVE_BACK)
    edges = np.linspace(0, len(sound), width + 1).astype(int)
    peak = float(np.abs(sound).max()) + 1e-9
    for x in range(width):
        half = float(np.abs(sound[edges[x] : edges[x + 1] + 1]).max()) / peak * (height - upper - 4) / 2
        middle = (upper + height) / 2
        pen.line((x, middle - half, x, middle + half), fill=(120, 200, 240))
    return picture


def depth_colours(metres: Pixels, size: Size) -> Image.Image:
    """Near is red, far is blue, unknown is black; as even as the picture allows."""
    known = np.isfinite(metres)
    order = np.zeros(metres.shape)
    if known.any():
        near, far = np.percentile(np.log(metres[known]), (1, 99))
        order[known] = (np.log(metres[known]) - near) / max(far - near, 1e-6)
    pixels = np.asarray(coloured(order, NEAR_TO_FAR)) * known[..., None]
    return ImageOps.fit(Image.fromarray(pixels.astype(np.uint8)), size, Image.Resampling.BILINEAR)


def page(text: str, size: Size, letter_px: int = 13, ink: tuple[int, int, int] = (40, 40, 48)) -> Image.Image:
    """The start of a text, on paper."""
    picture = Image.new("RGB", size, PAGE)
    pen = ImageDraw.Draw(picture)
    type_ = font(letter_px)
    columns = int((size[0] - 18) / (pen.textlength("nice words are here", type_) / 19))
    lines = textwrap.wrap(" ".join(plain(text).split()), columns)
    step = letter_px * 4 // 3
    room = (size[1] - 12) // step
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1][: columns - 3] + "..."]
    for number, line in enumerate(lines):
        pen.text((9, 6 + number * step), line, ink, type_)
    return picture


def words(text: str, size: Size) -> Image.Image:
    """A question in words, in the middle of a card."""
    picture = Image.new("RGB", size, QUESTION)
    pen = ImageDraw.Draw(picture)
    type_ = font(17)
    lines = textwrap.wrap(f"“{plain(text)}”", 16)
    step = 23
    y = (size[1] - step * len(lines)) / 2
    for line in lines:
        pen.text(((size[0] - pen.textlength(line, type_)) / 2, y), line, (255, 255, 255), type_)
        y += step
    return picture


def card(path: Path, modality: str, size: Size, start_s: float = 0.0) -> Image.Image:
    """The picture of a file; for a recording, of the window that begins at `start_s`."""
    kind = Modality(modality)
    hint = DecodeHint(rate_hz=RATE_HZ, min_side=2 * size[1])
    window = int(start_s // hint.hop_s) if kind is Modality.AUDIO else 0
    decoded = next(iter(decode(str(path), kind, hint, first=window, count=1)))
    if kind is Modality.IMAGE:
        return ImageOps.fit(Image.fromarray(decoded.data), size, Image.Resampling.LANCZOS)
    if kind is Modality.AUDIO:
        return spectrogram(decoded.data, size)
    if kind is Modality.DEPTH:
        return depth_colours(decoded.data, size)
    return page(decoded.data, size)
