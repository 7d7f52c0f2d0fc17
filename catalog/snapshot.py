"""Reading the catalog: one snapshot, unaffected by whatever writers do meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from anyseek.catalog import codec, filter_sql
from anyseek.catalog.codec import SEGMENT_COLUMNS
from anyseek.catalog.database import Database
from anyseek.catalog.failures import REPAIR, check_length, translated
from anyseek.catalog.file_reader import FileReader
from anyseek.catalog.filter_sql import Condition
from anyseek.catalog.records import Counts, RunRecord, SpaceRecord
from anyseek.catalog.snapshot_cache import SnapshotCache
from anyseek.contracts import Filter, Modality, Segment
from anyseek.errors import AnyseekError, IndexDamaged, MissingExtra, UsageError
from anyseek.opening import FileBelow, open_own
from anyseek.system_errors import ABSENT, as_anyseek

if TYPE_CHECKING:
    from anyseek.catalog.vectors import Halves
    from anyseek.contracts import Floats, Rows
    from anyseek.filters import Expression


class Snapshot(FileReader):
    """One read transaction, and the vector files that belong to it: use it as a context manager.

    It never changes; a commit or a compaction after it was made is not seen. Files in the middle
    of being indexed (`put_file(complete=False)`) are not seen by anything here. Not for several threads at
    once; make one for each. Every method may raise IndexDamaged.
    """

    def __init__(
        self,
        database: Database,
        cache: SnapshotCache,
        release: Callable[[Database], None],
        read: Callable[[], Snapshot],
    ) -> None:
        """cache: shared with other snapshots of the same catalog. release: takes the connection at the end. read: makes
        a snapshot of what the catalog holds now."""
        super().__init__(database)
        self._release, self._read = release, read
        self.cache = cache
        self._descriptors: dict[int, int] = {}
        self._unopened: dict[int, AnyseekError] = {}  # why a vector file is not open, by space
        self._written: dict[int, tuple[int, ...]] = {}  # of vector files, by space: see `vector_file`
        self._vectors: dict[int, Halves] = {}
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        # A compaction may end between our reading the generation and opening its file: then look again.
        for _ in range(5):
            self.database.run("BEGIN")
            row = self.database.first("SELECT max(change) FROM changes")
            self.change: int = row[0] or 0
            self._spaces, self._unreadable = self._read_spaces()
            if self._open_vectors():
                self.database.check_place()  # else these are the vectors of another catalog
                return
            self.database.rollback()
            self._close_vectors()
        # A file is truly gone. Everything but its vectors can still be read.
        self.database.run("BEGIN")
        self._open_vectors()

    def _read_spaces(self) -> tuple[list[SpaceRecord], AnyseekError | None]:
        """Those that can be read, and why one cannot: who needs no model, tags say, is not kept from the rest."""
        spaces, unreadable = [], None
        for space_id, card, *numbers in self.database.rows(
            "SELECT space_id, card, generation, rows, live FROM spaces ORDER BY space_id"
        ):
            try:
                spaces.append(codec.space(space_id, card, *numbers))
            except (IndexDamaged, MissingExtra) as error:
                unreadable = error
        return spaces, unreadable

    def _open_vectors(self) -> bool:
        """Whether no file is gone. One that cannot be opened is not gone: `vectors` says why."""
        is_complete = True
        for space in self._spaces:
            if space.rows:
                path = self.folder / "vectors" / f"{space.space_id}.{space.generation}.f16"
                try:
                    descriptor = self._descriptors[space.space_id] = open_own(str(path))
                    facts = os.fstat(descriptor)
                    self._written[space.space_id] = facts.st_dev, facts.st_ino, facts.st_mtime_ns
                except ABSENT:
                    self._unopened[space.space_id] = IndexDamaged(
                        f"The vector file of {space.card.name} in {self.folder} is gone.", REPAIR
                    )
                    is_complete = False
                except OSError as error:
                    self._unopened[space.space_id] = as_anyseek(error, f"the index in {self.folder}")
        return is_complete

    # ------------------------------------------------------------ the index itself

    def spaces(self) -> list[SpaceRecord]:
        """Every space, oldest first. Raises IndexDamaged, and MissingExtra for a model of a modality whose package is
        gone."""
        if self._unreadable is not None:
            raise self._unreadable
        return list(self._spaces)

    def space(self, fingerprint: str) -> SpaceRecord | None:
        """The space of one model, or None when this index has none of it."""
        return next((space for space in self.spaces() if space.card.fingerprint == fingerprint), None)

    @property
    def index_id(self) -> str:
        """Tells this index's collections from another's on one server: when it was made, in microseconds, as hex."""
        row = self.database.first("SELECT value FROM index_info WHERE name = 'created'")
        try:
            return f"{int(float(row[0]) * 1e6):x}" if row else "0"
        except (TypeError, ValueError, OverflowError) as error:
            raise codec.unreadable("when the index was made", error) from error

    def settings(self) -> dict[str, Any]:
        """What `Writer.set_setting` stored."""
        rows = self.database.rows("SELECT name, value FROM index_info WHERE name LIKE 'setting:%'")
        return {name.removeprefix("setting:"): codec.from_json(value) for name, value in rows}

    def counts_in(self, space_id: int) -> dict[Modality, int]:
        """Searchable segments of one space by modality: what a search can find. One scan of a table index."""
        rows = self.database.rows(
            "SELECT modality, count(*) FROM embeddings WHERE space_id = ? AND visible = 1 GROUP BY modality",
            [space_id],
        )
        return {codec.modality(name): n for name, n in rows}

    def last_run(self) -> RunRecord | None:
        """The indexing run that started last, finished or not."""
        row = self.database.first(
            "SELECT run_id, command, started, ended, report FROM runs ORDER BY run_id DESC LIMIT 1"
        )
        if row is None:
            return None
        run_id, command, started, ended, report = row
        return RunRecord(run_id, command, started, ended, codec.report(report) if report else None)

    def counts(self) -> Counts:
        """Files by state, searchable files and segments by modality, problems by code."""
        by_state = self.database.rows(
            "SELECT state, count(*) FROM files WHERE state != 'partial'"
            " AND (modality IS NOT NULL OR problem_code IS NOT NULL) GROUP BY state"
        )
        by_modality = self.database.rows(
            "SELECT modality, count(*) FROM files WHERE problem_code IS NULL AND state != 'partial'"
            " AND modality IS NOT NULL GROUP BY modality"
        )
        segments = self.database.rows(
            "SELECT s.modality, count(*) FROM segments s JOIN files f ON f.file_id = s.file_id"
            " WHERE f.problem_code IS NULL AND f.state != 'partial' GROUP BY s.modality"
        )
        problems = self.database.rows(
            "SELECT problem_code, count(*) FROM files WHERE problem_code IS NOT NULL GROUP BY problem_code"
        )
        return Counts(
            {codec.state(name): n for name, n in by_state},
            {codec.modality(name): n for name, n in by_modality},
            {codec.modality(name): n for name, n in segments},
            dict(problems),
        )

    # ------------------------------------------------------------ segments, rows, vectors

    def segments_of_file(self, file_id: int) -> list[Segment]:
        """A file's segments in order of span."""
        rows = self.database.rows(
            f"SELECT {SEGMENT_COLUMNS} FROM segments s JOIN files f ON f.file_id = s.file_id"
            " WHERE s.file_id = ? AND f.state != 'partial' ORDER BY s.start, s.segment_id",
            [file_id],
        )
        return [codec.segment(row) for row in rows]

    def rows_of_file(self, space_id: int, file_id: int) -> Rows:
        """The searchable rows of a file, in order of span; empty when it has none in that space."""
        return codec.row_array(
            self.database.rows(
                "SELECT e.row FROM segments s JOIN embeddings e ON e.segment_id = s.segment_id"
                " WHERE s.file_id = ? AND e.space_id = ? AND e.visible = 1 ORDER BY s.start, s.segment_id",
                [file_id, space_id],
            )
        )

    def allowed_rows(self, space_id: int, filter_: Filter = Filter()) -> Rows | None:
        """Which rows a search under this filter may return, sorted; None when it excludes no row at all.

        Raises UsageError for a filter of tens of thousands of conditions.
        """
        if filter_ == Filter():
            space = self._space(space_id)
            if space.live == space.rows:
                return None
        rows = self.cache.rows(self.change, space_id, filter_)
        if rows is None:
            rows = self._allowed_rows(space_id, filter_)
            self.cache.put(self.change, space_id, filter_, rows)
        return rows

    def check_filter(self, where: Expression | None) -> None:
        """Raises UsageError for a filter of tens of thousands of conditions that cannot be put together."""
        if where is not None:
            filter_sql.condition(where, lambda folders: Condition("1"))

    def _allowed_rows(self, space_id: int, filter_: Filter) -> Rows:
        tests = "e.space_id = ? AND e.visible = 1"
        values: list[Any] = [space_id]
        if filter_.modalities is not None:
            tests += f" AND e.modality IN ({', '.join('?' * len(filter_.modalities))})"
            values += [str(modality) for modality in filter_.modalities]
        if filter_.folder is None and filter_.where is None:
            rows = self.database.rows(f"SELECT e.row FROM embeddings e WHERE {tests}", values)
            return codec.row_array(rows, sort=True)
        about_files = []
        if filter_.folder is not None:
            about_files.append(self.below_folders([filter_.folder]))
        if filter_.where is not None:
            about_files.append(filter_sql.condition(filter_.where, self.below_folders))
        for condition in about_files:
            tests += f" AND {condition.sql}"
            values += condition.values
        rows = self.database.rows(
            f"SELECT e.row FROM {filter_sql.files(about_files)} CROSS JOIN segments s ON s.file_id = f.file_id"
            f" CROSS JOIN embeddings e ON e.segment_id = s.segment_id WHERE {tests}",
            values,
        )
        return codec.row_array(rows, sort=True)

    def hits_for_rows(self, space_id: int, rows: Rows | Sequence[int]) -> list[tuple[Segment, str]]:
        """For each row, in order: its segment and its file's absolute path.

        Raises IndexDamaged for a row that no visible segment owns: a store that knows this snapshot never
        returns one.
        """
        numbers = [int(row) for row in rows]
        places: dict[int, tuple[Segment, str]] = {}
        for i in range(0, len(numbers), 500):
            part = numbers[i : i + 500]
            for row, root, path, *segment in self.database.rows(
                f"SELECT e.row, f.root, f.path, {SEGMENT_COLUMNS} FROM embeddings e"
                " CROSS JOIN segments s ON s.segment_id = e.segment_id"
                " CROSS JOIN files f ON f.file_id = s.file_id"
                f" WHERE e.space_id = ? AND e.visible = 1 AND e.row IN ({', '.join('?' * len(part))})",
                [space_id, *part],
            ):
                places[row] = codec.segment(segment), self.absolute(root, path)
        try:
            return [places[row] for row in numbers]
        except KeyError as error:
            raise IndexDamaged(
                f"A search in {self.folder} found row {error}, which no file owns.", REPAIR
            ) from error

    def segment_by_id(self, segment_id: int) -> tuple[Segment, FileBelow] | None:
        """A visible segment and its file."""
        if not _is_id(segment_id):
            return None
        row = self.database.first(
            f"SELECT f.root, f.path, {SEGMENT_COLUMNS} FROM segments s JOIN files f ON f.file_id = s.file_id"
            " WHERE s.segment_id = ? AND EXISTS"
            " (SELECT 1 FROM embeddings e WHERE e.segment_id = s.segment_id AND e.visible = 1)",
            [segment_id],
        )
        if row is None:
            return None
        root, path, *fields = row
        return codec.segment(fields), self._below(root, path)

    def text_of(self, segment_id: int) -> str:
        """The text of a segment: a text's whole passage, of others the caption of the file; "" for none."""
        if not _is_id(segment_id):
            return ""
        row = self.database.first(
            "SELECT coalesce((SELECT text FROM passages WHERE rowid = s.segment_id),"
            " (SELECT caption FROM file_words WHERE rowid = s.file_id), '') FROM segments s WHERE s.segment_id = ?",
            [segment_id],
        )
        return str(row[0]) if row else ""

    def row_of_segment(self, space_id: int, segment_id: int) -> int | None:
        """Where its vector lies, None when a search may not return it."""
        if not _is_id(segment_id):
            return None
        row = self.database.first(
            "SELECT row FROM embeddings WHERE space_id = ? AND segment_id = ? AND visible = 1",
            [space_id, segment_id],
        )
        return None if row is None else int(row[0])

    def check_vector_files(self) -> None:
        """By their lengths alone. Raises IndexDamaged for one that is gone or too short for its rows, and what else
        kept it from being opened."""
        for space in self._spaces:
            if space.rows:
                with translated(self.folder):
                    length = os.fstat(self._descriptor(space.space_id)).st_size
                check_length(length, space.rows * space.card.dim * 2, self.folder)

    def _descriptor(self, space_id: int) -> int:
        if space_id not in self._descriptors:
            raise self._unopened[space_id]
        return self._descriptors[space_id]

    def vectors(self, space_id: int) -> Halves:
        """All rows of a space, deleted ones too: (rows, dim) float16, mapped, read-only."""
        if space_id not in self._vectors:
            space = self._space(space_id)
            descriptor = self._descriptor(space_id) if space.rows else -1
            self._vectors[space_id] = self.cache.mapped(descriptor, space, self.folder)
        return self._vectors[space_id]

    def vector_file(self, space_id: int) -> tuple[int, ...]:
        """Which file a space's vectors were read from, and when it was written last: one that somebody put back from a
        backup has the same rows of the same generation. May be called after the snapshot was closed."""
        return self._written.get(space_id, ())

    def kept_wide(self, space_id: int, vectors: Halves, widened: Callable[[Halves], Floats]) -> Floats | None:
        """All rows, which are these `vectors`, as `widened` makes them, where they are kept: see SnapshotCache.wide.
        May be called after the snapshot was closed."""
        return self.cache.wide(self._space(space_id), self.vector_file(space_id), vectors, widened)

    def row_bytes(self, space_id: int, row: int) -> bytes:
        """A row's bytes as they lie in the file, fewer where it ends. Read, not mapped: quicker for a few rows."""
        size = self._space(space_id).card.dim * 2
        descriptor = self._descriptor(space_id)
        with translated(self.folder):
            return os.pread(descriptor, size, row * size)

    def vectors_at(self, space_id: int, rows: Rows) -> Floats:
        """The vectors of these rows, in their order: (len(rows), dim) float32. Raises IndexDamaged for a row that the
        space does not have."""
        from anyseek.catalog.vectors import take_rows

        try:
            return take_rows(self.vectors(space_id), rows)
        except IndexError as error:
            raise IndexDamaged(
                f"A file in {self.folder} has a vector beyond the last one.", REPAIR
            ) from error

    def _space(self, space_id: int) -> SpaceRecord:
        for space in self._spaces:
            if space.space_id == space_id:
                return space
        raise UsageError(f"The index in {self.folder} has no space number {space_id}.")

    # ------------------------------------------------------------ life

    def twin(self) -> Snapshot | None:
        """Another snapshot of the very same, for another thread, which closes it. None when the index has changed
        since. Raises what `Catalog.read` raises; may be called while this one is in use, and after it was closed."""
        twin = self._read()
        if twin._state() == self._state():
            return twin
        twin.close()
        return None

    def _state(self) -> tuple[object, ...]:
        return self.database.file, self.change, self._spaces

    def _close_vectors(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()
        self._unopened.clear()

    def close(self) -> None:
        """End the snapshot; safe to call twice. Arrays handed out stay valid."""
        self._close_vectors()
        self._vectors.clear()
        self._release(self.database)

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_id(number: int) -> bool:
    """Whether a row can have that number: SQLite's are of 64 bits."""
    return -(2**63) <= number < 2**63
