"""The drive that an indexed folder lies on: by it, a folder that was moved or deleted is told from one whose drive is
not connected.

A drive is known by where it is mounted and by the number of its file system. Both are recorded when a run has read the
folder. When the folder is not there and its drive still is, the folder has really gone. When its drive is not there, or
another one is mounted in its place, or no run has recorded one, the folder may come back.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple, TypeAlias

Drive: TypeAlias = tuple[str, int]
"""Where it is mounted (bytes of the path, hexadecimal), and the number of its file system."""


def drive_of(folder: Path) -> Drive | None:
    """None where it cannot be told."""
    path = os.path.realpath(folder)
    try:
        while not os.path.ismount(path):
            path = os.path.dirname(path)
        return os.fsencode(path).hex(), os.statvfs(path).f_fsid
    except OSError:
        return None


def is_connected(drive: Drive) -> bool:
    """Whether this very drive is mounted where it was."""
    place = os.fsdecode(bytes.fromhex(drive[0]))
    try:
        return os.path.ismount(place) and os.statvfs(place).f_fsid == drive[1]
    except OSError:
        return False


class Mount(NamedTuple):
    """A mounted file system: the absolute path where, and what tells it from one that was mounted there before."""

    path: str
    number: bytes


def mounts() -> list[Mount]:
    """All that this process sees; [] where the system does not list them as Linux does."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return []
    fields = [line.split(b" ", 5) for line in lines]
    return [
        Mount(os.fsdecode(_unescaped(place)), number + b" " + device)
        for number, _, device, _, place, _ in fields
    ]


def _unescaped(path: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), path)
