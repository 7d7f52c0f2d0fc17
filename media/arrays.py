"""NumPy files, read by their headers first: nothing pickled is ever loaded, nothing too large allocated."""

from __future__ import annotations

import io
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from anyseek.contracts import Limits
from anyseek.errors import MediaError
from anyseek.media.limits import Unsound, check_pixels, damaged
from anyseek.media.source import Source

_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    AttributeError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
    zipfile.BadZipFile,
)


_BAND_PIXELS = 1 << 22
_TAIL_BYTES = (1 << 16) + 22
_MOST_LIST_BYTES = 1 << 18
_MOST_HEADER_BYTES = 10_000  # of which NumPy, too, takes no more by default


def is_depth_npy(source: Source) -> bool:
    """Whether the file is one two-dimensional array of numbers. Raises MediaError pickled, broken."""
    with _mapped(source, "NumPy array"):
        return _is_depth(source, _header(source.rewound()))


def depth_member(source: Source) -> str | None:
    """The archive's array to read: two-dimensional numbers, one called depth first.

    Raises MediaError pickled when nothing else is in it, broken.
    """
    with _mapped(source, "NumPy archive"), _archive(source) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        names.sort(key=lambda name: not name.lower().startswith("depth"))  # stable: else as stored
        pickled: MediaError | None = None
        for name in names:
            try:
                with archive.open(name) as member:
                    if _is_depth(source, _header(member)):
                        return name
            except MediaError as error:
                pickled = error
    if pickled is not None:
        raise pickled
    return None


def load_npy(source: Source, limits: Limits) -> npt.NDArray[Any]:
    """The array of an .npy file. Raises MediaError."""
    with _mapped(source, "NumPy array"):
        header = _header(source.rewound())
        return _load(source, source.rewound(), header, limits)


def load_npz(source: Source, limits: Limits) -> npt.NDArray[Any]:
    """The depth array of an .npz file. Raises MediaError."""
    name = depth_member(source)
    if name is None:
        raise MediaError(
            f"{source.name} contains no two-dimensional array.", "wrong-modality", "Choose another file."
        )
    with _mapped(source, "NumPy archive"), _archive(source) as archive:
        with archive.open(name) as member:
            header = _header(member)
        with archive.open(name) as member:
            return _load(source, member, header, limits)


def _archive(source: Source) -> zipfile.ZipFile:
    """Opened. Raises ValueError for one of thousands of members: the list of a large one takes minutes to read."""
    stream = source.rewound()
    stream.seek(-min(source.facts.size, _TAIL_BYTES), os.SEEK_END)
    tail = stream.read(_TAIL_BYTES)
    end = tail.rfind(b"PK\5\6")  # the record at the end: APPNOTE.TXT, 4.3.16
    if end < 0 or len(tail) < end + 16 or tail.find(b"PK\6\7", max(0, end - 20), end) >= 0:
        raise Unsound("it has no list of members, or that of a ZIP64 archive")
    (list_bytes,) = struct.unpack_from("<I", tail, end + 12)
    if list_bytes > _MOST_LIST_BYTES:
        raise Unsound("it has too many members")
    return zipfile.ZipFile(source.rewound())


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of (H, W) pixels, some at a time: what is computed of them takes several times their memory."""
    height, width = shape[:2]
    n_rows = max(1, _BAND_PIXELS // max(1, width))
    for top in range(0, height, n_rows):
        yield slice(top, min(height, top + n_rows))


@contextmanager
def _mapped(source: Source, what: str) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise MediaError(
            f"{source.name} needs more memory than a decoder may use.",
            "out-of-memory",
            "Make the array smaller.",
        ) from error
    except _DAMAGE as error:
        raise damaged(source.name, what, error) from error


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise Unsound(f"there is no version {version[0]}.{version[1]} of its format")
    size, read = ("<H", npy.read_array_header_1_0) if version == (1, 0) else ("<I", npy.read_array_header_2_0)
    length = stream.read(struct.calcsize(size))
    if len(length) == struct.calcsize(size) and struct.unpack(size, length)[0] > _MOST_HEADER_BYTES:
        raise Unsound("its header is too long")  # NumPy would make room for it before it looks
    shape, _, dtype = read(io.BytesIO(length + stream.read(_MOST_HEADER_BYTES)))
    return shape, dtype


def _is_depth(source: Source, header: tuple[tuple[int, ...], np.dtype[Any]]) -> bool:
    shape, dtype = header
    if dtype.hasobject:
        raise MediaError(
            f"{source.name} contains pickled objects, which could run any program.",
            "pickled",
            "Save the array with a plain number type.",
        )
    return len(shape) == 2 and dtype.kind in "iuf"


def _load(
    source: Source, stream: IO[bytes], header: tuple[tuple[int, ...], np.dtype[Any]], limits: Limits
) -> npt.NDArray[Any]:
    shape, dtype = header
    if not _is_depth(source, header):
        raise MediaError(
            f"{source.name} contains an array of shape {shape} and type {dtype}, not a depth map.",
            "wrong-modality",
            "A depth map is a two-dimensional array of numbers.",
        )
    check_pixels(source.name, shape[1], shape[0], limits)
    try:
        array: npt.NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise MediaError(
            f"{source.name} is cut short: {shape[1]} x {shape[0]} numbers are announced, fewer are there.",
            "truncated",
            "Save or copy the file again.",
        ) from error
    return array
