"""A new catalog out of what a damaged one still holds.

What people made comes first, and each record of it has a second witness, an index of its table: where the table lacks
a record, or says what cannot be, the index is believed. Whatever is made of files, and cannot be trusted, is left
out: the checks after this mark these files to be read again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseek.catalog.failures import LOST
from anyseek.catalog.file_reader import FileReader
from anyseek.catalog.pages import Row
from anyseek.catalog.places import put_missing_roots_right
from anyseek.catalog.root_places import make_readable
from anyseek.catalog.space_records import ROWS_OF_SEGMENTS, last_generation
from anyseek.catalog.tag_records import restored_tag
from anyseek.contracts import READ_AGAIN
from anyseek.folding import folded
from anyseek.jsonable import parsed

if TYPE_CHECKING:
    from anyseek.catalog.database import Database
    from anyseek.catalog.salvage import Salvage


_FILES = (
    "file_id, root, path, size, mtime_ns, inode, content_hash, modality, state,"
    " problem_code, problem_stage, problem_reason, change"
)
_STAGES = (
    f"CREATE TEMP TABLE read_files ({_FILES})",
    "CREATE TEMP TABLE places (root, path, file_id)",
    "CREATE TEMP TABLE hashes (content_hash, file_id)",
    "CREATE TEMP TABLE words (file_id INTEGER PRIMARY KEY, path, caption)",
    "CREATE INDEX temp.read_files_by_number ON read_files (file_id)",
    "CREATE INDEX temp.places_by_number ON places (file_id)",
    "CREATE INDEX temp.places_by_place ON places (root, path)",
    "CREATE INDEX temp.hashes_by_number ON hashes (file_id)",
)
_UNSTAGED = ("read_files", "places", "hashes", "words")

# Of two witnesses that do not agree, the one that a third confirms.
_NUMBERS = (
    "UPDATE read_files SET file_id = (SELECT p.file_id FROM places p WHERE p.root = read_files.root"
    " AND p.path = read_files.path) WHERE file_id NOT IN (SELECT file_id FROM hashes) AND EXISTS"
    " (SELECT 1 FROM places p WHERE p.root = read_files.root AND p.path = read_files.path"
    " AND p.file_id NOT IN (SELECT file_id FROM read_files))"
)
_ROOTS = (
    "UPDATE read_files SET root = (SELECT p.root FROM places p WHERE p.file_id = read_files.file_id)"
    " WHERE root NOT IN (SELECT root FROM roots) AND EXISTS (SELECT 1 FROM places p"
    " WHERE p.file_id = read_files.file_id AND p.root IN (SELECT root FROM roots))"
)
_PATHS = (
    "UPDATE read_files SET path = p.path FROM places p, words w WHERE p.file_id = read_files.file_id"
    " AND w.file_id = p.file_id AND p.path != read_files.path AND fold(p.path) = w.path"
    " AND fold(read_files.path) != w.path"
)
_HASHES = (
    "UPDATE read_files SET content_hash = x'', problem_code = ?1, problem_stage = 'read', problem_reason = ?2,"
    " state = CASE state WHEN 'missing' THEN state ELSE 'failed' END WHERE EXISTS (SELECT 1 FROM hashes h"
    " WHERE h.file_id = read_files.file_id AND h.content_hash != read_files.content_hash)"
)
_LOST_FILES = (
    "INSERT INTO read_files SELECT p.file_id, p.root, p.path, 0, 0, 0,"
    " coalesce((SELECT h.content_hash FROM hashes h WHERE h.file_id = p.file_id), x''),"
    " NULL, 'failed', ?1, 'read', ?2, 0 FROM places p"
    " WHERE p.file_id NOT IN (SELECT file_id FROM read_files)"
)


@dataclass(frozen=True, slots=True)
class Refilled:
    """What could not be had again. tags: of files that nobody knows any more. unread: tables that were not whole."""

    tags: int
    unread: tuple[str, ...]


def refill(database: Database, salvage: Salvage, *, all_of_it: bool) -> Refilled:
    """Fill an empty catalog, inside a transaction. all_of_it: not only tags and what they need."""
    for statement in _STAGES:
        database.run(statement)
    _stage_files(database, salvage)
    _put_roots(database, salvage)
    _put_files(database, salvage)
    lost = _put_tags(database, salvage)
    _put_kept_tags(database, salvage)
    if all_of_it:
        _put_settings(database, salvage)
        _put_what_was_read(database, salvage)
    put_missing_roots_right(database)
    for table in _UNSTAGED:
        database.run(f"DROP TABLE temp.{table}")
    return Refilled(
        lost, tuple(name for name in ("tags", "kept_tags", "files", "roots") if salvage.faults[name])
    )


def _put(database: Database, table: str, n_columns: int, rows: Iterable[Row]) -> None:
    database.run_many(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * n_columns)})", rows)


# ---------------------------------------------------------------- folders and files


def _stage_files(database: Database, salvage: Salvage) -> None:
    _put(database, "read_files", 13, salvage.rows("files"))
    _put(database, "places", 3, salvage.rows("sqlite_autoindex_files_1"))
    _put(database, "hashes", 2, salvage.rows("files_by_hash"))
    _put(
        database,
        "words",
        3,
        ((number, path, caption) for number, path, _, caption in salvage.rows("file_words")),
    )


def _put_roots(database: Database, salvage: Salvage) -> None:
    used = {root for (root,) in database.rows("SELECT root FROM read_files UNION SELECT root FROM places")}
    read = {row[0]: row for row in salvage.rows("roots")}
    numbers: dict[Any, Any] = dict(map(_pair, salvage.rows("sqlite_autoindex_roots_1")))
    for root, path, relative in list(read.values()):
        other = numbers.get(path)
        if other in used and other not in read and root not in used:
            del read[root]
            read[other] = (other, path, relative)
    for path, root in numbers.items():
        read.setdefault(root, (root, path, None))
    _put(database, "roots", 3, read.values())
    make_readable(database)  # where they lie is asked for while the files are put


def _pair(row: Row) -> tuple[Any, Any]:
    one, other = row
    return one, other


def _put_files(database: Database, salvage: Salvage) -> None:
    again = [READ_AGAIN, LOST]
    database.run(_NUMBERS)
    database.run(_ROOTS)
    database.run(_PATHS)
    _choose_by_disk(database)
    database.run(_HASHES, again)
    database.run(_LOST_FILES, again)
    database.run(f"INSERT OR IGNORE INTO files SELECT {_FILES} FROM read_files ORDER BY rowid")
    database.run(
        "UPDATE file_words SET caption = w.caption FROM words w"
        " WHERE w.file_id = file_words.file_id AND w.caption != ''"
    )
    _put(database, "folders", 4, salvage.rows("folders"))


def _choose_by_disk(database: Database) -> None:
    """Of two paths that differ in what folding hides, the one where something lies."""
    reader = FileReader(database)
    doubtful = database.all(
        "SELECT r.file_id, r.root, r.path, p.path FROM read_files r JOIN places p ON p.file_id = r.file_id"
        " WHERE p.path != r.path AND r.root IN (SELECT root FROM roots WHERE typeof(path) = 'blob')"
    )
    for number, root, path, other in doubtful:
        if not _lies(reader, root, path) and _lies(reader, root, other):
            database.run("UPDATE read_files SET path = ? WHERE file_id = ?", [other, number])


def _lies(reader: FileReader, root: int, path: bytes) -> bool:
    return b"\0" not in path and os.path.lexists(reader.absolute(root, path))


# ---------------------------------------------------------------- tags


def _put_tags(database: Database, salvage: Salvage) -> int:
    """How many belong to a file that nobody knows."""
    known = {number for (number,) in database.rows("SELECT file_id FROM files")}
    indexed = set(salvage.rows("tags_by_file"))
    tags: dict[Row, Any] = {}
    strays: set[Row] = set()
    for fold, number, tag in salvage.rows("tags"):
        right = _right_tag(fold, tag, is_confirmed=(number, fold) in indexed)
        if number in known:
            tags[number, folded(right)] = right
        if number not in known or right != tag:
            strays.add((number, fold))
    if salvage.faults["tags"] or strays:
        missing: dict[Row, Any] = {
            (number, folded(str(fold))): fold for number, fold in indexed - strays if number in known
        }
        n_found = len(missing.keys() - tags.keys())
        tags = {**missing, **tags}
    else:
        n_found = 0
    _put(database, "tags", 3, ((fold, number, tag) for (number, fold), tag in tags.items()))
    # Of files whose place is lost, but not their content.
    lost = [key for key in strays if key[0] not in known]
    by_content = database.run_many(
        "INSERT OR IGNORE INTO kept_tags (content_hash, place, folded, tag)"
        " SELECT content_hash, x'', fold(?2), ?2 FROM hashes WHERE file_id = ?1 AND length(content_hash) > 0",
        lost,
    )
    return max(0, len(lost) - by_content - n_found)


def _right_tag(fold: Any, tag: Any, *, is_confirmed: bool) -> str:
    """What a tag reads, of its text and its fold, of which one may be damaged."""
    return restored_tag(str(tag), str(fold)) if is_confirmed else str(tag)


def _put_kept_tags(database: Database, salvage: Salvage) -> None:
    indexed = set(salvage.rows("kept_tags_by_place"))
    tags: dict[Row, Any] = {}
    for content_hash, place, fold, tag in salvage.rows("kept_tags"):
        right = _right_tag(fold, tag, is_confirmed=(place, content_hash, fold) in indexed)
        tags[place, content_hash, folded(right)] = right
    if salvage.faults["kept_tags"]:
        for key in indexed:
            tags.setdefault((*key[:2], folded(str(key[2]))), key[2])
    _put(
        database,
        "kept_tags",
        4,
        ((content_hash, place, fold, tag) for (place, content_hash, fold), tag in tags.items()),
    )


# ---------------------------------------------------------------- the rest


def _put_settings(database: Database, salvage: Salvage) -> None:
    for name, value in salvage.rows("index_info"):
        if name == "created" or (str(name).startswith("setting:") and _is_json(value)):
            database.run("INSERT OR REPLACE INTO index_info VALUES (?, ?)", [name, value])


def _is_json(value: Any) -> bool:
    try:
        parsed(value)
    except (TypeError, ValueError):
        return False
    return True


def _put_what_was_read(database: Database, salvage: Salvage) -> None:
    _put(database, "spaces", 7, salvage.rows("spaces"))
    _put(database, "segments", 8, salvage.rows("segments"))
    _put(database, "passages", 2, salvage.rows("passages"))
    database.run("DELETE FROM passages WHERE segment_id NOT IN (SELECT segment_id FROM segments)")
    _put(database, "embeddings", 6, salvage.rows("embeddings"))
    _put(database, "runs", 5, salvage.rows("runs"))
    _put_lost_spaces(database, salvage)
    changes = [row[0] for row in salvage.rows("changes") if isinstance(row[0], int)]
    (change,) = database.first("SELECT coalesce(max(change), 0) FROM files WHERE change < 1 << 53")
    database.run(
        "INSERT INTO changes (change, at, what) VALUES (?, ?, 'rebuilt')",
        [max(change, *changes, 0) + 1, time.time()],
    )


def _put_lost_spaces(database: Database, salvage: Salvage) -> None:
    """Spaces whose record is lost, but for its model's fingerprint; the model's card is for who knows models."""
    for fingerprint, number in salvage.rows("sqlite_autoindex_spaces_1"):
        if not isinstance(number, int):
            continue
        (rows,) = database.first(f"SELECT {ROWS_OF_SEGMENTS.format('?')}", [number])
        generation = last_generation(database.folder, number)
        _put(database, "spaces", 7, [(number, fingerprint, 0, "", generation, rows, 0)])
