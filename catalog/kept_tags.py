"""Tags of files that are gone: what the index has kept and no file of it has, by content or by place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from anyseek.catalog import codec
from anyseek.catalog.tag_records import TagRecord, kept_record, recorded_place, recorded_roots

if TYPE_CHECKING:
    from anyseek.catalog.database import Database
    from anyseek.catalog.file_reader import FileReader

_AT = "(place = ?2 OR (place >= ?3 AND place < ?4))"


def tags_of_gone_files(reader: FileReader) -> Iterator[TagRecord]:
    """By place; a path of "" is a content whose place is not known."""
    roots = recorded_roots(reader)
    rows = reader.database.rows(
        "SELECT k.place, k.content_hash, k.tag FROM kept_tags k WHERE NOT EXISTS"
        " (SELECT 1 FROM files f WHERE f.content_hash = k.content_hash AND length(k.content_hash) > 0"
        " AND f.state != 'partial') ORDER BY k.place, k.content_hash, k.folded"
    )
    for (place, content_hash), group in groupby(rows, lambda row: row[:2]):
        record = kept_record(reader, roots, place, content_hash, (tag for *_, tag in group))
        if not _is_taken(reader, roots, place):
            yield record


def _is_taken(reader: FileReader, roots: dict[int, bytes], place: bytes) -> bool:
    """Whether the index has a file there."""
    for root, folder in roots.items():
        below = codec.path_below(folder, place)
        if below and reader.file_at(root, os.fsdecode(below)):
            return True
    return False


def has_kept(reader: FileReader, path: str) -> bool:
    """Whether tags are kept of a file that was here, or of one below this folder."""
    return (
        reader.database.first(f"SELECT 1 FROM kept_tags WHERE {_AT} LIMIT 1", _bounds(reader, path))
        is not None
    )


def remove_kept(database: Database, reader: FileReader, key: str, path: str) -> int:
    """Take a tag from what is kept of this file, or of those below this folder; of how many. key: the tag, folded."""
    values = [key, *_bounds(reader, path)[1:]]
    (n_places,) = database.first(
        f"SELECT count(DISTINCT place) FROM kept_tags WHERE folded = ?1 AND {_AT}", values
    )
    database.run(f"DELETE FROM kept_tags WHERE folded = ?1 AND {_AT}", values)
    return int(n_places)


def _bounds(reader: FileReader, path: str) -> list[object]:
    place = recorded_place(reader, recorded_roots(reader), path)
    return [None, place, *codec.prefix_range(place.rstrip(b"/"))]
