"""One writer at a time: an operating-system lock on a file that names its holder.

The kernel drops the lock when its process dies, however it dies, so nothing stale can block; the file's
text is for people. Readers never look at it.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from anyseek.catalog.failures import translated
from anyseek.errors import IndexLocked, UsageError
from anyseek.jsonable import from_json, to_json
from anyseek.printable import printable
from anyseek.system_errors import ABSENT, is_absent

LOCK_NAME = "lock"

# Whatever lies at the lock's name, opening it neither waits nor leads elsewhere.
_SAFELY = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC

_MOST_TEXT = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds, or last held, the lock. `since` in Unix seconds."""

    pid: int
    host: str
    since: float
    command: str

    def __str__(self) -> str:
        try:
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        except (ValueError, OverflowError, OSError):  # no time at all: the text of the file is anybody's
            since = "an unknown time"
        return printable(f"process {self.pid} on {self.host}, since {since} ({self.command})")


class WriterLock:
    """Holds the index for one writer: `with WriterLock(folder, "anyseek index"): ...`

    Raises IndexLocked (naming the holder), ReadOnlyIndex, and UsageError for what is no lock, on entering. Never waits.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self._path = folder / LOCK_NAME
        self._command = command
        self._descriptor: int | None = None

    def __enter__(self) -> WriterLock:
        with translated(self._path.parent):
            if why := what_is_not_a_lock(self._path.parent):
                raise UsageError(why, "Look at what it is, and move it away.")
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | _SAFELY, 0o666)
            try:
                is_ours = _lock(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            if not is_ours:
                os.close(descriptor)
                raise self._refusal()
            self._descriptor = descriptor
            # A forked child would keep the lock alive after we are killed: it lets go at once.
            _descriptors.add(descriptor)
            self._write_holder(descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            _descriptors.discard(descriptor)
            with suppress(OSError):  # a name that stays is only text, and must not hide why we end
                os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def _write_holder(self, descriptor: int) -> None:
        holder = Holder(os.getpid(), os.uname().nodename, time.time(), self._command)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, to_json(holder).encode(), 0)
        except OSError:
            self.__exit__(None, None, None)
            raise

    def _refusal(self) -> IndexLocked:
        holder = read_holder(self._path.parent)
        return IndexLocked(
            f"The index in {self._path.parent} is being written by {holder or 'another process'}.",
            "Wait until it is done, or stop it. Searching works meanwhile.",
        )


def what_is_not_a_lock(folder: Path) -> str:
    """A sentence where something else than a lock lies in its place; empty where nothing or a lock does."""
    path = folder / LOCK_NAME
    if is_absent(path.lstat):
        return ""
    if not stat.S_ISREG(path.lstat().st_mode):
        return f"The lock of an index is a file, and {printable(str(path))} is none."
    if _is_lock(path):
        return ""
    return f"The lock of an index is a short text, and {printable(str(path))} is something else."


def _is_lock(path: Path) -> bool:
    """Whether a file is as short as what we write there, but for zeros: anything else is not ours to write over."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _SAFELY)
    except ABSENT:
        return True
    try:
        return len(os.read(descriptor, _MOST_TEXT + 1).strip(b"\0")) <= _MOST_TEXT
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    # `is_locked` holds the lock for an instant: one failure in a moment does not mean a writer.
    for _ in range(3):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def read_holder(folder: Path) -> Holder | None:
    """The name in the lock file: who holds it, or who died holding it. None when nobody is named."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | _SAFELY)
    except OSError:  # the text is for people: without it they are told less
        return None
    try:
        return from_json(os.read(descriptor, _MOST_TEXT), Holder)
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a living process holds the writer lock; True where that cannot be seen."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | _SAFELY)
    except ABSENT:
        return False
    except OSError:
        return True
    try:
        # Shared, so that two who look at once do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


_descriptors: set[int] = set()


def _close_in_child() -> None:
    while _descriptors:
        os.close(_descriptors.pop())


os.register_at_fork(after_in_child=_close_in_child)
