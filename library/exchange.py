"""Vectors in and out: Parquet or NumPy files with what the index knows of each vector and its file beside it.

An import into an empty index over the same folders gives the same index again: words, captions, hashes, tags, failed
files and settings included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.catalog.tag_records import TagWriter
from anyseek.contracts import FileState, ModelCard, Problem, SeenFile
from anyseek.errors import OtherModel, UsageError
from anyseek.indexer.options import IndexOptions
from anyseek.library.exchange_files import NpyReader, ParquetReader, write_npy, write_parquet
from anyseek.library.exchange_records import (
    SETTINGS,
    FileRow,
    SegmentRow,
    file_row,
    is_indexed,
    kept_tags_row,
    modality_of,
    other_records,
    seen_file,
    segment_records,
    segment_row,
)
from anyseek.modalities import info
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot, Writer
    from anyseek.catalog.records import SpaceRecord
    from anyseek.contracts import Floats
    from anyseek.library.exchange_files import Reader

AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class Moved:
    """How much was exported or imported. kept: files that an import left as they are."""

    segments: int
    files: int
    fingerprint: str
    kept: int = 0


# ---------------------------------------------------------------- out


def export(snapshot: Snapshot, space: SpaceRecord, target: Path) -> Moved:
    """Every searchable segment to `target`: .parquet, or .npy with a .jsonl of the same name beside it.

    Raises UsageError for another suffix, MissingExtra without pyarrow, OSError where it cannot be written;
    the files that were there before stay then.
    """
    write = {".parquet": write_parquet, ".npy": write_npy}.get(target.suffix.lower())
    if write is None:
        raise UsageError(
            f"Vectors cannot be exported to {printable(str(target))}.", "Name it .parquet or .npy."
        )
    n, files = 0, set[tuple[str, bytes | None]]()

    def counted() -> Iterator[tuple[list[dict[str, Any]], Floats]]:
        nonlocal n
        for records, vectors in _batches(snapshot, space):
            n += len(records)
            files.update((record["path"], record["path_bytes"]) for record in records)
            yield records, vectors

    write(target, space, counted(), other_records(snapshot))
    return Moved(n, len(files), space.card.fingerprint)


def _batches(snapshot: Snapshot, space: SpaceRecord) -> Iterator[tuple[list[dict[str, Any]], Floats]]:
    live = snapshot.allowed_rows(space.space_id)
    rows = np.arange(space.rows, dtype=np.int64) if live is None else live
    for i in range(0, len(rows), AT_ONCE):
        part = rows[i : i + AT_ONCE]
        records = segment_records(snapshot, snapshot.hits_for_rows(space.space_id, part))
        yield records, snapshot.vectors_at(space.space_id, part)


# ---------------------------------------------------------------- in


def import_(catalog: Catalog, source: Path, card: ModelCard) -> Moved:
    """Segments with vectors made elsewhere, into an index of the model `card`.

    source: what `export` writes, or a file of those columns; path, modality and vector are enough. Paths must lie in a
    root of the index. A file that was indexed from its content is kept as it is, but for tags that are added; what an
    import without hashes brought is replaced. Settings that the index has are kept.
    Raises UsageError naming what is wrong, OtherModel for another fingerprint, and nothing is stored then.
    """
    reader = _reader_of(source)
    about = reader.about()
    fingerprint = about.get("fingerprint", card.fingerprint)
    if fingerprint != card.fingerprint:
        raise OtherModel(
            f"The vectors in {source.name} are of {about.get('model')} ({fingerprint}), "
            f"and the index is of {card.name} ({card.fingerprint}).",
            "Import them into an index of their own model.",
        )
    with catalog.lock("anyseek import"), catalog.read() as snapshot, catalog.begin() as writer:
        incoming = _Import(snapshot, writer, writer.ensure_space(card), source.name)
        for records, vectors in reader.batches():
            incoming.add_segments(records, vectors)
        for record in reader.others():
            incoming.add_other(record)
        incoming.finish()
        return Moved(
            incoming.n_segments,
            sum(file_id is not None for file_id in incoming.places.values()),
            card.fingerprint,
            sum(file_id is None for file_id in incoming.places.values()),
        )


def _reader_of(source: Path) -> Reader:
    """Raises UsageError."""
    suffix = source.suffix.lower()
    if suffix not in (".parquet", ".npy"):
        raise UsageError(
            f"Vectors cannot be imported from {printable(str(source))}.", "It has to be .parquet or .npy."
        )
    if not source.exists():
        raise UsageError(f"There is no file {source}.", "Check the path.")
    return ParquetReader(source) if suffix == ".parquet" else NpyReader(source)


@dataclass(slots=True)
class _Import:
    """One transaction. snapshot: the index before it. files: the numbers of those whose segments came, by absolute
    path, as it is spelled; None for those that are kept as they are. places: the same by root and path below it."""

    snapshot: Snapshot
    writer: Writer
    space_id: int
    name: str
    files: dict[str, int | None] = field(default_factory=dict)
    places: dict[tuple[int, str], int | None] = field(default_factory=dict)
    n_segments: int = 0
    _n_rows: int = 0
    _put: set[int] = field(default_factory=set)  # files that came with their tags
    _missing: list[int] = field(default_factory=list)
    _tags: TagWriter = field(init=False)

    def __post_init__(self) -> None:
        self._tags = TagWriter(self.writer)

    def add_segments(self, records: list[dict[str, Any]], vectors: Floats) -> None:
        """Some segments with their vectors; those of one file may come in several batches."""
        rows = [
            (segment_row(record, f"Row {number} of {self.name}"), vector)
            for number, (record, vector) in enumerate(zip(records, vectors, strict=True), self._n_rows)
        ]
        self._n_rows += len(rows)
        for path, group in groupby(rows, lambda row: row[0].absolute()):
            of_file = list(group)
            if path not in self.files:
                self.files[path] = self._put_file(of_file[0][0])
            file_id = self.files[path]
            if file_id is not None:
                self._put_segments(file_id, of_file)

    def _put_file(self, row: SegmentRow) -> int | None:
        seen = seen_file(self.snapshot, row)
        place = seen.root, seen.path
        if place not in self.places:  # else an earlier row has spelled its path in another way
            self.places[place] = self._put_new(row, seen)
        if row.tags:
            self._tags.apply(row.tag_record())
        return self.places[place]

    def _put_new(self, row: SegmentRow, seen: SeenFile) -> int | None:
        own = modality_of(row.file_modality or row.modality or "")
        if is_indexed(self.snapshot, self.snapshot.locate(row.absolute())):
            return None
        file_id = self.writer.put_file(seen, row.content_hash(), own)
        self.writer.set_caption(file_id, row.caption or "")
        self._put.add(file_id)
        if row.state == FileState.MISSING:
            self._missing.append(file_id)
        return file_id

    def _put_segments(self, file_id: int, rows: list[tuple[SegmentRow, Floats]]) -> None:
        for name in dict.fromkeys(row.modality or "" for row, _ in rows):
            own = [(row, vector) for row, vector in rows if row.modality == name]
            modality = modality_of(name)
            texts = [row.text if row.text is not None else row.excerpt or "" for row, _ in own]
            self.writer.add_segments(
                file_id,
                self.space_id,
                modality,
                [row.part() for row, _ in own],
                np.stack([vector for _, vector in own]),
                texts if info(modality).is_text else (),
            )
            self.n_segments += len(own)

    def add_other(self, record: Any) -> None:
        """One of exchange_records.other_records; what a later version added is left out."""
        if not isinstance(record, dict):
            raise UsageError(f"{printable(self.name)} says {record!r} of the index.", "Export it again.")
        where = f"What {self.name} says of a file"
        if "settings" in record:
            self._add_settings(record["settings"])
        elif "file" in record:
            self._add_file(file_row(record["file"], where))
        elif "kept_tags" in record:
            kept = kept_tags_row(record["kept_tags"], where).tag_record(is_kept=True)
            if not kept.path and not kept.content_hash:
                raise UsageError(f"{printable(where)} has neither a path nor a hash.", "Export it again.")
            self._tags.apply(kept, lambda file: file.file_id in self._put)

    def _add_settings(self, settings: Any) -> None:
        present = self.snapshot.settings()
        for name in SETTINGS:
            if isinstance(settings, dict) and name in settings and name not in present:
                value = settings[name]
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    raise UsageError(f"The {name} in {self.name} is not a number.", "Export it again.")
                IndexOptions(depth_unit=value)  # which checks it
                self.writer.set_setting(name, value)

    def _add_file(self, row: FileRow) -> None:
        """A file without searchable segments."""
        seen = seen_file(self.snapshot, row)
        if (seen.root, seen.path) in self.places or self.snapshot.locate(row.absolute()) is not None:
            file_id = None
        elif row.problem is not None:
            modality = modality_of(row.file_modality) if row.file_modality else None
            file_id = self.writer.put_failed(seen, row.content_hash(), modality, Problem(*row.problem))
        else:  # without a modality: a file that has one has segments
            file_id = self.writer.put_file(seen, row.content_hash(), None)
        if file_id is not None:
            self._put.add(file_id)
            self.writer.set_caption(file_id, row.caption or "")
            if row.state == FileState.MISSING:
                self._missing.append(file_id)
        if row.tags:
            self._tags.apply(row.tag_record())

    def finish(self) -> None:
        """The last step."""
        self.writer.mark_missing(self._missing)
