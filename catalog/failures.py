"""Errors of SQLite and of the system, as Anyseek's own: the one place of the catalog where they are told apart.

Damage is what SQLite read and found wrong (SQLITE_CORRUPT, SQLITE_NOTADB), and what our own checks find. Whatever else
fails says nothing about what is stored.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyseek.errors import (
    AnyseekError,
    IndexDamaged,
    IndexLocked,
    IndexNotFound,
    ReadOnlyIndex,
    SystemRefused,
    UsageError,
)
from anyseek.printable import printable
from anyseek.system_errors import NO_MEMORY, as_anyseek

REPAIR = "Run `anyseek doctor --repair`, then `anyseek index`."
LOST = "A part of the index was damaged; the next `anyseek index` reads it again."
"""Why a file is read again."""

_TOO_MUCH = re.compile(r"too (many|large|long|big|deep|complex)|stack overflow|exceed", re.IGNORECASE)
_UNDECODABLE = re.compile(r"could not decode", re.IGNORECASE)
# A table, a column or a statement of the schema is not what we made.
_OTHER_SCHEMA = re.compile(
    r"no such|has no column|malformed|already another|already exists|duplicate column"
    r"|incomplete input|unsupported file|unrecognized option"
    r"|tokenizer|vtable constructor|fts5 file format"
)

# Of the second byte of an SQLITE_IOERR: what it was at.
_OF_MEMORY = {sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_IOERR_SHMMAP}  # the latter: mmap() gave none
_OF_LOCKS = {
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_BLOCKED,
}
_OF_READING = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}

_MOST_WORDS = 200  # characters

# Larger than what SQLite writes at once: a page and its frame in the log, the log's index (32 KiB).
_PROBE_BYTES = 64 << 10


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Errors of SQLite and of the system about the index in `folder`, raised inside, leave as Anyseek's own."""
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(error, folder) from error
    except OSError as error:
        raise as_anyseek(error, _the_index(folder)) from error
    except MemoryError as error:  # SQLITE_NOMEM too
        raise as_anyseek(NO_MEMORY, _the_index(folder)) from error
    except OverflowError as error:
        raise UsageError("A number is larger than the catalog can hold.", "Use one of 64 bits.") from error
    except UnicodeDecodeError as error:
        # Python could not even read SQLite's message about a damaged schema.
        raise _damaged("its tables are not readable", folder) from error


def _the_index(folder: Path) -> str:
    return f"the index in {printable(str(folder))}"


def _from_sqlite(error: sqlite3.Error, folder: Path) -> AnyseekError:
    """By SQLite's own code where it has one; by its words where one code stands for many things."""
    it, text = _the_index(folder), str(error)
    full_code: int = getattr(error, "sqlite_errorcode", 0)
    code = full_code & 0xFF
    if isinstance(error, sqlite3.ProgrammingError) and "closed database" in text:
        return UsageError("This snapshot, or its catalog, is closed.")
    if _UNDECODABLE.search(text):  # raised by Python, without a code
        return _damaged("a stored text is not what was written", folder)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(_one_line(text), folder)
    if code == sqlite3.SQLITE_IOERR:
        return _from_io(full_code, folder)
    if code == sqlite3.SQLITE_CANTOPEN:
        return _why_not_opened(folder)
    if code == sqlite3.SQLITE_FULL:
        return _why_not_written(folder) or as_anyseek(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), it)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return IndexLocked(f"Another process is writing to {it}.", "Try again when it is done.")
    if full_code == sqlite3.SQLITE_READONLY_DBMOVED:
        return IndexNotFound(f"The catalog of {it} was moved or replaced meanwhile.", "Try again.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return ReadOnlyIndex(f"{it[0].upper()}{it[1:]} cannot be written.", "Check its permissions.")
    if code == sqlite3.SQLITE_NOMEM:
        return as_anyseek(NO_MEMORY, it)
    if code == sqlite3.SQLITE_INTERRUPT:
        return SystemRefused(f"A question to {it} was stopped before it was answered.", "Try again.")
    if code == sqlite3.SQLITE_TOOBIG or isinstance(error, sqlite3.DataError) or _TOO_MUCH.search(text):
        return UsageError(
            "The question is too long or too deep for the catalog.",
            "Use fewer conditions, fewer brackets inside one another, or shorter texts.",
        )
    if code == sqlite3.SQLITE_ERROR and _OTHER_SCHEMA.search(text):
        return _damaged(f"its tables are not those of Anyseek: {_one_line(text)}", folder)
    return AnyseekError(
        f"The catalog of {it} refused a statement: {_one_line(text)}.",
        "Run `anyseek doctor`. If the index is healthy, this is a bug of Anyseek; please report it.",
    )


def _one_line(text: str) -> str:
    """SQLite's words as a part of a sentence: of a damaged schema it quotes what it read there, over several lines."""
    words = printable(" ".join(text.split()))
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}..."


def _damaged(what: str, folder: Path) -> IndexDamaged:
    return IndexDamaged(f"The catalog in {printable(str(folder))} is damaged: {what}.", REPAIR)


def check_length(length: int, needed: int, folder: Path) -> None:
    """Of a vector file in bytes. Raises IndexDamaged for one that is too short."""
    if length < needed:
        raise IndexDamaged(f"A vector file in {folder} is cut off: {length} bytes of {needed}.", REPAIR)


def _from_io(full_code: int, folder: Path) -> AnyseekError:
    it = _the_index(folder)
    if full_code in _OF_MEMORY:
        return as_anyseek(NO_MEMORY, it)
    if full_code in _OF_LOCKS:
        return SystemRefused(
            f"The file system of {it} gave no lock.",
            "Keep the index on a disk of this machine: --index FOLDER.",
        )
    # SQLite keeps the system's reason to itself; the same refusal meets whoever tries to write there.
    refused = None if full_code in _OF_READING else _why_not_written(folder)
    return refused or as_anyseek(OSError(errno.EIO, "a read or a write was refused"), it)


def has_passed(error: sqlite3.Error, folder: Path) -> bool:
    """Whether SQLite failed to open or write a file for a reason that it does not give, and nothing would fail now."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    has_no_reason = code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    if not has_no_reason or code in _OF_MEMORY | _OF_LOCKS | _OF_READING:
        return False
    return _why_not_written(folder) is None


def _why_not_written(folder: Path) -> AnyseekError | None:
    """What refuses a write into the folder at this moment; None when nothing does."""
    from tempfile import TemporaryFile  # here: readers start without it

    try:
        end = max(os.stat(path).st_size for path in folder.glob("catalog.sqlite*"))
    except (OSError, ValueError):
        end = 0
    try:
        if os.statvfs(folder).f_bavail == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        largest, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if largest != resource.RLIM_INFINITY and end + _PROBE_BYTES > largest:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        with TemporaryFile(dir=folder) as file:
            # At its begin: written further on, some file systems fill all that comes before with zeros.
            os.pwrite(file.fileno(), bytes(_PROBE_BYTES), 0)
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = None  # a name that nobody knows
        return as_anyseek(error, _the_index(folder))
    return None


def _why_not_opened(folder: Path) -> AnyseekError:
    it = _the_index(folder)
    path = folder / "catalog.sqlite"
    try:
        # Not by opening the catalog itself: closing it again would drop the locks that SQLite holds on it.
        os.close(os.open(folder, os.O_RDONLY))
        os.stat(path)
    except FileNotFoundError as error:  # so it is, too, while a catalog is being made
        return _why_not_written(folder) or as_anyseek(error, it)
    except OSError as error:
        return as_anyseek(error, it)
    if not os.access(path, os.R_OK):
        return as_anyseek(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)), it)
    if path.is_dir():
        return as_anyseek(IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)), it)
    return _why_not_written(folder) or ReadOnlyIndex(
        f"The catalog of {it} cannot be opened.", "Check the permissions of the folder and of its files."
    )
