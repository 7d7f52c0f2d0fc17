"""A thin SQLite connection: explicit transactions, and foreign errors turned into ours at this edge."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anyseek.catalog.codec import clean_text
from anyseek.errors import (
    AnyseekError,
    DiskFull,
    IndexDamaged,
    IndexLocked,
    IndexNotFound,
    ReadOnlyIndex,
    UsageError,
)
from anyseek.folding import folded
from anyseek.tokens import word_tokens

CATALOG_NAME = "catalog.sqlite"

# How long a reader or writer waits for another process's short transaction. Long runs are kept apart by
# the writer lock, not by this.
BUSY_MS = 10_000

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What SQLite answers when it cannot make its -shm file: read-only media, or a full disk.
_NO_PLACE_FOR_SHM = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


class Database:
    """One connection to a catalog. Not for several threads at once.

    Raises, from every method: DiskFull, ReadOnlyIndex, IndexLocked, IndexDamaged.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path, file: int = 0) -> None:
        """file: the inode that it is connected to."""
        self._open_connection: sqlite3.Connection | None = connection
        self._n_unread = 0
        self.folder = folder
        self.file = file

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open_connection is None:
            raise UsageError("This snapshot, or its catalog, is closed.")
        return self._open_connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """The cursor after one statement; take its rows with `rows` or `first` when there may be many."""
        with translated(self.folder):
            return self._connection.execute(sql, values)

    def run_many(self, sql: str, values: Iterable[Sequence[Any]]) -> int:
        """One statement per item of `values`; returns how many table rows they changed in all."""
        with translated(self.folder):
            return max(0, self._connection.executemany(sql, values).rowcount)

    def script(self, sql: str) -> None:
        """Several statements, inside the transaction that is open (`executescript` would commit it)."""
        for statement in sql.split(";"):
            if statement.strip():
                self.run(statement)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Rows as tuples, read as they are asked for."""
        with translated(self.folder):
            self._n_unread += 1
            # Not `yield from`: that would close the cursor of an unfinished loop, after its connection.
            for row in self._connection.execute(sql, values):  # noqa: UP028
                yield row
            self._n_unread -= 1

    def first(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first row as a tuple, or None."""
        with translated(self.folder):
            return self._connection.execute(sql, values).fetchone()

    def rollback(self) -> None:
        """End the transaction, if there is one, as if it had never been."""
        if self._connection.in_transaction:
            with translated(self.folder):
                self._connection.execute("ROLLBACK")

    def detached(self) -> Database | None:
        """The connection for another user, this one being closed; None while a result is not read to its end."""
        if self._open_connection is None or self._n_unread:
            return None
        self.rollback()
        connection, self._open_connection = self._open_connection, None
        return Database(connection, self.folder, self.file)

    def close(self) -> None:
        """Safe to call twice."""
        if self._open_connection is not None:
            self._open_connection.close()


def connect(folder: Path, *, writable: bool) -> Database:
    """A connection to the catalog in `folder`; a reader's one refuses to write.

    Raises IndexNotFound, ReadOnlyIndex (writable only), IndexDamaged, IndexLocked.
    """
    path = folder / CATALOG_NAME
    if not path.is_file() or path.stat().st_size == 0:
        raise IndexNotFound(
            f"There is no index in {folder}.",
            "Make one with `anyseek index FOLDER`, or name one with --index.",
        )
    with translated(folder):
        if not writable:
            return Database(_connect_reader(path), folder, path.stat().st_ino)
        if not (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
            raise ReadOnlyIndex(f"The index in {folder} cannot be written.", "Check its permissions.")
        connection = _open(path, "mode=rw")
        # FULL: a commit that was reported is on the disk, also when the power fails (one fsync a batch).
        connection.execute("PRAGMA synchronous = FULL")
        return Database(connection, folder)


def create_database(folder: Path) -> Database:
    """A writable connection to a new, still empty catalog file in WAL mode."""
    with translated(folder):
        connection = _open(folder / CATALOG_NAME, "mode=rwc")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return Database(connection, folder)


def _open(path: Path, parameters: str) -> sqlite3.Connection:
    # A Snapshot may be made in one thread and used in another, one at a time.
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{parameters}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.create_function("fold", 1, _fold, deterministic=True)
    connection.create_function("word_tokens", 1, word_tokens, deterministic=True)
    return connection


def _fold(value: str | bytes | None) -> str | None:
    """SQL: fold(text, or a path as bytes) -> folded text; undecodable bytes as `\\udcXX`, NULL as NULL."""
    if isinstance(value, bytes):
        value = clean_text(os.fsdecode(value))
    return None if value is None else folded(value)


def _connect_reader(path: Path) -> sqlite3.Connection:
    """Opens for reading wherever that is possible.

    Where the folder can be written, a plain connection is best: it leaves no -wal and -shm behind. On
    read-only media SQLite needs an existing -shm, or the promise that nobody writes (`immutable`); that
    promise would hide what an unfinished -wal holds, so it is made only when there is none.
    """
    can_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    connection = _open(path, "mode=rw" if can_write else "mode=ro")
    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA cache_size = -32768")  # KiB: listing in order of path jumps about
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in _NO_PLACE_FOR_SHM:
            raise
    except BaseException:
        connection.close()
        raise
    else:
        return connection
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size > 0:
        raise ReadOnlyIndex(
            f"The index in {path.parent} was not closed cleanly, and recovering it needs a place to write.",
            "Copy the index to a disk that can be written, or make it writable once.",
        )
    return _open(path, "mode=ro&immutable=1")


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Errors of SQLite and of the file system, raised inside, leave as Anyseek's own."""
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(error, folder) from error
    except OSError as error:
        raise _from_os(error, folder) from error
    except UnicodeDecodeError as error:
        # Python could not even read SQLite's message about a damaged schema.
        raise _damaged(error, folder) from error


def _from_sqlite(error: sqlite3.Error, folder: Path) -> AnyseekError:
    if isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error):
        return UsageError("This snapshot, or its catalog, is closed.")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(folder)):
        return _disk_full(folder)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return ReadOnlyIndex(f"The index in {folder} cannot be written.", "Check its permissions.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return IndexLocked(
            f"Another process is writing to the index in {folder}.", "Try again when it is done."
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return ReadOnlyIndex(f"The catalog in {folder} cannot be opened.", "Check the folder's permissions.")
    if isinstance(error, (sqlite3.DatabaseError, sqlite3.InterfaceError)):
        return _damaged(error, folder)
    return AnyseekError(f"The catalog in {folder} failed ({error}).")


def _damaged(error: Exception, folder: Path) -> IndexDamaged:
    return IndexDamaged(
        f"The catalog in {folder} cannot be trusted ({error}).",
        "Run `anyseek doctor`; if it cannot repair it, remove the index folder and index again.",
    )


def _from_os(error: OSError, folder: Path) -> AnyseekError:
    if error.errno in _FULL:
        return _disk_full(folder)
    if error.errno in _REFUSED:
        return ReadOnlyIndex(
            f"The index in {folder} cannot be written ({error.strerror}).", "Check its permissions."
        )
    return IndexDamaged(f"The disk refused a part of the index in {folder} ({error}).", "Check the disk.")


def _disk_full(folder: Path) -> DiskFull:
    return DiskFull(
        f"There is no space left for the index in {folder}.",
        "What was indexed before is intact. Free some space and run the same command again.",
    )


def _is_full(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False
