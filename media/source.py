"""One opened file: its stream, its stat facts, its hash. A small file is read from the disk once."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from anyseek.errors import MediaError
from anyseek.opening import AnyFile, NotRegular, is_link_error, open_file
from anyseek.printable import printable

HEAD_BYTES = 64 << 10
SMALL_BYTES = 64 << 20
HASH_BYTES = 16

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What tells one state of a file from another, by fstat on the opened file."""

    size: int
    mtime_ns: int
    inode: int


class Facts(Protocol):
    """What tells one state of a file from another, as a scan, the catalog and a reader have it."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def mtime_ns(self) -> int:
        """Time of the last change, nanoseconds since 1970."""

    @property
    def inode(self) -> int:
        """Its number in the file system."""


@dataclass(slots=True)
class Source:
    """A regular file, opened for reading. `stream` is binary and seekable; `name` is for messages.

    Readers use `stream` alone: by `path` another file may be found.
    """

    path: str
    facts: FileFacts
    stream: BinaryIO
    _file: BinaryIO
    _head: bytes | None = None

    @staticmethod
    @contextmanager
    def open(file: AnyFile) -> Iterator[Source]:
        """Raises MediaError: vanished, unreadable, not-a-file for all but regular files, never opened;
        changed-while-read for a link on the way from a root."""
        path = os.fspath(file)
        try:
            handle = open_file(file)
        except NotRegular as error:
            raise _special(path, error.mode) from error
        except (OSError, ValueError) as error:
            raise _read_error(path, error) from error
        with os.fdopen(handle, "rb") as opened:
            yield Source(path, _facts(os.fstat(handle)), opened, opened)

    @property
    def name(self) -> str:
        """The last part of the path, printable on one line whatever its bytes are."""
        return printable(os.path.basename(self.path))

    @property
    def suffix(self) -> str:
        """`.jpg` and the like, in lower case, or the empty string."""
        return os.path.splitext(self.path)[1].lower()

    def head(self) -> bytes:
        """The first 64 KiB."""
        if self._head is None:
            try:
                self.stream.seek(0)
                self._head = self.stream.read(HEAD_BYTES)
                self.stream.seek(0)
            except OSError as error:
                raise _read_error(self.path, error) from error
        return self._head

    def rewound(self) -> BinaryIO:
        """The stream, at its start."""
        self.stream.seek(0)
        return self.stream

    def load(self) -> None:
        """Read a small file into memory: hash and decoder then see the same bytes. Larger ones stay put."""
        if self.facts.size > SMALL_BYTES or isinstance(self.stream, io.BytesIO):
            return
        try:
            self.stream = io.BytesIO(self.rewound().read(self.facts.size + 1))
        except OSError as error:
            raise _read_error(self.path, error) from error

    def digest(self) -> bytes:
        """The whole file's hash, 16 bytes: SHA-256, cut.

        SHA-256 because processors do it in hardware: 1.2 to 1.5 GB/s where blake2b had 0.5 to 0.7.
        """
        import hashlib  # here: OpenSSL takes a while, and not all who open files hash them

        hasher = hashlib.sha256()
        if isinstance(self.stream, io.BytesIO):
            hasher.update(self.stream.getbuffer())
        else:
            try:
                stream = self.rewound()
                while block := stream.read(_BLOCK_BYTES):
                    hasher.update(block)
            except OSError as error:
                raise _read_error(self.path, error) from error
            self.rewound()
        return hasher.digest()[:HASH_BYTES]

    def check_same(self, seen: Facts | None) -> None:
        """Raises MediaError changed-while-read unless this is the file that had these facts (None: any).

        It may have been written to since, or have been replaced by a file of its size and time, where file systems
        count inodes anew; but not by another one: that may be a link to what was never to be read.
        """
        if seen is None or self.facts.inode == seen.inode:
            return
        if (self.facts.size, self.facts.mtime_ns) != (seen.size, seen.mtime_ns):
            raise MediaError(
                f"{self.name} was replaced by another file while the folder was read.",
                "changed-while-read",
                "Index again.",
            )

    def check_unchanged(self) -> None:
        """Raises MediaError changed-while-read when the file is no longer what it was at `open`."""
        try:
            now = _facts(os.fstat(self._file.fileno()))
        except OSError as error:
            raise _read_error(self.path, error) from error
        read = self.stream.getbuffer().nbytes if isinstance(self.stream, io.BytesIO) else now.size
        if now != self.facts or read != now.size:
            raise MediaError(
                f"{self.name} changed while it was read.",
                "changed-while-read",
                "Index again when it is whole.",
            )


def _facts(status: os.stat_result) -> FileFacts:
    return FileFacts(status.st_size, status.st_mtime_ns, status.st_ino)


def _special(path: str, mode: int) -> MediaError:
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
    }
    kind = kinds.get(stat.S_IFMT(mode), "something special")
    return MediaError(
        f"{printable(os.path.basename(path))} is {kind}, not a file.", "not-a-file", "Only files are read."
    )


def _read_error(path: str, error: OSError | ValueError) -> MediaError:
    name = printable(os.path.basename(path))
    if is_link_error(error):
        return MediaError(
            f"{name} is a link by now, or lies behind one, and links are not followed.",
            "changed-while-read",
            "Index the folder that it points to.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return MediaError(f"{name} is no longer there.", "vanished", "Index again if it has come back.")
    if isinstance(error, PermissionError):
        return MediaError(f"{name} may not be read by this user.", "unreadable", "Change its permissions.")
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return MediaError(f"{name} cannot be read: {why}.", "unreadable", "Check the disk and the permissions.")
