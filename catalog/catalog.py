"""The catalog: the one truth about an index, and the door to this room.

An index is a folder:

    catalog.sqlite          files, segments, which row is whose (SQLite, write-ahead log)
    vectors/S.G.f16         the vectors of space S, generation G (see vectors.py)
    faiss/, qdrant/, stores/NAME/, calibration/   derived, and made again when they are gone; NAME: a package's store
    lock                    who writes (see locking.py)
    .gitignore, CACHEDIR.TAG   so that neither git nor backups take it for content

Order of a commit: vectors are appended, `fsync`ed, and then one SQLite transaction adds the segments that
point at them. A process killed at any moment, or a disk that fills up, leaves the last committed batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from anyseek.catalog import creation, migrations
from anyseek.catalog.compaction import compact
from anyseek.catalog.database import Database, connect, file_id
from anyseek.catalog.descriptors import FileId
from anyseek.catalog.locking import WriterLock
from anyseek.catalog.records import Counts, RunRecord, SpaceRecord
from anyseek.catalog.schema import FORMAT
from anyseek.catalog.snapshot import Snapshot
from anyseek.catalog.snapshot_cache import SnapshotCache
from anyseek.catalog.writer import Writer
from anyseek.errors import AnyseekError, IndexLocked

__all__ = ["Catalog", "Counts", "RunRecord", "Snapshot", "SpaceRecord", "Writer", "WriterLock"]

MOST_IDLE = 6
"""Connections kept for the next snapshots: a new one has to read the schema, a used one remembers it."""

# Where another user writes while we may not lock, or puts another catalog in this one's place, it is begun again.
_MOST_ATTEMPTS = 5


class Catalog:
    """An index on disk. Safe to share between threads: a snapshot and a writer have their own connections."""

    def __init__(self, folder: Path) -> None:
        """Use `Catalog.create` or `Catalog.open`."""
        self.folder = folder
        self._idle_readers: list[Database] = []  # the first is made by `open`
        self._idle_writers: list[Database] = []  # kept: closing the last connection moves the log each time
        self._is_closed = False
        self._cache: tuple[FileId | None, SnapshotCache] = (None, SnapshotCache())
        self._locked: FileId | None = None  # the file that a run works on

    @classmethod
    def create(cls, folder: Path, roots: Sequence[Path] = ()) -> Catalog:
        """A new index in `folder` (made when missing) over `roots`, numbered 0, 1, ... in their order.

        All of it or nothing: what a killed or failed attempt left is replaced by the next one.
        Raises UsageError when the folder holds an index or anything else, IndexLocked while another process makes one
        there, ReadOnlyIndex, DiskFull; NewerFormat and IndexDamaged for an index that cannot be opened.
        """
        folder = Path(os.path.abspath(folder))
        creation.create(folder, roots)
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> Catalog:
        """The index in `folder`. An older format is brought up to date first, which needs to write.

        Raises IndexNotFound, NewerFormat, IndexDamaged; ReadOnlyIndex and IndexLocked when it has to be
        brought up to date and cannot.
        """
        catalog = cls(Path(os.path.abspath(folder)))
        database = connect(catalog.folder, writable=False)
        try:
            is_old = migrations.read_format(database) < FORMAT
        except BaseException:
            database.close()
            raise
        if is_old:
            database.close()
            migrations.migrate(catalog.folder)
        else:
            catalog._idle_readers.append(database)
        return catalog

    def read(self) -> Snapshot:
        """What the index holds now, unaffected by later commits: `with catalog.read() as snapshot: ...`

        Opening a snapshot takes up to a millisecond; keep one for the questions that belong together.
        """
        for _ in range(_MOST_ATTEMPTS):
            database = self._idle(self._idle_readers) or connect(self.folder, writable=False)
            try:
                return Snapshot(database, self._cache_of(database), self._reuse_reader, self.read)
            except IndexLocked:
                if not (database.is_stale() or database.is_replaced()):
                    raise
        raise self._changing()

    def _changing(self) -> IndexLocked:
        return IndexLocked(f"The index in {self.folder} is being changed all the time.", "Try again.")

    def _cache_of(self, database: Database) -> SnapshotCache:
        """What was kept of one file says nothing of another one in its place: its changes may have the same numbers."""
        file, cache = self._cache
        if file != database.file:
            cache = SnapshotCache()
            self._cache = (database.file, cache)
        return cache

    @staticmethod
    def _idle(databases: list[Database]) -> Database | None:
        """A connection that was used before, unless its file was replaced or changed under it."""
        with suppress(IndexError):
            while True:
                database = databases.pop()
                try:
                    if not (database.is_replaced() or database.is_stale()):
                        return database
                except BaseException:
                    database.close()
                    raise
                database.close()
        return None

    def _reuse_reader(self, database: Database) -> None:
        is_wanted = not self._is_closed and len(self._idle_readers) < MOST_IDLE
        if is_wanted and (reusable := database.detached()) is not None:
            self._idle_readers.append(reusable)
        database.close()
        if self._is_closed:  # by another thread, maybe just now
            self._drop_idle()

    def begin(self) -> Writer:
        """One transaction: `with catalog.begin() as w: ...` commits at the end.

        Hold `lock` around the transactions of a run. Without it transactions still exclude one another,
        also between processes: the second waits, and after ten seconds raises IndexLocked.
        What is written is the catalog that has this place now. Raises ReadOnlyIndex; IndexLocked when another has taken
        it under a run, or before the commit was done: then it has to be done again.
        """
        for _ in range(_MOST_ATTEMPTS):
            database = self._writable()
            try:
                return Writer(database, self._reuse_writer)
            except AnyseekError:
                if not database.is_replaced():
                    raise
        raise self._changing()

    def _writable(self) -> Database:
        database = self._idle(self._idle_writers) or connect(self.folder, writable=True)
        if self._locked not in (None, database.file):
            database.close()
            raise IndexLocked(f"The index in {self.folder} was replaced meanwhile.", "Begin again.")
        return database

    def _reuse_writer(self, database: Database) -> None:
        if self._is_closed:
            database.close()
        else:
            self._idle_writers.append(database)

    @contextmanager
    def without_writers(self) -> Iterator[None]:
        """Nobody else writes: for who puts another catalog in this one's place. Transactions of others wait, for ten
        seconds, and then are of the other catalog. Raises IndexLocked, ReadOnlyIndex."""
        database = self._writable()
        try:
            database.run("BEGIN IMMEDIATE")
            database.check_place()
            yield
        finally:
            database.rollback()
            database.close()

    def lock(self, command: str) -> WriterLock:
        """The index for one writer: `with catalog.lock("anyseek index"): ...`. Readers go on.

        The numbers that a run has read are those of one file: `begin` refuses another one in its place.
        """
        return _RunLock(self, command)

    def compact(self, space_id: int) -> int:
        """Drop the bytes of deleted vectors; returns how many bytes that freed.

        Writes the next generation of the vector file beside the old one and swaps them in one transaction.
        Snapshots that are open keep the old file until they are closed. Rows are renumbered, in order.
        """
        return compact(self._writable(), space_id)

    def size_bytes(self) -> int:
        """How much the index takes on disk."""
        total = 0
        for where, _, names in os.walk(self.folder):
            for name in names:
                with suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(where, name)).st_size
        return total

    def close(self) -> None:
        """Close all files; safe to call twice. Open snapshots stay usable."""
        self._is_closed = True
        self._cache[1].close()
        self._drop_idle()

    def _drop_idle(self) -> None:
        for idle in (self._idle_readers, self._idle_writers):
            with suppress(IndexError):
                while True:
                    idle.pop().close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _RunLock(WriterLock):
    def __init__(self, catalog: Catalog, command: str) -> None:
        super().__init__(catalog.folder, command)
        self._catalog = catalog

    def __enter__(self) -> WriterLock:
        super().__enter__()
        try:
            self._catalog._locked = file_id(self._catalog.folder)
        except BaseException:
            super().__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._catalog._locked = None
        super().__exit__(kind, error, trace)
