"""The words that files are found by, made anew of names, captions and passages: no file is read again.

SQL, one statement after the other, inside the transaction that is open. Of a damaged text there are no words until its
file is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseek.catalog.schema import INDEXED, NAME, WORDS
from anyseek.catalog.sql_functions import is_text_sql

if TYPE_CHECKING:
    from anyseek.catalog.database import Database

_PATH = "CASE WHEN typeof(path) = 'blob' THEN fold(path) ELSE '' END"
_WRITTEN = "CASE WHEN typeof(f.path) = 'blob' THEN f.path ELSE '' END"
_CAPTION = f"CASE WHEN {is_text_sql('w.caption')} THEN w.caption ELSE '' END"


def _made(function: str, column: str) -> str:
    return f"CASE WHEN {is_text_sql(column)} THEN {function}({column}) ELSE '' END"


_PASSAGES = (
    "INSERT INTO passage_index (rowid, text, stems)"
    f" SELECT segment_id, {_made('word_tokens', 'text')}, {_made('word_stems', 'text')} FROM passages"
)


def word_tables(database: Database) -> list[str]:
    """The tables that words are found by."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%fts5%'"
    return [str(name) for (name,) in database.rows(sql)]


def _emptied(database: Database) -> list[str]:
    made = [statement for statement in WORDS if statement.startswith("CREATE VIRTUAL TABLE")]
    return [*(f"DROP TABLE {table}" for table in word_tables(database)), *made]


def rebuilt(database: Database) -> list[str]:
    """For a catalog whose words are damaged: their tables, and the row of every file."""
    caption = f"CASE WHEN {is_text_sql('caption')} THEN caption ELSE '' END"
    return [
        *_emptied(database),
        f"CREATE TEMP TABLE captions AS SELECT file_id, {caption} AS caption FROM file_words",
        "DELETE FROM file_words",
        # Its trigger fills file_index.
        f"INSERT INTO file_words (file_id, path, name, caption) SELECT f.file_id, p, {NAME}, coalesce(caption, '')"
        f" FROM (SELECT file_id, {_PATH} AS p FROM files) f LEFT JOIN captions c ON c.file_id = f.file_id",
        "DROP TABLE captions",
        _PASSAGES,
    ]


def refolded(database: Database) -> list[str]:
    """For a whole catalog whose names and words were made by other rules, or have other columns. What is damaged stays
    for `doctor`."""
    triggers = {
        statement.split()[2]: statement for statement in WORDS if statement.startswith("CREATE TRIGGER ")
    }
    return [
        *(f"DROP TRIGGER IF EXISTS {name}" for name in triggers),
        *_emptied(database),
        f"UPDATE file_words SET (path, name) = (SELECT p, {NAME} FROM (SELECT {_PATH} AS p FROM files f"
        " WHERE f.file_id = file_words.file_id)) WHERE file_id IN (SELECT file_id FROM files)",
        "INSERT INTO file_index (rowid, folders, name, caption, folder_stems, name_stems, caption_stems)"
        f" SELECT w.file_id, {INDEXED.format(_WRITTEN, _CAPTION)}"
        " FROM file_words w JOIN files f ON f.file_id = w.file_id",
        _PASSAGES,
        *triggers.values(),
    ]
