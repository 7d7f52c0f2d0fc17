"""What an export says of each segment and file, and how it is read back, whoever wrote it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from anyseek.catalog.codec import clean_tag
from anyseek.catalog.file_facts import caption, passages, tags_of
from anyseek.catalog.tag_records import HASH_BYTES as LONGEST_HASH
from anyseek.catalog.tag_records import LONGEST_PATH, TagRecord, read_tags
from anyseek.catalog.values import is_span
from anyseek.contracts import FileRecord, Modality, SeenFile, Segment, Span, Unit
from anyseek.errors import UsageError
from anyseek.media.source import HASH_BYTES
from anyseek.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseek.catalog.catalog import Snapshot

SEGMENT_FIELDS = (
    *("segment_id", "path", "path_bytes", "modality", "start", "end", "unit", "excerpt", "text"),
    *("file_modality", "hash", "size", "mtime_ns", "inode", "state", "caption", "tags"),
)
"""Of each vector. path_bytes: only where the path is not UTF-8, of which `path` is a readable form then."""

SETTINGS = ("depth_unit",)
"""Choices of people that belong to the library, not to the place where the index lies."""

_LONGEST_EXCERPT = 200
# What a file can have: from, and below.
_BOUNDS = {"size": (0, 1 << 63), "mtime_ns": (-(1 << 63), 1 << 63), "inode": (0, 1 << 64)}


def segment_records(snapshot: Snapshot, places: Sequence[tuple[Segment, str]]) -> list[dict[str, Any]]:
    """SEGMENT_FIELDS of segments, each given with its file's absolute path."""
    texts = passages(snapshot, [segment.segment_id for segment, _ in places])
    files: dict[int, dict[str, Any]] = {}
    records = []
    for segment, path in places:
        if segment.file_id not in files:
            files[segment.file_id] = _file_facts(snapshot, segment.file_id, path)
        own = {
            "segment_id": segment.segment_id,
            "modality": str(segment.modality),
            "start": segment.span.start,
            "end": segment.span.end,
            "unit": str(segment.span.unit),
            "excerpt": segment.excerpt,
            "text": texts.get(segment.segment_id),
        }
        records.append({**own, **files[segment.file_id]})
    return records


def _file_facts(snapshot: Snapshot, file_id: int, path: str) -> dict[str, Any]:
    record = snapshot.file(file_id)
    assert record is not None, "its segment was read from the same snapshot"
    readable = os.fsencode(path).decode("utf-8", "backslashreplace")
    return {
        "path": readable,
        "path_bytes": None if readable == path else os.fsencode(path),
        "file_modality": None if record.modality is None else str(record.modality),
        "hash": record.content_hash.hex(),
        "size": record.size,
        "mtime_ns": record.mtime_ns,
        "inode": record.inode,
        "state": str(record.state),
        "caption": caption(snapshot, file_id),
        "tags": tags_of(snapshot, file_id),
    }


def other_records(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """What belongs to no vector: settings, files without searchable segments, and tags of files that are not there."""
    settings = snapshot.settings()
    yield {"settings": {name: settings[name] for name in SETTINGS if name in settings}}
    for record in snapshot.files():
        if record.problem is not None or not snapshot.segments_of_file(record.file_id):
            facts = _file_facts(snapshot, record.file_id, snapshot.absolute_path(record))
            problem = record.problem and [record.problem.code, record.problem.stage, record.problem.reason]
            yield {"file": {**facts, "problem": problem}}
    for kept in read_tags(snapshot):
        if kept.is_kept:
            path = os.fsencode(kept.path)
            yield {
                "kept_tags": {"path_bytes": path, "hash": kept.content_hash.hex(), "tags": list(kept.tags)}
            }


# ---------------------------------------------------------------- read back


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file, as a row or a line has it; what another program did not write is None."""

    path: str | None = None
    path_bytes: bytes | None = None
    file_modality: str | None = None
    hash: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    inode: int | None = None
    state: str | None = None
    caption: str | None = None
    tags: list[str] | None = None
    problem: tuple[str, str, str] | None = None

    def absolute(self) -> str:
        """The absolute path; "" for none."""
        return os.fsdecode(self.path_bytes) if self.path_bytes else self.path or ""

    def content_hash(self) -> bytes:
        """Raises ValueError."""
        return bytes.fromhex(self.hash or "")

    def tag_record(self, *, is_kept: bool = False) -> TagRecord:
        """Its tags as they are stored; those that are empty are left out. Raises ValueError."""
        tags = tuple(filter(None, map(clean_tag, self.tags or ())))
        return TagRecord(self.absolute(), self.content_hash(), tags, is_kept)


Row = TypeVar("Row", bound=FileRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow(FileRow):
    """A segment and its file."""

    modality: str | None = None
    start: float | None = None
    end: float | None = None
    unit: str | None = None
    excerpt: str | None = None
    text: str | None = None

    def part(self) -> tuple[Span, str]:
        """Its span and excerpt. Raises ValueError for a span that no segment has."""
        start, end = self.start or 0.0, self.end or 0.0
        if not is_span(start, end):
            raise ValueError(f"from {start} to {end} is not a span")
        return Span(start, end, Unit(self.unit or "whole")), (self.excerpt or "")[:_LONGEST_EXCERPT]


def segment_row(record: dict[str, Any], where: str) -> SegmentRow:
    """Raises UsageError; where: "Row 3 of vectors.parquet"."""
    row = _converted(record, SegmentRow, where)
    for name, value in (("path", row.absolute()), ("modality", row.modality)):
        if not value:
            raise UsageError(f"{where} has no {name}.", "Every row has path and modality.")
    try:
        row.part()
    except ValueError as error:
        raise UsageError(
            f"{printable(where)} has a part of a file that cannot be ({printable(str(error))}).",
            "start and end are numbers, start <= end; unit is one of: whole, s, char.",
        ) from error
    return row


def file_row(record: Any, where: str) -> FileRow:
    """Raises UsageError."""
    return _converted(record, FileRow, where)


def kept_tags_row(record: Any, where: str) -> FileRow:
    """Of tags that wait for a file; its hash may be one of another program. Raises UsageError."""
    row = _converted(record, FileRow, where, hash_lengths=range(LONGEST_HASH + 1))
    if not row.absolute() and not row.hash:
        raise UsageError(f"{printable(where)} has tags without a path or a hash.", "Export it again.")
    return row


def _converted(
    record: Any, kind: type[Row], where: str, hash_lengths: Sequence[int] = (0, HASH_BYTES)
) -> Row:
    try:
        row = msgspec.convert(record, kind, strict=False)
        n_bytes = len(row.content_hash())
        path = os.fsencode(row.absolute())
    except (ValueError, OverflowError) as error:  # the latter: a number that no float holds
        raise UsageError(f"{printable(where)} cannot be read ({error}).", "Export it again.") from error
    if b"\0" in path or len(path) > LONGEST_PATH:
        raise UsageError(f"{printable(where)} has a path that no file can have.", "Export it again.")
    if n_bytes not in hash_lengths:
        raise UsageError(
            f"{printable(where)} has a hash of {n_bytes} bytes, which no content has.", "Leave it empty."
        )
    for name, (low, high) in _BOUNDS.items():
        value = getattr(row, name)
        if value is not None and not low <= value < high:
            raise UsageError(
                f"{printable(where)} has the {name} {value}, which no file has.", "Leave it out."
            )
    return row


def modality_of(name: str) -> Modality:
    """Raises UsageError."""
    try:
        return Modality(name)
    except ValueError as error:
        raise UsageError(f"There is no modality {name!r}.", f"There are: {', '.join(Modality)}.") from error


def seen_file(snapshot: Snapshot, row: FileRow) -> SeenFile:
    """Where it lies in the index, with the facts that it was indexed by, or else those of the disk. Raises UsageError
    for a path that is in no root."""
    path = row.absolute()
    places = snapshot.below_roots(path)
    if not places or not min(below for _, below in places):
        raise UsageError(
            f"{printable(path)} is not below any folder of the index.",
            "Index the folder that the paths are in.",
        )
    root, below = min(places, key=lambda place: len(place[1]))
    size, mtime_ns, inode = row.size, row.mtime_ns, row.inode
    if size is None or mtime_ns is None:
        size, mtime_ns, inode = _facts_on_disk(path)
    return SeenFile(root, os.fsdecode(below), size, mtime_ns, inode or 0)


def _facts_on_disk(path: str) -> tuple[int, int, int]:
    try:
        facts = os.stat(path)
    except OSError:
        return 0, 0, 0
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def is_indexed(snapshot: Snapshot, record: FileRecord | None) -> bool:
    """Whether the index has segments that it made of the file itself: what other programs import has no hash."""
    return bool(record and record.content_hash and snapshot.segments_of_file(record.file_id))
