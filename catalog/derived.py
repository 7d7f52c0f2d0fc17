"""Small files derived from the catalog: written whole or not at all, made again when they are gone."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek import atomic
from anyseek.catalog.failures import translated
from anyseek.opening import read_own
from anyseek.system_errors import EXHAUSTED

if TYPE_CHECKING:
    from numpy.lib.npyio import NpzFile

    from anyseek.catalog.vectors import Halves

_SAMPLE = 64


def read_file(path: Path, most: int) -> bytes | None:
    """Its bytes, None where it cannot be read, is no regular file, or has more than `most` bytes. Raises OSError where
    the system has no more files or memory to give."""
    try:
        return read_own(str(path), most)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        return None


def check_stored(saved: NpzFile) -> None:
    """Raises ValueError for arrays that may be larger than their file: ours are never compressed."""
    if saved.zip is None or any(member.compress_type for member in saved.zip.infolist()):
        raise ValueError("compressed")


def write_file(path: Path, data: bytes) -> None:
    """Write INDEX/FOLDER/FILE or INDEX/stores/NAME/FILE; durable when this returns. Raises DiskFull, ReadOnlyIndex."""
    with translated(path.parent.parent):
        make_folder(path.parent)
        if path.is_dir():
            remove(path)
        atomic.remove_left(path)
        atomic.write(path, data, is_shared=True)  # whoever has indexed writes it, after the lock


def make_folder(path: Path) -> None:
    """A folder of derived files, usable by its owner, whatever stands in its place. Raises OSError."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        path.unlink()
    path.mkdir(parents=True, exist_ok=True)
    _make_usable(path)


def remove(path: Path) -> None:
    """A derived file or folder, if there is one, whatever its permissions. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path):
            _make_usable(Path(folder))
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _make_usable(folder: Path) -> None:
    """Somebody took away what its owner may do with it. Raises OSError for what is somebody else's."""
    mode = folder.stat().st_mode
    if mode & 0o700 != 0o700:
        folder.chmod(mode | 0o700)


def sample_crc(vectors: Halves) -> int:
    """A checksum of up to 64 rows, evenly spread with the first and the last: by it what was made of other vectors is
    recognised, since the rows of a generation never change."""
    import numpy as np

    n = len(vectors)
    rows = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64))
    return zlib.crc32(np.ascontiguousarray(vectors[rows]).tobytes(), n)
