"""The numbers of records, and the counters that give the next ones (SQLite's AUTOINCREMENT): one that is damaged ends
every write, or gives a new record a number that another one has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseek.catalog.codec import LARGEST, is_number
from anyseek.catalog.failures import LOST, REPAIR
from anyseek.contracts import READ_AGAIN, FileState
from anyseek.errors import IndexDamaged
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.database import Database

_LARGEST_OF_RECORDS = LARGEST >> 1


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A table whose records have numbers. references: columns of other tables that hold them, in the order in which
    they are written. original: SQL for the number that others know a record `?1` by."""

    table: str
    column: str
    references: tuple[tuple[str, str], ...] = ()
    original: str = "NULL"
    is_counted: bool = True
    first: int = 1


_NUMBERED = (
    _Numbered(
        "roots",
        "root",
        (("files", "root"), ("folders", "root")),
        "(SELECT root FROM files WHERE root NOT IN (SELECT root FROM roots) LIMIT 1)",
        is_counted=False,
        first=0,
    ),
    _Numbered(
        "spaces",
        "space_id",
        (("embeddings", "space_id"),),
        "(SELECT space_id FROM embeddings WHERE space_id NOT IN (SELECT space_id FROM spaces) LIMIT 1)",
    ),
    _Numbered(
        "files",
        "file_id",
        (("segments", "file_id"), ("tags", "file_id"), ("file_words", "file_id")),
        "(SELECT w.file_id FROM file_words w JOIN files f ON f.file_id = ?1 AND fold(f.path) = w.path"
        " WHERE w.file_id NOT IN (SELECT file_id FROM files) LIMIT 1)",
    ),
    _Numbered("segments", "segment_id", (("embeddings", "segment_id"),)),
    _Numbered("runs", "run_id"),
    _Numbered("changes", "change"),
)


def damaged_numbers(database: Database) -> list[str]:
    """Tables that have a record of a number beyond all counting, or whose counter is none, or behind its records."""
    return [one.table for one in _NUMBERED if not _is_right(database, one)]


def check_numbers(database: Database) -> None:
    """Raises IndexDamaged where the next record would get no number, or a wrong one."""
    if tables := damaged_numbers(database):
        raise IndexDamaged(
            f"The numbers of the catalog in {printable(str(database.folder))} are damaged: {', '.join(tables)}.",
            REPAIR,
        )


def put_numbers_right(database: Database) -> None:
    """Inside a transaction. A record gets the number by which others still know it, else the next one; a segment of
    such a number goes, and its file is read again."""
    for one in _NUMBERED:
        for (number,) in database.all(f"SELECT {one.column} FROM {one.table} WHERE NOT ({_in_range(one)})"):
            if one.table == "segments":
                _drop_segment(database, number)
            else:
                _renumber(database, one, number)
        if one.is_counted:
            _count(database, one)


def _in_range(one: _Numbered) -> str:
    return f"{one.column} BETWEEN {one.first} AND {_LARGEST_OF_RECORDS}"


def _is_right(database: Database, one: _Numbered) -> bool:
    low, high = database.first(
        f"SELECT (SELECT min({one.column}) FROM {one.table}), (SELECT max({one.column}) FROM {one.table})"
    )
    is_in_range = low is None or (low >= one.first and high <= _LARGEST_OF_RECORDS)
    if not is_in_range or not one.is_counted:
        return is_in_range
    counters = _counters(database, one)
    if not counters:
        return low is None
    return len(counters) == 1 and is_number(counters[0]) and counters[0] >= (high or 0)


def _counters(database: Database, one: _Numbered) -> list[Any]:
    """What stands there, None for what is no whole number."""
    rows = database.all(
        "SELECT CASE WHEN typeof(seq) = 'integer' THEN seq END FROM sqlite_sequence WHERE name = ?",
        [one.table],
    )
    return [counter for (counter,) in rows]


def _renumber(database: Database, one: _Numbered, number: int) -> None:
    (original,) = database.first(f"SELECT {one.original} FROM (SELECT ?1)", [number])
    new = original if is_number(original) and original >= one.first else _last(database, one) + 1
    database.run(f"UPDATE {one.table} SET {one.column} = ? WHERE {one.column} = ?", [new, number])
    for table, column in one.references:
        database.run(f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {column} = ?", [new, number])


def _last(database: Database, one: _Numbered) -> int:
    """The largest number that a record has, or is known by."""
    places = ((one.table, one.column), *one.references)
    largest = " UNION ALL ".join(
        f"SELECT max({column}) FROM {table} WHERE {column} BETWEEN {one.first} AND {_LARGEST_OF_RECORDS}"
        for table, column in places
    )
    return max((number for (number,) in database.all(largest) if is_number(number)), default=one.first - 1)


def _count(database: Database, one: _Numbered) -> None:
    """Never back, as far as the counter can be believed: the number of a record that is gone is not given again."""
    counters = [counter for counter in _counters(database, one) if is_number(counter)]
    database.run("DELETE FROM sqlite_sequence WHERE name = ?", [one.table])
    last = max([*counters, _last(database, one)])
    database.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [one.table, max(last, 0)])


def _drop_segment(database: Database, number: int) -> None:
    database.run(
        "UPDATE files SET state = CASE state WHEN ?1 THEN state ELSE ?2 END, problem_code = ?3,"
        " problem_stage = 'read', problem_reason = ?4"
        " WHERE file_id IN (SELECT file_id FROM segments WHERE segment_id = ?5)",
        [FileState.MISSING.value, FileState.FAILED.value, READ_AGAIN, LOST, number],
    )
    database.run("DELETE FROM segments WHERE segment_id = ?", [number])
