"""A catalog that lies under the name of another file of its index, after a mishap with a copy or a recovery."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from anyseek.catalog.locking import LOCK_NAME
from anyseek.catalog.schema import APPLICATION_ID

HEADER, ID_AT = b"SQLite format 3\0", 68
"""How a database of SQLite begins, and where in it the number of its program stands."""

_MARKS = (LOCK_NAME, ".gitignore", "CACHEDIR.TAG")
_FOLDERS = ("vectors", "faiss", "stores", "calibration")
_SAFELY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def where_catalog_lies(folder: Path) -> str:
    """The name, below `folder`, of a file of ours that holds a catalog and should not; "" for none."""
    return next((str(path.relative_to(folder)) for path in _files(folder) if _is_catalog(path)), "")


def _files(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _MARKS)
    for name in _FOLDERS:
        with suppress(OSError):
            yield from sorted((folder / name).iterdir())


def _is_catalog(path: Path) -> bool:
    try:
        descriptor = os.open(path, _SAFELY)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        return is_header_of_catalog(os.pread(descriptor, ID_AT + 4, 0))
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_header_of_catalog(data: bytes) -> bool:
    """Whether a file that begins so is a database of Anyseek."""
    return data.startswith(HEADER) and data[ID_AT : ID_AT + 4] == APPLICATION_ID.to_bytes(4, "big")
