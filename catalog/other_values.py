"""The same as values.py for what is no file's record: folders, kept tags, words, and when the index was made."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from anyseek.catalog.root_places import is_damaged, make_readable, put_ways_right, root_rows
from anyseek.catalog.schema import INDEXED, NAME
from anyseek.catalog.sql_functions import is_text_sql
from anyseek.catalog.tag_records import HASH_BYTES
from anyseek.catalog.values import IS_FOLDED, right_tag
from anyseek.errors import IndexDamaged

if TYPE_CHECKING:
    from anyseek.catalog.database import Database

# ---------------------------------------------------------------- folders

_BELOW = "typeof(root) = 'integer' AND typeof(path) = 'blob' AND instr(path, x'00') = 0"
_INODE, _MOUNT = "typeof(inode) = 'integer'", "typeof(is_mount) = 'integer'"


def damaged_places(database: Database) -> int:
    """How many roots, and folders of the last scan, are recorded as what no folder can be."""
    roots = sum(is_damaged(database, row) for row in root_rows(database))
    (folders,) = database.first(
        f"SELECT count(*) FROM folders WHERE NOT ({_BELOW} AND {_INODE} AND {_MOUNT})"
    )
    return roots + int(folders)


def put_places_right(database: Database) -> None:
    """Keep what can be read. A root whose place cannot is one that is not there: it is recognised by its files when
    it is indexed again. A folder of the last scan may have held a drive, so that nothing below it is taken for gone."""
    make_readable(database)
    put_ways_right(database)
    database.run(f"DELETE FROM folders WHERE NOT ({_BELOW})")
    database.run(f"UPDATE folders SET inode = 0 WHERE NOT ({_INODE})")
    database.run(f"UPDATE folders SET is_mount = 1 WHERE NOT ({_MOUNT})")


# ---------------------------------------------------------------- kept tags

_HASH = f"typeof(content_hash) = 'blob' AND length(content_hash) <= {HASH_BYTES}"
_PLACE = "typeof(place) = 'blob' AND instr(place, x'00') = 0"


def damaged_kept_tags(database: Database) -> int:
    """How many kept tags are not a text, or not under their fold, or of what no file can be."""
    (count,) = database.first(
        f"SELECT count(*) FROM kept_tags WHERE NOT ({_HASH} AND {_PLACE} AND {IS_FOLDED})"
    )
    return int(count)


def put_kept_tags_right(database: Database) -> None:
    """What can be read of them stays, with a mark where something cannot."""
    columns = ("content_hash", "place", "folded", "tag")
    as_bytes = [f"CAST({column} AS BLOB)" for column in columns]
    damaged = database.all(
        f"SELECT {', '.join(as_bytes)}, {_HASH}, {_PLACE} FROM kept_tags"
        f" WHERE NOT ({_HASH} AND {_PLACE} AND {IS_FOLDED})"
    )
    for content_hash, place, fold, tag, is_hash, is_place in damaged:
        where = " AND ".join(f"{column} = ?" for column in as_bytes)
        database.run(f"DELETE FROM kept_tags WHERE {where}", [content_hash, place, fold, tag])
        database.run(
            "INSERT OR IGNORE INTO kept_tags (content_hash, place, folded, tag) VALUES (?1, ?2, fold(?3), ?3)",
            [content_hash if is_hash else b"", place if is_place else b"", right_tag(tag, fold)],
        )


# ---------------------------------------------------------------- when it was made


def has_time_of_creation(database: Database) -> bool:
    """Whether the catalog says when it was made, by which its collections on a server are known."""
    row = database.first("SELECT CAST(value AS BLOB) FROM index_info WHERE name = 'created'")
    try:
        return row is not None and 0 < float(row[0]) < float("inf")
    except ValueError:
        return False


def put_time_of_creation_right(database: Database) -> None:
    """Where it is not known, now: what is derived from the index is made again."""
    if not has_time_of_creation(database):
        database.run("INSERT OR REPLACE INTO index_info VALUES ('created', ?)", [str(time.time())])


# ---------------------------------------------------------------- words

_TEXTS = f"{is_text_sql('w.path')} AND {is_text_sql('w.caption')}"
# By table: rows that do not say what they are made from. A text that is damaged itself is not a fault of its words.
_UNLIKE: dict[str, tuple[str, ...]] = {
    "file_words": (
        f"SELECT 1 FROM (SELECT file_id, p, {NAME} AS name FROM"
        " (SELECT file_id, CASE WHEN typeof(path) = 'blob' THEN fold(path) END AS p FROM files)) f"
        " LEFT JOIN file_words w ON w.file_id = f.file_id"
        " WHERE p IS NOT NULL AND (w.path IS NOT f.p OR w.name IS NOT f.name)",
        "SELECT 1 FROM file_words WHERE file_id NOT IN (SELECT file_id FROM files)",
    ),
    "file_index": (
        "SELECT 1 FROM file_words w LEFT JOIN file_index i ON i.rowid = w.file_id"
        " JOIN files f ON f.file_id = w.file_id"
        f" WHERE CASE WHEN {_TEXTS} AND typeof(f.path) = 'blob' THEN"
        " (i.folders, i.name, i.caption, i.folder_stems, i.name_stems, i.caption_stems) IS NOT"
        f" ({INDEXED.format('f.path', 'w.caption')}) ELSE 0 END",
        "SELECT 1 FROM file_index WHERE rowid NOT IN (SELECT file_id FROM file_words)",
    ),
    "passage_index": (
        "SELECT 1 FROM passages p LEFT JOIN passage_index i ON i.rowid = p.segment_id"
        f" WHERE CASE WHEN {is_text_sql('p.text')} THEN i.text IS NOT word_tokens(p.text)"
        " OR i.stems IS NOT word_stems(p.text) ELSE 0 END",
        "SELECT 1 FROM passage_index WHERE rowid NOT IN (SELECT segment_id FROM passages)",
    ),
}


def unlike_words(database: Database) -> list[str]:
    """Tables of words that do not say what names, captions and passages say. Takes every text apart again."""
    return [
        table
        for table, tests in _UNLIKE.items()
        if any(_has_row(database, f"{sql} LIMIT 1") for sql in tests)
    ]


def _has_row(database: Database, sql: str) -> bool:
    try:
        return database.first(sql) is not None
    except IndexDamaged:  # the index of words itself cannot be read
        return True
