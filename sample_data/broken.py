"""Files that are not what they say, or not whole: an index has to survive them and say what is wrong."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def picture_bytes(kind: str) -> bytes:
    """A small picture with some detail, as a file of a kind."""
    y, x = np.mgrid[0:96, 0:128]
    pixels = np.stack([x * 2, y * 2, (x * y) % 256], -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def truncated_jpeg() -> bytes:
    """The first third of a JPEG."""
    whole = picture_bytes("JPEG")
    return whole[: len(whole) // 3]


def png_with_wrong_checksum() -> bytes:
    """A PNG in which one byte of the pixels was changed after the checksum had been made."""
    whole = bytearray(picture_bytes("PNG"))
    middle = whole.index(b"IDAT") + 40
    whole[middle] ^= 0xFF
    return bytes(whole)


def zip_archive() -> bytes:
    """A zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("readme.txt"), "not a picture")
    return buffer.getvalue()


def wav_without_sound() -> bytes:
    """A WAV header that promises no samples at all."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", 0
    )


def pickled_array() -> bytes:
    """A .npy file whose content is a pickle: it must never be opened as one."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def noise_as_mp3() -> bytes:
    """Bytes without any order."""
    return np.random.default_rng(5).bytes(30_000)


def enormous_png() -> bytes:
    """A tiny PNG whose header claims 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


BROKEN = {
    "damaged/half-a-picture.jpg": truncated_jpeg,
    "damaged/checksum.png": png_with_wrong_checksum,
    "damaged/archive.jpg": zip_archive,
    "damaged/empty-recording.wav": wav_without_sound,
    "damaged/objects_depth.npy": pickled_array,
    "damaged/static.mp3": noise_as_mp3,
    "damaged/claims-to-be-huge.png": enormous_png,
}


def write_broken(folder: Path) -> list[Path]:
    """Write them all; the pickle is made here, and nothing here ever loads one."""
    for name, maker in BROKEN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(maker())
    return [folder / name for name in BROKEN]
