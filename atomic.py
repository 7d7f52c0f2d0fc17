"""Files that are written whole or not at all."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, durable: bool = True, is_shared: bool = False) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well; until then the old one stays.

    The new content is written beside it under a hidden name (`.NAME.part`) and synced, then renamed, and the folder is
    synced: after a crash, or a disk that fills up, `path` holds the old content or the new one. durable: False leaves
    the syncing to the system, which saves milliseconds a file; a killed process still leaves the old content or the
    new one, a power failure perhaps neither. is_shared: others may write it at the same moment, without a lock; the
    hidden name is then one's own, and the last who ends stays. Raises OSError.
    """
    unfinished = partial(path, f".{os.getpid()}-{threading.get_ident()}" if is_shared else "")
    try:
        with unfinished.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def partial(path: Path, writer: str = "") -> Path:
    """Where the new content of `path` is until it is whole; a killed process leaves it there."""
    return path.with_name(f".{path.name}{writer}.part")


def remove_left(path: Path) -> None:
    """Remove what processes that are gone left unfinished of a shared `path`. What cannot be removed stays."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*-*.part"):
        process = left.name.removeprefix(f".{path.name}.").partition("-")[0]
        with suppress(OSError):
            if process.isdecimal() and not _is_running(int(process)):
                left.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def put_in_place(whole: Path, path: Path) -> None:
    """Let a finished file of the same folder take the place of `path`; durable when this returns. Raises OSError."""
    descriptor = os.open(whole, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    whole.replace(path)
    sync_folder(path.parent)


def write(path: Path, data: bytes | str, *, durable: bool = True, is_shared: bool = False) -> None:
    """The whole content at once; a str as UTF-8. See `replacing`."""
    with replacing(path, durable=durable, is_shared=is_shared) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def sync_folder(folder: Path) -> None:
    """Return when the names in `folder` are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
