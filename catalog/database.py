"""A thin SQLite connection: explicit transactions, and foreign errors turned into ours at this edge."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from anyseek.catalog import descriptors, sql_functions
from anyseek.catalog.aside import put_back
from anyseek.catalog.descriptors import FileId
from anyseek.catalog.failures import has_passed, translated
from anyseek.errors import (
    AnyseekError,
    IndexDamaged,
    IndexLocked,
    IndexNotFound,
    ReadOnlyIndex,
    UsageError,
)
from anyseek.opening import what_is_not_a_file
from anyseek.printable import printable
from anyseek.system_errors import ABSENT, as_anyseek, is_absent

INDEX_NAME = ".anyseek"
"""The folder of an index, inside the first that it indexes unless another is named."""

CATALOG_NAME = "catalog.sqlite"
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite adds to the name for its own files beside a database. One that belonged to another database would be
taken for this one's."""

DAMAGED_NAME = f"{CATALOG_NAME}.damaged"
"""What a catalog is called that was damaged, and took the place of."""

VECTOR_FILE = r"\d+\.\d+\.f16"
"""What files of vectors are called, as a pattern: space, generation."""

# How long a reader or writer waits for another process's short transaction. Long runs are kept apart by
# the writer lock, not by this.
BUSY_MS = 10_000

_MOST_ATTEMPTS = 5  # to connect to a catalog that is replaced meanwhile

# What SQLite answers when it cannot make its -shm file: read-only media, or a full disk.
_NO_PLACE_FOR_SHM = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)


class Database:
    """One connection to a catalog. Not for several threads at once.

    Raises, from every method: DiskFull, ReadOnlyIndex, IndexLocked, IndexDamaged, IndexNotFound, DiskFailed,
    SystemRefused; UsageError for a question beyond SQLite's bounds.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        file: FileId | None = None,
        unlocked: Facts | None = None,
    ) -> None:
        """file: the catalog that it is connected to, as `descriptors.connected` counts it; None for one that is not in
        its place (yet). unlocked: of a connection that keeps nobody from writing, what the file was then."""
        self._open_connection: sqlite3.Connection | None = connection
        self._n_unread = 0
        self._unlocked = unlocked
        self.folder = folder
        self.file = file

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open_connection is None:
            raise UsageError("This snapshot, or its catalog, is closed.")
        return self._open_connection

    def is_stale(self) -> bool:
        """Whether somebody wrote what this connection will never see, for want of a lock. Make another one."""
        if self._unlocked is None:
            return False
        with translated(self.folder):
            return self._is_torn() or _has_log(self.folder / CATALOG_NAME)

    def is_replaced(self) -> bool:
        """Whether another file has taken the place of this catalog, or none is there: what is written here is lost."""
        return self.file is not None and file_id(self.folder) != self.file

    def check_place(self) -> None:
        """Raises IndexLocked when the catalog was replaced."""
        if self.is_replaced():
            raise IndexLocked(
                f"The index in {printable(str(self.folder))} was replaced meanwhile.", "Try again."
            )

    def _is_torn(self) -> bool:
        return self._unlocked is not None and _facts(self.folder / CATALOG_NAME) != self._unlocked

    @contextmanager
    def _checked(self) -> Iterator[None]:
        """Errors as our own; nothing is believed that was read while somebody wrote."""
        try:
            with translated(self.folder):
                yield
        except IndexDamaged:
            if not self._is_torn():
                raise
        if self._is_torn():
            raise IndexLocked(
                f"The index in {printable(str(self.folder))} was changed while it was read.", "Try again."
            )

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """The cursor after one statement; take its rows with `rows` or `first` when there may be many."""
        with self._checked():
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
        with self._checked():
            self._n_unread += 1
            # Not `yield from`: that would close the cursor of an unfinished loop, after its connection.
            for row in self._connection.execute(sql, values):  # noqa: UP028
                yield row
            self._n_unread -= 1

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows as tuples, at once: for few of them, which the same transaction goes on to change."""
        with self._checked():
            return self._connection.execute(sql, values).fetchall()

    def first(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first row as a tuple, or None."""
        with self._checked():
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
        return Database(connection, self.folder, self.file, self._unlocked)

    def close(self) -> None:
        """Safe to call twice."""
        connection, self._open_connection = self._open_connection, None
        if connection is not None:
            connection.close()
            if self.file is not None:
                descriptors.disconnected(self.file)


Facts: TypeAlias = tuple[int, int, int, int]
"""What tells one state of a file from another: device, inode, size, time of the last change in nanoseconds."""


def _facts(path: Path) -> Facts | None:
    """None where there is no such file."""
    try:
        now = os.stat(path)
    except ABSENT:
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns


def _has_log(path: Path) -> bool:
    """Whether a -wal beside the catalog holds anything."""
    facts = _facts(path.with_name(path.name + "-wal"))
    return facts is not None and facts[2] > 0


def files_of(path: Path) -> list[Path]:
    """A catalog and what SQLite has beside it. SQLite opens what lies at these names: a pipe, and it waits for ever."""
    path = Path(os.path.realpath(path))
    return [path, *(path.with_name(f"{path.name}{end}") for end in BESIDE)]


def has_catalog(folder: Path) -> bool:
    """Whether there is a catalog in `folder`, which is put back where a cut-off exchange left it aside (aside.py).

    Raises ReadOnlyIndex, DiskFailed where that cannot be seen; IndexLocked in the middle of an exchange.
    """
    path = folder / CATALOG_NAME
    with translated(folder):
        if is_absent(path.stat) and not put_back(folder, CATALOG_NAME):
            return False
        return stat.S_ISREG(path.stat().st_mode)


def what_is_lost(folder: Path) -> AnyseekError | None:
    """The error for a catalog that is gone or empty (IndexDamaged), or in whose place no file lies (UsageError), while
    its vectors are there; None for one that is there, or never was: vectors come after it, so what a killed creation
    leaves has none. Raises what `has_catalog` raises."""
    path = folder / CATALOG_NAME
    is_there = has_catalog(folder)
    with translated(folder):
        if (is_there and path.stat().st_size) or not any((folder / "vectors").glob("*.f16")):
            return None
        if not is_there and (wrong := what_is_not_a_file(path)):  # a folder, or a link that leads nowhere
            return as_anyseek(wrong, f"the index in {printable(str(folder))}")
    state = "empty" if is_there else "gone"
    return IndexDamaged(
        f"The catalog of the index in {printable(str(folder))} is {state}, and its vectors are still there: it said"
        " which file is where, and held the tags.",
        f"Put {CATALOG_NAME} back from a backup. Without one: `anyseek doctor --repair` starts anew.",
    )


def file_id(folder: Path) -> FileId | None:
    """Which file the catalog in `folder` is, None where there is none. Raises DiskFailed, ReadOnlyIndex."""
    with translated(folder):
        facts = _facts(folder / CATALOG_NAME)
    return None if facts is None else facts[:2]


def connect(folder: Path, *, writable: bool) -> Database:
    """A connection to the catalog in `folder`; a reader's one refuses to write.

    Raises IndexNotFound, ReadOnlyIndex, IndexDamaged (also for a catalog that was lost), IndexLocked, DiskFailed,
    SystemRefused.
    """
    path = folder / CATALOG_NAME
    for _ in range(_MOST_ATTEMPTS):
        with translated(folder), descriptors.connecting():
            if lost := what_is_lost(folder):
                raise lost
            if not has_catalog(folder) or path.stat().st_size == 0:
                raise IndexNotFound(
                    f"There is no index in {folder}.",
                    "Make one with `anyseek index FOLDER`, or name one with --index.",
                )
            before = file_id(folder)
            connection, unlocked = _writer(path) if writable else _reader(path)
            # Replaced in between, it may be a connection to either file, or to one with the log of the other.
            if before is not None and file_id(folder) == before:
                descriptors.connected(before)
                return Database(connection, folder, before, unlocked)
            connection.close()
    raise IndexLocked(f"The index in {printable(str(folder))} is being changed all the time.", "Try again.")


def _writer(path: Path) -> tuple[sqlite3.Connection, None]:
    folder = path.parent
    if not (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
        raise ReadOnlyIndex(f"The index in {folder} cannot be written.", "Check its permissions.")
    connection = _open(path, "mode=rw")
    # FULL: a commit that was reported is on the disk, also when the power fails (one fsync a batch).
    connection.execute("PRAGMA synchronous = FULL")
    return connection, None


def create_database(path: Path, folder: Path) -> Database:
    """A writable connection to a new database file `path`, for the catalog in `folder`. Nothing is synced."""
    with translated(folder):
        connection = _open(path, "mode=rwc")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        return Database(connection, folder)


def _open(path: Path, parameters: str) -> sqlite3.Connection:
    """A connection that has read, so that its log and the index of that are there.

    SQLite says of a disk that is full for a moment no more than that something failed. Where nothing fails any more,
    opening is tried once more.
    """
    try:
        return _connection(path, parameters)
    except sqlite3.OperationalError as error:
        if not has_passed(error, path.parent):
            raise
    return _connection(path, parameters)


def _connection(path: Path, parameters: str) -> sqlite3.Connection:
    for file in files_of(path):
        if why := what_is_not_a_file(file):
            raise why
    # A Snapshot may be made in one thread and used in another, one at a time.
    connection = sqlite3.connect(
        f"file://{quote(os.fsencode(path.absolute()))}?{parameters}",  # no host, so that the path may begin with "//"
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        sql_functions.register(connection)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _reader(path: Path) -> tuple[sqlite3.Connection, Facts | None]:
    """A connection for reading wherever that is possible; of one that keeps nobody from writing, what the file was.

    Where the folder can be written, a plain connection is best: it leaves no -wal and -shm behind. Elsewhere SQLite
    needs the -shm of somebody who has the catalog open, or the promise that nobody writes (`immutable`). Another user
    may write nevertheless, so such a connection remembers what the file was (see `Database.is_stale`); and the
    promise would hide what an unfinished -wal holds, so it is made only when there is none.
    """
    can_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    before = _facts(path)
    try:
        connection = _open(path, "mode=rw" if can_write else "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_PLACE_FOR_SHM or (can_write and _has_log(path)):
            raise
    else:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA cache_size = -32768")  # KiB: listing in order of path jumps about
        return connection, None
    if _has_log(path):
        raise ReadOnlyIndex(
            f"The index in {path.parent} was not closed cleanly, and recovering it needs a place to write.",
            "Copy the index to a disk that can be written, or make it writable once.",
        )
    return _open(path, "mode=ro&immutable=1"), before
