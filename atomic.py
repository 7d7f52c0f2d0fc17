"""Files that are written whole or not at all."""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_DESCRIPTORS = re.compile(r"/proc/(self|thread-self|\d+)(/task/\d+)?/fd|/dev/fd")
_MOST_LINKS = 40
_LONGEST_NAME = 200  # bytes, of which a hidden name beside it keeps all


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
        _remove_other(unfinished)
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


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A binary file for what people name, where what is there stays what it is; written when the block ends well.

    A regular file, also behind links, is replaced as `replacing` does it for one that is shared, with the mode and,
    where this user may give it, the owner that it had. A pipe, a device or an open descriptor (/dev/stdout, a shell's
    >(...)) gets the content as it is written to any of them; until then it is in a temporary file, and can be sought
    in. Raises OSError.
    """
    facts = _facts(path)
    if facts is not None and (not stat.S_ISREG(facts.st_mode) or _is_descriptor(path)):
        from tempfile import TemporaryFile  # here: readers start without it

        with TemporaryFile() as content:
            yield content
            content.seek(0)
            with path.open("ab") as device:  # not truncated: a shell's >> is what it is
                shutil.copyfileobj(content, device)
        return
    target = Path(os.path.realpath(path))
    remove_left(target)
    with replacing(target, is_shared=True) as file:
        if facts is not None:
            with suppress(PermissionError):
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(facts.st_mode))
        yield file


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_descriptor(path: Path) -> bool:
    """Whether a path, perhaps by links, is a name of an open file: to replace that would reach nobody."""
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if _DESCRIPTORS.fullmatch(folder):
            return True
        if not path.is_symlink():
            return False
        path = Path(folder) / path.readlink()
    return False


def _remove_other(unfinished: Path) -> None:
    """What is no file there: a pipe would be waited for, a link followed."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(unfinished.lstat().st_mode):
            unfinished.unlink()


def partial(path: Path, writer: str = "") -> Path:
    """Where the new content of `path` is until it is whole; a killed process leaves it there."""
    return path.with_name(f".{_short_name(path)}{writer}.part")


def _short_name(path: Path) -> str:
    """The name, or of one that leaves no room for more (a name has at most 255 bytes) its beginning and a checksum."""
    whole = os.fsencode(path.name)
    if len(whole) <= _LONGEST_NAME:
        return path.name
    import zlib  # here: readers start without it

    return f"{path.name[: _LONGEST_NAME // 4]}-{zlib.crc32(whole):08x}"


def remove_left(path: Path) -> None:
    """Remove what processes that are gone left unfinished of a shared `path`. What cannot be removed stays."""
    name = _short_name(path)
    for left in path.parent.glob(f".{glob.escape(name)}.*-*.part"):
        process = left.name.removeprefix(f".{name}.").partition("-")[0]
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
