"""Opening files of which others may have had the place: below a root without being led out of it, and a program's own.

What was scanned, indexed or shown once is opened again later, and by then a file or a folder above it may be a link to
anywhere. So a file of an index is named by its root and the way from there, and the way is gone step by step: no link
on it is followed, whoever puts one there when. The files that make up the index are opened by `open_own`.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

# O_PATH: a folder that may be passed through need not be one that may be listed.
_PASS = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_LIST = os.O_DIRECTORY | os.O_CLOEXEC | os.O_RDONLY
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True, slots=True)
class FileBelow:
    """A file by its root, an absolute path, and the way from there: "/"-separated, undecodable bytes as surrogates.

    The root itself may be a link, or lie behind one: people chose it. `os.fspath` gives the absolute path.
    """

    root: str
    path: str

    def __fspath__(self) -> str:
        return os.path.join(self.root, self.path)


AnyFile: TypeAlias = str | FileBelow
"""A path that somebody named, whose links are followed; or a file below a root, where none is."""


class NotRegular(OSError):
    """A folder, pipe, device or the like, which was not opened. mode: its st_mode; kind: what it is, in a word."""

    def __init__(self, name: str, mode: int) -> None:
        super().__init__(errno.EINVAL, "not a regular file", name)
        self.mode = mode

    @property
    def kind(self) -> str:
        return _KINDS.get(stat.S_IFMT(self.mode), "device")


_KINDS = {stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


def open_file(file: AnyFile) -> int:
    """A descriptor of a regular file, for reading; the caller closes it.

    Raises OSError: NotRegular, ELOOP for a link below a root; ValueError for a path with NUL.
    """
    if isinstance(file, FileBelow):
        folder, _, name = file.path.rpartition("/")
        above = _opened_folder(file.root, folder, _PASS)
        try:
            return _opened_regular(name, os.O_NOFOLLOW, above)
        finally:
            os.close(above)
    return _opened_regular(file, 0, None)


def open_own(path: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a file that is the program's own, as those of an index; the caller closes it.

    What lies at its name may be anybody's work: nothing but a regular file is opened, no link at the end of the path is
    followed, and nothing is waited for. The folder may lie behind a link: people put one there. flags: as of os.open.
    Raises OSError: NotRegular, a link too.
    """
    with suppress(FileNotFoundError):
        stat_own(path)
    handle = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW, 0o666)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):  # swapped since
        os.close(handle)
        raise NotRegular(path, mode)
    return handle


def stat_own(path: str) -> os.stat_result:
    """What `open_own` would open. Raises OSError: NotRegular, a link too."""
    facts = os.lstat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise NotRegular(path, facts.st_mode)
    return facts


def what_is_not_a_file(path: str | os.PathLike[str]) -> NotRegular | None:
    """The error for what lies at a path and is no file; None for a file, and for nothing. Raises OSError."""
    with suppress(FileNotFoundError, NotADirectoryError):
        try:
            stat_own(os.fspath(path))
        except NotRegular as error:
            return error
    return None


def read_own(path: str, most: int) -> bytes:
    """The content of a file as `open_own` opens it. Raises OSError: NotRegular; EFBIG for more than `most` bytes."""
    with os.fdopen(open_own(path), "rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if n_bytes > most:
            raise OSError(errno.EFBIG, f"longer than {most} bytes", path)
        return file.read(n_bytes)


MOST_TEXT = 64 << 20
"""Bytes of a list that a person gives in a file."""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that a person named, be it a pipe. Raises OSError; ValueError for what is not UTF-8, and
    for more than MOST_TEXT: a device has no end."""
    with path.open("rb") as file:
        data = file.read(MOST_TEXT + 1)
    if len(data) > MOST_TEXT:
        raise ValueError(f"more than {MOST_TEXT} bytes")
    return data.decode("utf-8-sig").splitlines()


def stat_file(file: FileBelow) -> os.stat_result:
    """What lies at the end of the way, itself never followed.

    Raises OSError, ELOOP for a link on the way; ValueError for a path with NUL.
    """
    folder, _, name = file.path.rpartition("/")
    _check_step(name)
    above = _opened_folder(file.root, folder, _PASS)
    try:
        return os.stat(name, dir_fd=above, follow_symlinks=False)
    finally:
        os.close(above)


def open_folder(root: str, path: str) -> int:
    """A descriptor of the folder `path` below `root` ("": the root itself), for listing; the caller closes it.

    Raises OSError, ELOOP for a link below the root.
    """
    return _opened_folder(root, path, _LIST)


def is_link_error(error: BaseException) -> bool:
    """Whether `open_file` or `open_folder` met a link that it does not follow."""
    return isinstance(error, OSError) and error.errno == errno.ELOOP


def _opened_folder(root: str, path: str, flags: int) -> int:
    steps = [step for step in path.split("/") if step]
    here = os.open(root, _PASS if steps else flags)
    for at, step in enumerate(steps):
        try:
            below = _opened_step(step, flags if at == len(steps) - 1 else _PASS, here)
        finally:
            os.close(here)
        here = below
    return here


def _opened_step(name: str, flags: int, above: int) -> int:
    _check_step(name)
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=above)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
            raise _link(name) from None
        raise


def _opened_regular(name: str, no_follow: int, above: int | None) -> int:
    if no_follow:
        _check_step(name)
    # stat first: opening a pipe would wait, opening a device may act.
    mode = os.stat(name, dir_fd=above, follow_symlinks=not no_follow).st_mode
    if stat.S_ISLNK(mode):
        raise _link(name)
    if not stat.S_ISREG(mode):
        raise NotRegular(name, mode)
    handle = os.open(name, _READ | no_follow, dir_fd=above)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):  # swapped since
        os.close(handle)
        raise NotRegular(name, mode)
    return handle


def _check_step(name: str) -> None:
    """A way goes down only. No scan gives such a name; a catalog that was tampered with may."""
    if name in ("", ".", "..") or "/" in name:
        raise OSError(errno.EINVAL, "not a name of a file", name)


def _link(name: str) -> OSError:
    return OSError(errno.ELOOP, "a link, which is not followed", name)
