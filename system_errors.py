"""What the operating system refused, as a sentence with its own exit code: one table for the whole program.

Only what is read and found wrong is damage. A full disk, a quota, a permission, a failing disk or a limit of the system
says nothing about what is stored, so no sentence here advises to remove anything.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anyseek.errors import (
    AnyseekError,
    DiskFailed,
    DiskFull,
    IndexLocked,
    IndexNotFound,
    ReadOnlyIndex,
    SystemRefused,
    UsageError,
)
from anyseek.opening import NotRegular
from anyseek.printable import printable

INTACT = "What was stored before is intact."

_Sentence = tuple[type[AnyseekError], str, str]
"""The class; the message, in which {it} stands for the thing, {which} for the very file, {kind} for what lies there;
the hint. No message begins with {it}: that may be the name of a file, which is not capitalised."""

_FULL: _Sentence = (
    DiskFull,
    "There is no space left for {it}.",
    f"{INTACT} Free some space and run the same command again.",
)
_QUOTA: _Sentence = (
    DiskFull,
    "The disk quota is used up, so there is no space for {it}.",
    f"{INTACT} Free some space, or have the quota raised, and run the same command again.",
)
_TOO_BIG: _Sentence = (
    DiskFull,
    "A file of {it} cannot grow: it would be larger than the system allows.",
    f"{INTACT} Raise the limit (`ulimit -f`), or use a file system that takes larger files.",
)
_FORBIDDEN: _Sentence = (
    ReadOnlyIndex,
    "This user has no permission for {it}{which}.",
    "Check the permissions of the folder and of the files in it.",
)
_READ_ONLY: _Sentence = (
    ReadOnlyIndex,
    "The file system of {it} cannot be written.",
    "Name another place, or make it writable.",
)
_GONE: _Sentence = (
    IndexNotFound,
    "A part of {it} is not there{which}.",
    "Was it moved or removed meanwhile? `anyseek doctor` looks at what is left.",
)
_FAILED: _Sentence = (
    DiskFailed,
    "The disk of {it} failed{which}: {reason}.",
    "Check the disk and its connection. Copy the index to another disk before anything is repaired.",
)
_OTHER: _Sentence = (
    SystemRefused,
    "The system refused a part of {it}{which}: {reason}.",
    f"{INTACT} Look at what lies there, and run the same command again.",
)
_STALE: _Sentence = (
    DiskFailed,
    "The network disk of {it} has lost the file{which}: {reason}.",
    "Connect the disk again, and run the same command again.",
)
_FILES: _Sentence = (
    SystemRefused,
    "Too many files are open, so {it} cannot be used.",
    "Close some programs, or raise the limit (`ulimit -n`), and try again.",
)
_MEMORY: _Sentence = (
    SystemRefused,
    "There is not enough memory for {it}.",
    "Close some programs, or use a smaller batch, and try again.",
)
_LOCKS: _Sentence = (
    SystemRefused,
    "The file system of {it} has no locks to give ({reason}).",
    "Keep the index on a disk of this machine: --index FOLDER.",
)
_BUSY: _Sentence = (
    IndexLocked,
    "Another process holds a part of {it}{which}.",
    "Try again when it is done.",
)
_NOT_A_FILE: _Sentence = (
    UsageError,
    "There is a {kind} where {it} has a file{which}.",
    "Look at what it is, and move it away.",
)
_NAME: _Sentence = (
    UsageError,
    "The system does not take the name of {it}: {reason}.",
    "Check the path.",
)

_FAULTS_OF_DISKS = (
    errno.EIO,
    errno.ENXIO,
    errno.ENODEV,
    errno.EBADMSG,
    errno.ENOTCONN,
    errno.ESHUTDOWN,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    *(
        getattr(errno, name) for name in ("EUCLEAN", "EREMOTEIO", "ENOMEDIUM") if hasattr(errno, name)
    ),  # of Linux
)

_SENTENCES: dict[int, _Sentence] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EFBIG: _TOO_BIG,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _READ_ONLY,
    errno.ENOENT: _GONE,
    errno.ENOTDIR: _GONE,
    errno.ESTALE: _STALE,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _MEMORY,
    errno.ENOLCK: _LOCKS,
    errno.EOPNOTSUPP: _LOCKS,
    errno.ENOSYS: _LOCKS,
    errno.EBUSY: _BUSY,
    errno.ETXTBSY: _BUSY,
    errno.EAGAIN: _BUSY,
    errno.EISDIR: _NOT_A_FILE,
    errno.ENAMETOOLONG: _NAME,
    errno.ELOOP: _NAME,
    **dict.fromkeys(_FAULTS_OF_DISKS, _FAILED),
}

NO_MEMORY = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
"""What Python raises as MemoryError."""


def as_anyseek(error: OSError, it: str) -> AnyseekError:
    """The sentence for an error of the system. it: the thing concerned, as "the index in /photos"."""
    sentence, kind = _SENTENCES.get(error.errno or 0, _OTHER), "folder"
    if isinstance(error, NotRegular):
        sentence, kind = _NOT_A_FILE, error.kind
    cls, message, hint = sentence
    name = printable(os.fsdecode(error.filename)) if _is_name(error.filename) else ""
    which = f" ({name})" if name and not f" {it}".endswith(f" {name}") else ""
    reason = error.strerror or str(error) or type(error).__name__
    return cls(message.format(it=it, which=which, reason=reason, kind=kind), hint)


OF_A_PATH = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
"""A path leads to no file."""


@contextmanager
def of_named(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Errors of the system about a file that a person named leave as Anyseek's own: a path that leads to no file as
    UsageError, all else as `as_anyseek` has it. what: "read" or "written"; a folder cannot be."""
    try:
        if what == "written" and os.path.isdir(path):  # before the work whose result would have no place
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        yield
    except OSError as error:
        name = printable(os.fsdecode(path))
        if error.errno not in OF_A_PATH:
            raise as_anyseek(error, name) from error
        reason = error.strerror or str(error)
        raise UsageError(f"{name} cannot be {what}: {reason}.", "Check the path.") from error


def _is_name(filename: object) -> bool:
    return isinstance(filename, (str, bytes)) and bool(filename)


EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""The system has no more to give: whatever was tried says nothing about what it was tried on."""

ABSENT = (FileNotFoundError, NotADirectoryError)
"""What the system raises where nothing is: all else says that something cannot be seen."""


def is_absent(look: Callable[[], object]) -> bool:
    """Whether `look`, as a stat or an opening, finds nothing. Raises OSError for all that is not absence."""
    try:
        look()
    except ABSENT:
        return True
    return False
