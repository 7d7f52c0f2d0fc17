"""Pictures, by Pillow: whatever the file stores comes out as upright 8-bit RGB on white."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError, features

from anyseek.contracts import DecodeHint, Limits, Modality, SegmentData, Span
from anyseek.errors import MediaError
from anyseek.media import peek
from anyseek.media.arrays import bands
from anyseek.media.format import FileType
from anyseek.media.limits import Unsound, check_pixels, damaged, missing_reader
from anyseek.media.source import Source

# What Pillow's readers raise on damaged files, beside OSError: seen under fuzzing, each of them.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_guard = Lock()
_n_in_use = 0
_pillows_own: int | None = None


def read(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """One segment: uint8 (H, W, 3) RGB. Of an animation or a stack of pages, the first."""
    hint = hints[Modality.IMAGE]
    if first == 0 and count != 0:
        with opened(source, file_type, hint.limits) as picture:
            if hint.min_side:
                picture.draft("RGB", (hint.min_side, hint.min_side))
            pixels = _rgb(picture)
        yield SegmentData(Modality.IMAGE, Span(), pixels)


def upright_rgb(picture: Image.Image) -> npt.NDArray[np.uint8]:
    """A Pillow picture of any mode as uint8 (H, W, 3) RGB. Raises MediaError when it cannot be loaded."""
    with _problems_of("The picture", picture.format or "picture"):
        return _rgb(picture)


@contextmanager
def opened(source: Source, file_type: FileType, limits: Limits) -> Iterator[Image.Image]:
    """The picture, its header read and its pixel count checked, its pixels not yet decoded.

    What goes wrong while it is in use becomes a MediaError.
    """
    with _problems_of(source.name, file_type.format.name):
        if file_type.format.name == "PNG":
            _check_png_sums(source.rewound())
        _check_webp(source, file_type, limits)
        with _open(source, file_type) as picture:
            check_pixels(source.name, *picture.size, limits)
            with _pillows_limit(source.name, limits):
                yield picture


@contextmanager
def _pillows_limit(name: str, limits: Limits) -> Iterator[None]:
    """Pillow's own bound, which is one for the process and lower than ours, is ours: it bounds tiles and frames."""
    global _n_in_use, _pillows_own
    half = -(-limits.max_pixels // 2)  # it warns from its bound on, and refuses from twice that
    with _guard:
        if not _n_in_use:
            _pillows_own, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, half
        else:
            Image.MAX_IMAGE_PIXELS = max(half, Image.MAX_IMAGE_PIXELS or 0)
        _n_in_use += 1
    try:
        yield
    except Image.DecompressionBombError as error:
        raise MediaError(
            f"{name} has a tile or frame of more than the limit of {limits.max_pixels / 1e6:,.0f} million pixels.",
            "too-many-pixels",
            "Scale the picture down, or raise the limit on pixels.",
        ) from error
    finally:
        with _guard:
            _n_in_use -= 1
            if not _n_in_use:
                Image.MAX_IMAGE_PIXELS = _pillows_own


@contextmanager
def _problems_of(name: str, format_name: str) -> Iterator[None]:
    """Pillow's errors as MediaError. What it only warns of is let pass: damaged EXIF, odd TIFF tags, palettes
    with transparency change no pixel."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            yield
        except MemoryError as error:
            raise MediaError(
                f"{name} needs more memory than a decoder may use.",
                "out-of-memory",
                "Scale the picture down.",
            ) from error
        except _DAMAGE as error:
            raise _problem(name, format_name, error) from error


def _open(source: Source, file_type: FileType) -> Image.Image:
    library, name = file_type.format.library, source.name
    stream = source.rewound()
    if library == "HEIF":
        try:
            from pillow_heif import HeifImageFile
        except ImportError as error:
            raise missing_reader(name, "a HEIC picture", "heic", "pillow-heif") from error
        heif: Image.Image = HeifImageFile(stream)  # type: ignore[no-untyped-call]
        return heif
    if library == "AVIF" and not features.check("avif"):
        raise MediaError(
            f"{name} is an AVIF picture, and this Pillow was built without its reader.",
            "missing-reader",
            "pip install --upgrade pillow",
        )
    return _header(stream, library)


def _header(stream: BinaryIO, library: str) -> Image.Image:
    """Read by that reader alone: a file cannot choose another (that of EPS runs programs)."""
    with _guard:
        pillows_own, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # check_pixels follows at once
        try:
            return Image.open(stream, formats=[library])
        finally:
            Image.MAX_IMAGE_PIXELS = pillows_own


def _check_png_sums(stream: BinaryIO) -> None:
    """Raises Unsound on a wrong checksum, SyntaxError: Pillow's decoder skips those of the pixel data."""
    try:
        _header(stream, "PNG").verify()
    except SyntaxError as error:
        raise Unsound("a checksum in it is wrong") if "checksum" in str(error) else error from error


def _check_webp(source: Source, file_type: FileType, limits: Limits) -> None:
    if file_type.format.name == "WebP" and (size := peek.webp_size(source.head())):
        check_pixels(source.name, *size, limits)


def _problem(name: str, format_name: str, error: BaseException) -> MediaError:
    text = str(error)
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return MediaError(
            f"{name} is cut short: its {format_name} data ends before the picture does.",
            "truncated",
            "Copy or download the file again.",
        )
    is_unknown = isinstance(error, UnidentifiedImageError)
    return damaged(name, format_name, "its header cannot be read" if is_unknown else error)


# ---------------------------------------------------------------- to upright RGB


def _rgb(picture: Image.Image) -> npt.NDArray[np.uint8]:
    picture.load()
    turn = _UPRIGHT.get(
        _orientation(picture)
    )  # after load: Pillow turns a TIFF by itself, and then reports it
    flat = _on_white(_eight_bit(picture))
    if turn is not None:
        flat = flat.transpose(turn)
    return np.asarray(flat, np.uint8)


def _orientation(picture: Image.Image) -> int:
    """1 to 8; 1 (upright) where EXIF cannot be read."""
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except _DAMAGE:
        return 1  # damaged EXIF says nothing about orientation, and the pixels may be whole
    return value if isinstance(value, int) else 1


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Modes of more than 8 bits to L, scaled: Pillow's own conversion clips them at 255."""
    if picture.mode.startswith("I;16"):
        values = np.asarray(picture)
        scaled = np.empty(values.shape, np.uint8)
        for rows in bands((picture.height, picture.width)):
            scaled[rows] = (values[rows].astype(np.uint32) * 255 + 32_767) // 65_535
        return Image.fromarray(scaled)
    if picture.mode in ("I", "F"):
        return Image.fromarray(_stretched(np.asarray(picture)))
    return picture


def _stretched(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Numbers without a range of their own: 0 to 1, or 0 to 65535, where they fit, else lowest to highest."""
    parts = list(bands(values.shape))
    low = min((float(_plain(values[rows]).min(initial=0)) for rows in parts), default=0.0)
    high = max((float(_plain(values[rows]).max(initial=0)) for rows in parts), default=0.0)
    if low >= 0 and np.issubdtype(values.dtype, np.floating) and high <= 1:
        high = 1.0
    elif low >= 0 and np.issubdtype(values.dtype, np.integer) and high <= 65_535:
        high = 65_535.0
    scaled = np.zeros(values.shape, np.uint8)
    if high > low:
        for rows in parts:
            scaled[rows] = np.rint((_plain(values[rows]) - low) * (255 / (high - low))).astype(np.uint8)
    return scaled


def _plain(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.has_transparency_data:
        flat = Image.new("RGB", picture.size)
        for rows in bands((picture.height, picture.width)):
            seen = picture.crop((0, rows.start, picture.width, rows.stop)).convert("RGBA")
            white = Image.new("RGBA", seen.size, "white")
            flat.paste(Image.alpha_composite(white, seen).convert("RGB"), (0, rows.start))
        return flat
    return picture if picture.mode == "RGB" else picture.convert("RGB")
