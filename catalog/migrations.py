"""Formats of the catalog: older ones are upgraded step by step, newer ones refused."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from anyseek.catalog import database as database_module
from anyseek.catalog import sql_functions
from anyseek.catalog.database import Database, connect
from anyseek.catalog.failures import REPAIR
from anyseek.catalog.locking import Holder, WriterLock, read_holder
from anyseek.catalog.schema import FORMAT, KEPT, NAME, TABLES, WORDS
from anyseek.catalog.sql_functions import is_text_sql
from anyseek.catalog.word_index import refolded
from anyseek.errors import IndexDamaged, IndexLocked, IndexNotFound, NewerFormat
from anyseek.printable import printable

_SPLIT = "tokenize = 'unicode61 remove_diacritics 2'"
_WORDS_OF_2 = (
    "CREATE TABLE tags (tag TEXT NOT NULL COLLATE NOCASE, file_id INTEGER NOT NULL,"
    " PRIMARY KEY (tag, file_id)) WITHOUT ROWID",
    "CREATE INDEX tags_by_file ON tags (file_id)",
    f"CREATE VIRTUAL TABLE file_words USING fts5(path, caption, {_SPLIT})",
    f"CREATE VIRTUAL TABLE passages USING fts5(text, {_SPLIT})",
    "CREATE TRIGGER files_named AFTER INSERT ON files BEGIN"
    " INSERT INTO file_words (rowid, path, caption) VALUES (new.file_id, CAST(new.path AS TEXT), ''); END",
    "CREATE TRIGGER files_renamed AFTER UPDATE OF path ON files WHEN new.path != old.path BEGIN"
    " UPDATE file_words SET path = CAST(new.path AS TEXT) WHERE rowid = new.file_id; END",
    "CREATE TRIGGER files_forgotten AFTER DELETE ON files BEGIN"
    " DELETE FROM file_words WHERE rowid = old.file_id; DELETE FROM tags WHERE file_id = old.file_id; END",
    "CREATE TRIGGER segments_forgotten AFTER DELETE ON segments WHEN old.modality = 'text' BEGIN"
    " DELETE FROM passages WHERE rowid = old.segment_id; END",
)


def _add_words(database: Database) -> None:
    """Tags and searchable words. Names and the starts of passages are known; captions come with the next reading."""
    for statement in _WORDS_OF_2:
        database.run(statement)
    database.run(
        "INSERT INTO file_words (rowid, path, caption) SELECT file_id, CAST(path AS TEXT), '' FROM files"
    )
    database.run(
        "INSERT INTO passages (rowid, text) SELECT segment_id, excerpt FROM segments WHERE modality = 'text'"
    )


def _fold_and_keep(database: Database) -> None:
    """One fold for tags, names and words; what people made outlives the records of files; segments have a checksum."""
    _keep_tags(database)
    _tokenise_words(database)
    _checksum_segments(database)


def _keep_tags(database: Database) -> None:
    """Tags compared by their fold, and kept when their file goes."""
    before = list(database.rows("SELECT fold(tag), file_id, tag FROM tags ORDER BY tag, file_id"))
    database.run("DROP TRIGGER files_forgotten")
    database.run("DROP TABLE tags")
    for statement in KEPT:
        database.run(statement)
    database.run_many("INSERT OR IGNORE INTO tags (folded, file_id, tag) VALUES (?, ?, ?)", before)


def _tokenise_words(database: Database) -> None:
    """Words of every script are found, names are folded once. Made of what is stored: no file is read again."""
    for trigger in ("files_named", "files_renamed", "segments_forgotten"):
        database.run(f"DROP TRIGGER {trigger}")
    for table in ("file_words", "passages"):
        database.run(f"ALTER TABLE {table} RENAME TO {table}_of_2")
    for statement in WORDS:
        database.run(statement)
    database.run(
        f"INSERT INTO file_words (file_id, path, name, caption) SELECT file_id, p, {NAME}, caption FROM"
        " (SELECT f.file_id, fold(f.path) AS p, coalesce(w.caption, '') AS caption"
        " FROM files f LEFT JOIN file_words_of_2 w ON w.rowid = f.file_id)"
    )
    database.run("INSERT INTO passages (segment_id, text) SELECT rowid, text FROM passages_of_2")
    for table in ("file_words", "passages"):
        database.run(f"DROP TABLE {table}_of_2")


def _checksum_segments(database: Database) -> None:
    """A flipped bit in a text is noticed from now on. Comes after the passages have their place."""
    database.run("ALTER TABLE segments ADD COLUMN crc INTEGER NOT NULL DEFAULT 0")
    database.run(
        "UPDATE segments SET crc = segment_crc(CAST(modality AS BLOB), start, end, CAST(unit AS BLOB),"
        " CAST(excerpt AS BLOB), (SELECT CAST(p.text AS BLOB) FROM passages p WHERE p.rowid = segments.segment_id))"
    )


def _fold_tags_again(database: Database) -> None:
    """Folds of tags by the rules that hold from format 4 on; the tables stay as they are, and words come next."""
    texts = f"{is_text_sql('tag')} AND {is_text_sql('folded')}"
    # Under its fold by the old rules. What is under none was damaged: `doctor` needs both to tell what it was.
    is_old = f"CASE WHEN {texts} THEN folded != fold(tag) AND fold(folded) = fold(tag) ELSE 0 END"
    for table in ("tags", "kept_tags"):
        database.run(f"UPDATE OR IGNORE {table} SET folded = fold(tag) WHERE {is_old}")
        database.run(f"DELETE FROM {table} WHERE {is_old}")  # the file has the tag, in another spelling


def _index_words_again(database: Database) -> None:
    """Names and words by the rules of format 4, and with the stems that came with format 5. No file is read."""
    for statement in refolded(database):
        database.run(statement)


# STEPS[n] turns format n into n + 1, inside the open transaction. Once released, a step never changes.
STEPS: dict[int, Callable[[Database], None]] = {
    1: _add_words,
    2: _fold_and_keep,
    3: _fold_tags_again,
    4: _index_words_again,
}
_UPGRADE = "upgrade to a newer format"  # what the lock says
_PAUSE_S = 0.05
_TABLES_SINCE = 3  # the format that the tables of FORMAT came with, by their names


def read_format(database: Database) -> int:
    """The catalog's format number.

    Raises NewerFormat for one that this Anyseek does not know, IndexNotFound for an index whose creation was
    interrupted, IndexDamaged for a database that is not a catalog.
    """
    tables = {name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        raise IndexNotFound(
            f"There is no index in {database.folder}: its creation was interrupted.",
            "Make it again with `anyseek index`.",
        )
    number = _stored_format(database) if "index_info" in tables else None
    if _has_lost_its_format(database, number):
        raise IndexDamaged(
            f"The catalog in {printable(str(database.folder))} does not say of which format it is.", REPAIR
        )
    if number is None:
        raise IndexDamaged(
            f"The database in {printable(str(database.folder))} is not a catalog of Anyseek.",
            "Look at what it is, and keep a copy: if it was an index, it holds your tags. To make a new one, name"
            " another folder: --index.",
        )
    if number > FORMAT:
        raise NewerFormat(
            f"The index in {database.folder} was made by a newer Anyseek: its format is {number},"
            f" this one knows {FORMAT}.",
            "Upgrade Anyseek, or make a new index in another folder.",
        )
    return number


def _stored_format(database: Database) -> int | None:
    row = database.first("SELECT CAST(value AS BLOB) FROM index_info WHERE name = 'format'")
    return int(row[0]) or None if row and row[0].isdigit() and len(row[0]) < 10 else None


def _has_lost_its_format(database: Database, number: int | None) -> bool:
    """Whether the tables are those of FORMAT, and the stored number is none, or of a format with other tables, or is
    not what says it once more, where there is that."""
    said = _format_said_again(database)
    is_doubtful = number is None or number < _TABLES_SINCE or said not in (None, number)
    return is_doubtful and _has_our_tables(database)


def _format_said_again(database: Database) -> int | None:
    """By the header of the file; None where it says no format that has the tables of FORMAT."""
    (number,) = database.first("PRAGMA user_version")
    return int(number) if _TABLES_SINCE <= number <= FORMAT else None


def put_format_right(database: Database) -> None:
    """Give a catalog that has lost its number FORMAT, inside a transaction. One that may be older is brought forward:
    that does no harm to another."""
    _bring_forward(database, _format_said_again(database) or _TABLES_SINCE)


def _has_our_tables(database: Database) -> bool:
    """Whether the tables, indices and triggers are those of FORMAT, by their names."""
    with _fresh() as ours:
        names = set(ours.execute(_NAMES))
    return names == set(database.rows(_NAMES))


def damaged_schema(database: Database) -> list[str]:
    """Names of tables, indices and triggers that are not there, or are not what FORMAT says: SQLite may take a text
    for one that it is not."""
    theirs = dict(_described(database.all))
    with _fresh() as ours:
        described = _described(lambda sql: ours.execute(sql).fetchall())
        return [name for name, what in described if theirs.get(name) != what]


@contextmanager
def _fresh() -> Iterator[sqlite3.Connection]:
    """The tables of FORMAT, empty."""
    ours = sqlite3.connect(":memory:")
    try:
        sql_functions.register(ours)
        for statement in (*TABLES.split(";"), *WORDS, *KEPT):
            ours.execute(statement)
        yield ours
    finally:
        ours.close()


def _described(rows: Callable[[str], list[Any]]) -> Iterator[tuple[str, Any]]:
    """Each table, index and trigger by name: of a table its columns, since a step of a migration leaves a text of its
    own; of all else the text."""
    columns = "SELECT type, name, CAST(sql AS BLOB)"
    for kind, name, sql in rows(f"{columns}{_NAMES.partition('name')[2]}"):
        has_columns = kind == "table" and not sql.startswith(b"CREATE VIRTUAL")
        yield name, rows(_COLUMNS_OF.format(name.replace("'", "''"))) if has_columns else sql


_NAMES = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
_COLUMNS_OF = "SELECT CAST(name AS BLOB), CAST(type AS BLOB), \"notnull\", pk FROM pragma_table_info('{}')"


def has_lost_its_format(folder: Path) -> bool:
    """Whether only the number is damaged, which the tables tell. Raises IndexNotFound, IndexDamaged."""
    database = connect(folder, writable=False)
    try:
        return _has_lost_its_format(database, _stored_format(database))
    finally:
        database.close()


def check_is_current(folder: Path) -> None:
    """For who holds the lock, so that nothing can be brought forward: what was not until then could not be.

    Raises IndexDamaged for an older format, and what `read_format` raises.
    """
    database = connect(folder, writable=False)
    try:
        if (number := read_format(database)) < FORMAT:
            raise IndexDamaged(
                f"The catalog in {printable(str(folder))} has not the tables of its format, {number}.", REPAIR
            )
    finally:
        database.close()


def migrate(folder: Path) -> None:
    """Upgrade the index to FORMAT: every step and its record in one transaction, so all of them or none.

    Another process that does it is waited for, as long as for any transaction. Raises IndexLocked.
    """
    with _waited_for(folder):
        database = connect(folder, writable=True)
        try:
            database.run("BEGIN IMMEDIATE")
            _bring_forward(database, read_format(database))  # again: another process may have been faster
            database.run("COMMIT")
        finally:
            database.rollback()
            database.close()


@contextmanager
def _waited_for(folder: Path) -> Iterator[None]:
    """The writer's lock. Unlike any other writer's, an upgrade keeps readers out, so it is not refused at once."""
    last = time.monotonic() + database_module.BUSY_MS / 1000
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(WriterLock(folder, _UPGRADE))
                break
            except IndexLocked as error:
                holder = read_holder(folder)
                # Nobody's name is in it for an instant: when it was just taken, and just given back.
                if (holder is None or holder.command == _UPGRADE) and time.monotonic() < last:
                    time.sleep(_PAUSE_S)
                    continue
                raise _refusal(folder, holder) from error
        yield


def _refusal(folder: Path, holder: Holder | None) -> IndexLocked:
    who, place = holder or "another process", printable(str(folder))
    if holder is None or holder.command == _UPGRADE:
        return IndexLocked(
            f"The index in {place} is being upgraded from an older format by {who}.",
            "Try again when it is done.",
        )
    return IndexLocked(
        f"The index in {place} is of an older format, and cannot be upgraded while it is being written by {who}.",
        "Try again when that is done, or stop it.",
    )


def _bring_forward(database: Database, start: int) -> None:
    for number in range(start, FORMAT):
        STEPS[number](database)
        database.run(
            "INSERT INTO changes (at, what) VALUES (?, ?)",
            [time.time(), f"format {number} to {number + 1}"],
        )
    database.run("INSERT OR REPLACE INTO index_info VALUES ('format', ?)", [str(FORMAT)])
    database.run(f"PRAGMA user_version = {FORMAT}")
