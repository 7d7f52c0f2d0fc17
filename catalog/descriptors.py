"""Catalogs that are opened beside SQLite, and closed only when that costs SQLite no lock.

Closing any descriptor of a file drops every lock that the process holds on that file (fcntl(2)): those of SQLite too,
which would go on in the belief that it has them. SQLite keeps its own descriptors open for as long as it has locks;
what we open ourselves waits here for the same.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from anyseek import opening

FileId: TypeAlias = tuple[int, int]
"""Device and inode: no other file has them while one of its descriptors is open."""

_lock = threading.Lock()
_n_connecting = 0  # connections that are being made, to whichever files
_connections: Counter[FileId] = Counter()
_waiting: list[int] = []  # descriptors to be closed


def open_file(path: Path) -> int:
    """A descriptor of a regular file, for reading and for `close_file`. Raises OSError."""
    return opening.open_file(str(path))


def close_file(descriptor: int) -> None:
    """Close it: at once, or when this process has no connection to that file any more."""
    with _lock:
        _waiting.append(descriptor)
        _close_waiting()


@contextmanager
def reading(path: Path) -> Iterator[int]:
    """A descriptor for reading within the block. Raises OSError."""
    descriptor = open_file(path)
    try:
        yield descriptor
    finally:
        close_file(descriptor)


@contextmanager
def connecting() -> Iterator[None]:
    """Around making a connection and `connected`: which file it is of shows only at the end."""
    global _n_connecting
    with _lock:
        _n_connecting += 1
    try:
        yield
    finally:
        with _lock:
            _n_connecting -= 1
            _close_waiting()


def connected(file: FileId) -> None:
    """There is one more connection to this file, until `disconnected`."""
    with _lock:
        _connections[file] += 1


def disconnected(file: FileId) -> None:
    """A connection that was counted is closed."""
    with _lock:
        _connections[file] -= 1
        if not _connections[file]:
            del _connections[file]
            _close_waiting()


def _close_waiting() -> None:
    if _n_connecting:
        return
    waiting, _waiting[:] = list(_waiting), []
    for descriptor in waiting:
        facts = os.fstat(descriptor)
        if (facts.st_dev, facts.st_ino) in _connections:
            _waiting.append(descriptor)
        else:
            os.close(descriptor)
