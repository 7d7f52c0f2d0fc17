"""Flat vector files: row r of `dim` float16 numbers lies at byte r * dim * 2. Nothing else is in the file.

How many rows are real stands in the catalog. A writer appends behind them, `fsync`s, and only then lets the
catalog count them; so bytes behind the last counted row are the rest of a transaction that never ended, and
the next one writes over them. Files never shrink: somebody may have mapped them.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from anyseek.atomic import sync_folder
from anyseek.catalog.failures import REPAIR, check_length, translated
from anyseek.errors import IndexDamaged, UsageError
from anyseek.opening import open_own

if TYPE_CHECKING:
    from anyseek.contracts import Floats, Rows

Halves: TypeAlias = npt.NDArray[np.float16]

FOLDER_NAME = "vectors"
HALF = np.dtype("<f2")

# Rounding each number to 11 bits leaves the length of a unit vector within 2**-11 of 1; four times that
# separates rounding from damage, and from vectors that were never normalised.
LENGTH_TOLERANCE = 2e-3


def vector_path(folder: Path, space_id: int, generation: int) -> Path:
    """Where the vectors of a space lie, in the index at `folder`."""
    return folder / FOLDER_NAME / f"{space_id}.{generation}.f16"


def as_halves(vectors: Floats, dim: int) -> Halves:
    """(n, dim) little-endian float16, ready for the file. Raises UsageError for what is not n unit rows."""
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] != dim or array.dtype.kind != "f":
        raise UsageError(f"Expected vectors of shape (n, {dim}), got {array.shape} of {array.dtype}.")
    halves = array.astype(HALF)
    if not lengths_are_one(halves).all():
        raise UsageError("A vector is not of length 1, or not a number: it was not stored.")
    return halves


def lengths_are_one(halves: Halves) -> npt.NDArray[np.bool_]:
    """For each row, whether it is a unit vector as far as float16 can tell; False for NaN and infinity."""
    with np.errstate(invalid="ignore", over="ignore"):
        wide = halves.astype(np.float32)
        lengths = np.sqrt(np.einsum("rd,rd->r", wide, wide))
        return np.asarray(np.abs(lengths - 1) <= LENGTH_TOLERANCE)


def checksums(halves: Halves) -> list[int]:
    """zlib.crc32 of each row's bytes."""
    return [zlib.crc32(row) for row in np.ascontiguousarray(halves, HALF).view(np.uint8)]


class VectorAppender:
    """Appends rows to one vector file, from row `rows` on, for one transaction."""

    def __init__(self, path: Path, dim: int, rows: int) -> None:
        self.rows = rows
        self._dim = dim
        self._folder = path.parent
        with translated(path.parent):
            path.parent.mkdir(exist_ok=True)
            self._descriptor = open_own(str(path), os.O_RDWR | os.O_CREAT)
            if (
                rows == 0
            ):  # who made the file and its folder may have been killed before their names were synced
                sync_folder(path.parent)
                sync_folder(path.parent.parent)

    def append(self, halves: Halves) -> int:
        """Write rows behind the last; returns the number of the first. Not durable before `sync`. Raises IndexDamaged
        where the file does not reach so far."""
        first = self.rows
        data = memoryview(np.ascontiguousarray(halves, HALF).tobytes())
        offset = first * self._dim * HALF.itemsize
        with translated(self._folder):
            # No hole: what was lost would be zeros, which nobody could tell from vectors by the length.
            check_length(os.fstat(self._descriptor).st_size, offset, self._folder)
            while data:
                written = os.pwrite(self._descriptor, data, offset)
                data, offset = data[written:], offset + written
        self.rows += len(halves)
        return first

    def read(self, rows: Sequence[int]) -> Halves:
        """Rows that are in the file, in this order: (len(rows), dim)."""
        size = self._dim * HALF.itemsize
        with translated(self._folder):
            data = b"".join(os.pread(self._descriptor, size, row * size) for row in rows)
        if len(data) != size * len(rows):
            raise IndexDamaged(f"A vector file in {self._folder} is cut off.", REPAIR)
        return np.frombuffer(data, HALF).reshape(len(rows), self._dim)

    def sync(self) -> None:
        """Return when all that was appended is on the disk."""
        with translated(self._folder):
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def map_rows(descriptor: int, dim: int, rows: int, folder: Path) -> Halves:
    """The first `rows` rows of an open vector file, (rows, dim), read-only and read as they are touched.

    The mapping outlives the descriptor. Raises IndexDamaged when the file is too short for them.
    """
    needed = rows * dim * HALF.itemsize
    if needed == 0:
        return np.zeros((0, dim), HALF)
    with translated(folder):
        check_length(os.fstat(descriptor).st_size, needed, folder)
        mapped = mmap.mmap(descriptor, needed, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, HALF).reshape(rows, dim)


def rows_at(descriptor: int, dim: int, rows: Sequence[int], folder: Path) -> Halves:
    """Ascending rows of an open vector file, (len(rows), dim), read and not mapped: where the disk fails, that is an
    error and no signal. Raises IndexDamaged when the file is too short for them, DiskFailed."""
    size = dim * HALF.itemsize
    if not rows:
        return np.zeros((0, dim), HALF)
    is_dense = rows[-1] - rows[0] < 4 * len(rows)
    with translated(folder):
        if is_dense:
            data = os.pread(descriptor, (rows[-1] - rows[0] + 1) * size, rows[0] * size)
        else:
            data = b"".join(os.pread(descriptor, size, row * size) for row in rows)
    halves = np.frombuffer(data[: len(data) // size * size], HALF).reshape(-1, dim)
    if len(halves) < (rows[-1] - rows[0] + 1 if is_dense else len(rows)):
        raise IndexDamaged(f"A vector file in {folder} is cut off.", REPAIR)
    return halves[np.array(rows) - rows[0]] if is_dense else halves


def take_rows(vectors: Halves, rows: Rows) -> Floats:
    """(len(rows), dim) float32, in the order of `rows`."""
    return vectors[rows].astype(np.float32)
