"""Whether single values of the catalog are what Anyseek writes, and how wrong ones are put right. SQL alone.

A flipped bit in a page of SQLite is often still a database: a text that is not UTF-8, a time before all time, a
modality that nobody declares. Here and in other_values.py are the tests of the columns, and what takes the place of
what fails them; vectors have checksums of their own, and a space without its model is beyond repair.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.catalog import codec
from anyseek.catalog.sql_functions import is_text_sql
from anyseek.catalog.tag_records import LONGEST_PATH, restored_tag
from anyseek.contracts import FileState, Modality, Unit
from anyseek.errors import IndexDamaged, MissingExtra
from anyseek.folding import folded

if TYPE_CHECKING:
    from anyseek.catalog.database import Database


_LARGEST = 1e300  # of a time or a place in a file


def is_span(start: float, end: float) -> bool:
    """Whether a segment can be from start to end."""
    return -_LARGEST <= start <= end <= _LARGEST


@dataclass(frozen=True, slots=True)
class _Column:
    """test: SQL that is true for a value that we could have written. instead: SQL for what replaces any other."""

    name: str
    test: str
    instead: str


def _one_of(column: str, values: list[str]) -> str:
    names = ", ".join(f"'{value}'" for value in values)  # words, all of them
    return f"typeof({column}) = 'text' AND {column} IN ({names})"


def _columns_of_files() -> tuple[_Column, ...]:
    modalities = [str(modality) for modality in Modality]
    states = [*map(str, FileState), "partial"]
    whole = "typeof({0}) = 'integer'"
    path = (
        f"typeof(path) = 'blob' AND length(path) BETWEEN 1 AND {LONGEST_PATH} AND instr(path, x'00') = 0"
        " AND substr(path, 1, 1) != x'2F'"
    )
    return (
        # A path that no file has: the next run finds it gone, and what was there by its content.
        _Column("path", path, "CAST('damaged-' || file_id AS BLOB)"),
        _Column("size", f"{whole.format('size')} AND size >= 0", "0"),
        _Column("mtime_ns", whole.format("mtime_ns"), "0"),
        _Column("inode", whole.format("inode"), "0"),
        _Column("change", whole.format("change"), "0"),
        _Column("content_hash", "typeof(content_hash) = 'blob'", "x''"),
        # Of files that failed, the modality may be one whose package is gone: of several, for one may be damaged.
        _Column(
            "modality",
            f"(modality IS NULL OR {_one_of('modality', modalities)}"
            f" OR (problem_code IS NOT NULL AND {is_text_sql('modality')} AND modality GLOB '[a-z]*'"
            " AND modality NOT GLOB '*[^a-z0-9_]*'"
            " AND (SELECT count(*) FROM (SELECT 1 FROM files o WHERE o.modality = files.modality LIMIT 2)) > 1))",
            "NULL",
        ),
        _Column("state", _one_of("state", states), "'failed'"),
        _Column("problem_code", f"(problem_code IS NULL OR {is_text_sql('problem_code')})", "'broken'"),
        *(
            _Column(
                name,
                f"(({name} IS NULL) = (problem_code IS NULL) AND ({name} IS NULL OR {is_text_sql(name)}))",
                "''",
            )
            for name in ("problem_stage", "problem_reason")
        ),
    )


def damaged_files(database: Database) -> Iterator[int]:
    """Numbers of files whose record holds what Anyseek never writes."""
    tests = " AND ".join(f"({column.test})" for column in _columns_of_files())
    # A state without its problem, or the other way round, hides a file for good.
    agree = "(state != 'failed' OR problem_code IS NOT NULL) AND (state != 'ok' OR problem_code IS NULL)"
    sql = f"SELECT file_id FROM files WHERE coalesce(NOT ({tests} AND {agree}), 1)"
    return (number for (number,) in database.rows(sql))


def put_files_right(database: Database, file_ids: tuple[int, ...]) -> None:
    """Replace the values that fail their test in these records; the records stay."""
    for column in _columns_of_files():
        database.run_many(
            f"UPDATE files SET {column.name} = {column.instead}"
            f" WHERE file_id = ? AND coalesce(NOT ({column.test}), 1)",
            zip(file_ids),
        )


def damaged_segments(database: Database) -> Iterator[int]:
    """Numbers of files that have a segment, a passage or a caption that is not what was stored."""
    modalities = [str(modality) for modality in Modality]
    texts = ("s.modality", "s.unit", "s.excerpt", "p.text")
    modality, unit, excerpt, text = (f"CAST({column} AS BLOB)" for column in texts)
    tests = [
        _one_of("s.modality", modalities),
        _one_of("s.unit", [unit.value for unit in Unit]),
        "typeof(s.start) = 'real' AND typeof(s.end) = 'real'",
        f"s.start BETWEEN -{_LARGEST} AND {_LARGEST} AND s.end BETWEEN s.start AND {_LARGEST}",
        is_text_sql("s.excerpt"),
        f"(p.text IS NULL OR {is_text_sql('p.text')})",
        f"s.crc = segment_crc({modality}, s.start, s.end, {unit}, {excerpt}, {text})",
    ]
    whole = " AND ".join(f"({test})" for test in tests)
    sql = (
        "SELECT DISTINCT s.file_id FROM segments s LEFT JOIN passages p ON p.rowid = s.segment_id"
        f" WHERE s.file_id IN (SELECT file_id FROM files) AND coalesce(NOT ({whole}), 1)"
        " UNION SELECT f.file_id FROM files f LEFT JOIN file_words w ON w.file_id = f.file_id"
        f" WHERE f.state != 'partial' AND coalesce(NOT ({is_text_sql('w.caption')}), 1)"
    )
    yield from (number for (number,) in database.rows(sql))
    # Where the words cannot be read, nothing tells what a caption was.
    with suppress(IndexDamaged):
        yield from (number for (number,) in database.rows(_OTHER_CAPTIONS))


# What the caption's words were made of was another text, and no third one says which of the two is damaged.
_OTHER_CAPTIONS = (
    "SELECT w.file_id FROM file_words w JOIN file_index i ON i.rowid = w.file_id"
    " JOIN files f ON f.file_id = w.file_id WHERE f.state != 'partial' AND"
    f" CASE WHEN {is_text_sql('w.caption')} AND {is_text_sql('i.caption')}"
    " THEN i.caption != word_tokens(w.caption) ELSE 0 END"
)


def clear_captions(database: Database, file_ids: tuple[int, ...]) -> None:
    """The next reading of these files brings their captions again."""
    database.run_many("UPDATE file_words SET caption = '' WHERE rowid = ?", zip(file_ids))


def files_without_segments(database: Database) -> Iterator[int]:
    """Numbers of files that pass for indexed and have nothing that a search could find; and the other way round."""
    has = "EXISTS (SELECT 1 FROM segments s WHERE s.file_id = f.file_id)"
    sql = (
        "SELECT f.file_id FROM files f WHERE f.problem_code IS NULL AND f.state != 'partial'"
        f" AND (f.modality IS NOT NULL) != {has}"
    )
    return (number for (number,) in database.rows(sql))


IS_FOLDED = f"CASE WHEN {is_text_sql('tag')} AND {is_text_sql('folded')} THEN folded = fold(tag) ELSE 0 END"
"""SQL: whether a tag, kept or not, is a text and stands under its fold."""

_OF_NO_FILE = "file_id NOT IN (SELECT file_id FROM files)"


def damaged_tags(database: Database) -> list[tuple[int, bytes, bytes]]:
    """(file_id, the bytes that stand there, those of its fold) of tags that are not a text, not under their fold, or of
    no file."""
    sql = (
        "SELECT file_id, CAST(tag AS BLOB), CAST(folded AS BLOB) FROM tags"
        f" WHERE NOT ({IS_FOLDED}) OR {_OF_NO_FILE}"
    )
    return [(number, bytes(tag), bytes(fold)) for number, tag, fold in database.rows(sql)]


def put_tags_right(database: Database) -> int:
    """A tag is what its fold says, which an index says too. Where that is not alike, what can be read of the tag stays,
    with a mark where something cannot. Those of no file go, for nothing says whose they were; returns how many."""
    n_lost = database.run(f"DELETE FROM tags WHERE {_OF_NO_FILE}").rowcount
    for file_id, tag, fold in damaged_tags(database):
        database.run(
            "UPDATE OR REPLACE tags SET tag = ?1, folded = fold(?1)"
            " WHERE file_id = ?2 AND CAST(tag AS BLOB) = ?3 AND CAST(folded AS BLOB) = ?4",
            [right_tag(tag, fold), file_id, tag, fold],
        )
    return n_lost


def right_tag(tag: bytes, fold: bytes) -> str:
    """What a damaged tag reads, of its text and of its fold."""
    text, by_fold = tag.decode("utf-8", "replace"), fold.decode("utf-8", "replace")
    is_fold = by_fold.encode() == fold and folded(by_fold) == by_fold != ""
    return restored_tag(text, by_fold) if is_fold else text


def damaged_settings(database: Database) -> list[str]:
    """Names of settings that are not JSON any more."""
    sql = (
        "SELECT name FROM index_info WHERE name LIKE 'setting:%'"
        f" AND NOT ({is_text_sql('value')} AND json_valid(CASE WHEN {is_text_sql('value')} THEN value ELSE '' END))"
    )
    return [str(name).removeprefix("setting:") for (name,) in database.rows(sql)]


def damaged_runs(database: Database) -> list[int]:
    """Numbers of runs whose report cannot be read; they are for people alone."""
    texts = f"{is_text_sql('command')} AND (report IS NULL OR {is_text_sql('report')})"
    times = "typeof(started) = 'real' AND typeof(ended) IN ('real', 'null')"
    sql = f"SELECT run_id FROM runs WHERE NOT ({texts} AND {times})"
    damaged = [int(number) for (number,) in database.rows(sql)]
    reports = database.rows(f"SELECT run_id, report FROM runs WHERE {texts} AND {times} AND report != ''")
    return damaged + [int(number) for number, report in reports if not _is_report(report)]


def _is_report(text: str) -> bool:
    try:
        codec.report(text)
    except IndexDamaged:
        return False
    except MissingExtra:  # of a modality whose package is gone
        return True
    return True
