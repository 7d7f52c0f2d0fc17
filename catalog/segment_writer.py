"""The half of a Writer that writes spaces, segments and vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from anyseek.catalog import codec
from anyseek.catalog.database import Database
from anyseek.catalog.failures import REPAIR
from anyseek.catalog.numbers import check_numbers
from anyseek.catalog.sql_functions import segment_crc
from anyseek.contracts import Modality, ModelCard, Span
from anyseek.errors import IndexDamaged, UsageError
from anyseek.jsonable import to_json
from anyseek.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anyseek.catalog.vectors import Halves, VectorAppender
    from anyseek.contracts import Floats

# The catalog's own state of a file whose segments come over several transactions.
PARTIAL = "partial"


class SegmentWriter:
    """Begins the transaction, keeps the vector files open for it, and ends it."""

    def __init__(self, database: Database, release: Callable[[Database], None]) -> None:
        self.database = database
        self._release = release
        self._appenders: dict[int, VectorAppender] = {}
        # IMMEDIATE: nothing is written, to vectors neither, before we are the one writer.
        try:
            database.run("BEGIN IMMEDIATE")
            database.check_place()
            check_numbers(database)
            cursor = database.run("INSERT INTO changes (at, what) VALUES (?, 'write')", [time.time()])
            self.change: int = cursor.lastrowid or 0
            self._dims: dict[int, int] = dict(database.rows("SELECT space_id, dim FROM spaces"))
        except BaseException:
            self._abandon()
            raise

    # ------------------------------------------------------------ spaces

    def ensure_space(self, card: ModelCard) -> int:
        """The number of this model's space, made when missing; the stored card is brought up to date."""
        row = self.database.first("SELECT space_id FROM spaces WHERE fingerprint = ?", [card.fingerprint])
        if row is not None:
            self.database.run("UPDATE spaces SET card = ? WHERE space_id = ?", [to_json(card), row[0]])
            return int(row[0])
        cursor = self.database.run(
            "INSERT INTO spaces (fingerprint, dim, card, generation, rows, live) VALUES (?, ?, ?, 0, 0, 0)",
            [card.fingerprint, card.dim, to_json(card)],
        )
        assert cursor.lastrowid is not None, "an INSERT has one"
        self._dims[cursor.lastrowid] = card.dim
        return cursor.lastrowid

    def _dim(self, space_id: int) -> int:
        if space_id not in self._dims:
            raise UsageError(f"The index in {self.database.folder} has no space number {space_id}.")
        return self._dims[space_id]

    # ------------------------------------------------------------ segments

    def add_segments(
        self,
        file_id: int,
        space_id: int,
        modality: Modality,
        parts: Sequence[tuple[Span, str]],
        vectors: Floats,
        texts: Sequence[str] = (),
    ) -> list[int]:
        """The numbers of new segments of a file that this or an earlier transaction put. May be called often.

        parts: span and excerpt of each segment; vectors: (len(parts), dim) unit rows, in the same order. texts: the
        whole text of each segment, to be searched by its words; () for segments that are not text.
        Raises UsageError for vectors or texts of another shape or length, before anything is stored.
        """
        halves = self._checked(space_id, vectors, len(parts))
        if texts and len(texts) != len(parts):
            raise UsageError(f"{len(parts)} segments came with {len(texts)} texts.")
        state = self.database.first("SELECT state, problem_code FROM files WHERE file_id = ?", [file_id])
        if state is None:
            raise UsageError(f"The index in {self.database.folder} has no file number {file_id}.")
        visible = state[0] != PARTIAL and state[1] is None
        (last,) = self.database.first(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'segments'"
        )
        segment_ids = list(range(last + 1, last + 1 + len(parts)))
        cleaned = [codec.clean_text(text) for text in texts]
        self.database.run_many(
            "INSERT INTO segments (segment_id, file_id, modality, start, end, unit, excerpt, crc)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (number, file_id, *_segment_fields(modality, span, excerpt, text))
                for number, (span, excerpt), text in zip(
                    segment_ids, parts, cleaned or [""] * len(parts), strict=True
                )
            ),
        )
        self._embed(space_id, segment_ids, [str(modality)] * len(parts), [visible] * len(parts), halves)
        if texts:
            self.database.run_many(
                "INSERT INTO passages (rowid, text) VALUES (?, ?)",
                zip(segment_ids, cleaned, strict=True),
            )
        return segment_ids

    def set_caption(self, file_id: int, caption: str) -> None:
        """The caption of a file, to be searched by its words."""
        self.database.run(
            "UPDATE file_words SET caption = ? WHERE rowid = ?", [codec.clean_text(caption), file_id]
        )

    def _checked(self, space_id: int, vectors: Floats, expected: int) -> Halves:
        from anyseek.catalog.vectors import as_halves

        halves = as_halves(vectors, self._dim(space_id))
        if len(halves) != expected:
            raise UsageError(f"{expected} segments came with {len(halves)} vectors.")
        return halves

    def _embed(
        self,
        space_id: int,
        segment_ids: Sequence[int],
        modalities: Sequence[str],
        visible: Sequence[bool],
        halves: Halves,
    ) -> None:
        """Append vectors and the table rows that point at them."""
        from anyseek.catalog.vectors import checksums

        first = self._appender(space_id).append(halves)
        rows = range(first, first + len(halves))
        self.database.run_many(
            "INSERT INTO embeddings (space_id, row, segment_id, modality, visible, crc)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                (space_id, *fields)
                for fields in zip(rows, segment_ids, modalities, visible, checksums(halves), strict=True)
            ),
        )
        self.database.run(
            "UPDATE spaces SET rows = ?, live = live + ? WHERE space_id = ?",
            [rows.stop, sum(visible), space_id],
        )

    def _appender(self, space_id: int) -> VectorAppender:
        from anyseek.catalog.vectors import VectorAppender, vector_path

        if space_id not in self._appenders:
            dim = self._dim(space_id)
            generation, rows, next_row = self.database.first(
                "SELECT generation, rows, (SELECT coalesce(max(row) + 1, 0) FROM embeddings e"
                " WHERE e.space_id = spaces.space_id) FROM spaces WHERE space_id = ?",
                [space_id],
            )
            self.database.check_place()  # else these are the vectors of another catalog
            if not isinstance(rows, int) or rows < next_row:
                raise IndexDamaged(
                    f"The catalog in {printable(str(self.database.folder))} counts fewer vectors than it has.",
                    REPAIR,
                )
            path = vector_path(self.database.folder, space_id, generation)
            self._appenders[space_id] = VectorAppender(path, dim, rows)
        return self._appenders[space_id]

    def _copy_segments(self, source: int, target: int) -> None:
        """Give file `target` segments and vectors like those of `source`, visible."""
        segments = self.database.all(
            "SELECT segment_id, modality, start, end, unit, excerpt, crc FROM segments WHERE file_id = ?"
            " ORDER BY segment_id",
            [source],
        )
        copies: dict[int, int] = {}
        for segment_id, *fields in segments:
            cursor = self.database.run(
                "INSERT INTO segments (file_id, modality, start, end, unit, excerpt, crc)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [target, *fields],
            )
            copies[segment_id] = cursor.lastrowid or 0
        self.database.run_many(
            "INSERT INTO passages (rowid, text) SELECT ?, text FROM passages WHERE rowid = ?",
            ((copy, segment_id) for segment_id, copy in copies.items()),
        )
        self.database.run(
            "UPDATE file_words SET caption = (SELECT caption FROM file_words WHERE rowid = ?) WHERE rowid = ?",
            [source, target],
        )
        for space_id in self._dims:
            rows = self.database.all(
                "SELECT e.row, e.segment_id, e.modality FROM segments s"
                " JOIN embeddings e ON e.segment_id = s.segment_id"
                " WHERE s.file_id = ? AND e.space_id = ? ORDER BY s.segment_id",
                [source, space_id],
            )
            if rows:
                halves = self._appender(space_id).read([row for row, _, _ in rows])
                numbers = [copies[segment_id] for _, segment_id, _ in rows]
                kinds = [modality for _, _, modality in rows]
                self._embed(space_id, numbers, kinds, [True] * len(rows), halves)

    def _drop_segments(self, file_ids: Sequence[int]) -> None:
        """Forget the segments of files, and keep each space's count of live rows right."""
        self._show(file_ids, visible=False)
        self.database.run_many(
            "DELETE FROM embeddings WHERE segment_id IN (SELECT segment_id FROM segments WHERE file_id = ?)",
            zip(file_ids),
        )
        self.database.run_many("DELETE FROM segments WHERE file_id = ?", zip(file_ids))

    def _show(self, file_ids: Iterable[int], *, visible: bool) -> None:
        """Let searches return these files' rows, or not."""
        numbers = list(file_ids)
        for space_id in self._dims:
            changed = self.database.run_many(
                "UPDATE embeddings SET visible = ? WHERE visible = ? AND space_id = ?"
                " AND segment_id IN (SELECT segment_id FROM segments WHERE file_id = ?)",
                ((visible, not visible, space_id, number) for number in numbers),
            )
            self.database.run(
                "UPDATE spaces SET live = live + ? WHERE space_id = ?",
                [changed if visible else -changed, space_id],
            )

    # ------------------------------------------------------------ the transaction

    def _finish(self) -> None:
        """Vectors first, then the catalog that counts them."""
        for appender in self._appenders.values():
            appender.sync()
        self.database.run("COMMIT")
        self.database.check_place()

    def _abandon(self) -> None:
        """Close the vector files; roll back what was not committed."""
        for appender in self._appenders.values():
            appender.close()
        self._appenders.clear()
        try:
            self.database.rollback()
        except BaseException:
            self.database.close()
            raise
        self._release(self.database)


def _segment_fields(modality: Modality, span: Span, excerpt: str, text: str) -> tuple[object, ...]:
    """modality, start, end, unit, excerpt, crc: as the table has them."""
    cleaned, unit = codec.clean_text(excerpt), span.unit.value
    start, end = float(span.start), float(span.end)
    crc = segment_crc(str(modality).encode(), start, end, unit.encode(), cleaned.encode(), text.encode())
    return str(modality), start, end, unit, cleaned, crc
