"""Full-text search of names, captions and passages (SQLite FTS5): which rows have words of a query, and how much of it.

How much is the coverage: BM25 (with k1 of 1.2 and b of 0.75, as FTS5 has it) as a share of the most that it can be,
which a text would have that says every word of the query over and over. So it is from 0 to 1 whatever the library and
the query, and a rare word weighs more than a common one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek import modalities
from anyseek.catalog.folder_names import named_folders, tokens_of

if TYPE_CHECKING:
    from anyseek.catalog.database import Database
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Modality, Rows

MOST_FILES, MOST_PASSAGES = 200, 500
"""The best ones of these that a search takes into account. As many however few hits are asked for: what they are
compared with must not hang on it."""

HIGHEST = 2.2
"""What FTS5 multiplies a word's weight by at most: k1 + 1."""

RARE = 10
"""A form of a word that so many times fewer texts have than its stem is looked for beside the stem: `Manning` is more
than a man, `dogs` no more than a dog."""


@dataclass(frozen=True, slots=True)
class Term:
    """phrase: what is typed, as a string of FTS5. stem: that of a single English word, "" for anything else, which is
    found as it was typed alone."""

    phrase: str
    stem: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a query's words are looked for by. are_needed: all have to be there, else any may be."""

    terms: tuple[Term, ...]
    are_needed: bool = False


@dataclass(frozen=True, slots=True)
class WordRow:
    """A row of vectors whose file or passage has words. coverage: above 0, at most 1. in_file: its name, folders or
    caption have some; in_text: the passage, or a text beside the file."""

    row: int
    file_id: int
    coverage: float
    in_file: bool
    in_text: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """typed: its columns of words as they stand. rank: BM25, lower is better."""

    name: str
    typed: str
    rank: str
    most: int


_PASSAGES = _Table("passage_index", "{text}", "bm25(passage_index)", MOST_PASSAGES)
_FILES = _Table(  # captions count double, folders a quarter
    "file_index",
    "{folders name caption}",
    "bm25(file_index, 0.25, 1.0, 2.0, 0.25, 1.0, 2.0)",
    MOST_FILES,
)
_TABLES = (_FILES, _PASSAGES)

# Where in a file_index words may be, and its columns of that.
_PARTS = {
    "name": ("name", "name_stems"),
    "folder": ("folders", "folder_stems"),
    "caption": ("caption", "caption_stems"),
}
_FILES_WITH = (
    "SELECT json_group_array(rowid) FROM file_index WHERE file_index MATCH ?"
    " AND rowid IN (SELECT value FROM json_each(?))"
)

# As one value each: with every row Python's lock is given up and waited for, which is dear where many search at once.
_BEST = (
    "SELECT json_group_array(json_array(number, rank)) FROM"
    " (SELECT rowid AS number, {table.rank} AS rank FROM {table.name} WHERE {table.name} MATCH ?{within}"
    " ORDER BY rank LIMIT {table.most})"
)
_WITHIN = {
    "file_index": " AND EXISTS (SELECT 1 FROM segments s CROSS JOIN embeddings e ON e.segment_id = s.segment_id"
    " WHERE s.file_id = file_index.rowid",
    "passage_index": " AND EXISTS (SELECT 1 FROM embeddings e WHERE e.segment_id = passage_index.rowid",
}
# The plus signs keep SQLite from the index of all rows of a modality: each text has its segments by number.
_MAY_BE_HIT = " AND +e.space_id = ? AND +e.visible = 1 AND +e.modality = ?"
_ROWS_OF_PASSAGES = (
    "SELECT json_group_array(json_array(e.row, s.file_id, p.value)) FROM json_each(?) p"
    " CROSS JOIN segments s ON s.segment_id = p.value CROSS JOIN embeddings e ON e.segment_id = p.value"
)
_ROWS_OF_FILES = (
    "SELECT json_group_array(json_array(e.row, s.file_id)) FROM json_each(?) f"
    " CROSS JOIN segments s ON s.file_id = f.value CROSS JOIN embeddings e ON e.segment_id = s.segment_id"
)
# What photo.jpg.txt says is about photo.jpg.
_DESCRIBED = (
    "SELECT json_group_array(json_array(described.file_id, p.value)) FROM json_each(?) p"
    " CROSS JOIN segments s ON s.segment_id = p.value"
    " CROSS JOIN files beside ON beside.file_id = s.file_id CROSS JOIN files described"
    " ON described.root = beside.root AND described.path = substr(beside.path, 1, length(beside.path) - 4)"
    " WHERE lower(CAST(beside.path AS TEXT)) LIKE '%.txt'"
)
_SEARCHABLE = " WHERE e.space_id = ? AND e.visible = 1 AND e.modality = ?"


def covered_rows(
    snapshot: Snapshot, space_id: int, terms: Terms, modality: Modality, allow: Rows | None = None
) -> list[WordRow]:
    """The rows of one modality that have words of the query: passages (of texts alone), and every row of a file by its
    name and caption, and by what a text file beside it says. Coverages c, d of a row by more than one of these are one:
    1 - (1 - c)(1 - d). allow: the rows that may be hits, None for all; the best are chosen among the names, and among
    the passages of texts, of these, but by coverages in the whole library."""
    database, is_text = snapshot.database, modalities.info(modality).is_text
    used = _expressions(database, terms)
    hits = _Hits(space_id, modality, allow)
    files = _coverages(database, _FILES, used, hits, are_needed=terms.are_needed)
    # Of texts without a filter every passage may be one; for others passages are those of files beside them.
    asked = hits if is_text and allow is not None else None
    passages = _coverages(database, _PASSAGES, used, asked, are_needed=terms.are_needed)
    if files and not terms.are_needed:
        for file_id, share in named_folders(database, files, _weights(database, used)).items():
            files[file_id] = _either(files[file_id], share / HIGHEST)
    by_file, described = frozenset(files), set[int]()
    for file_id, segment_id in _rows(database, _DESCRIBED, passages, []):
        files[file_id] = _either(files.get(file_id, 0.0), passages[segment_id])
        described.add(file_id)
    place = [space_id, str(modality)]
    found = {
        row: WordRow(row, file_id, files[file_id], file_id in by_file, file_id in described)
        for row, file_id in _rows(database, _ROWS_OF_FILES + _SEARCHABLE, files, place)
    }
    if is_text:
        rows = _rows(database, _ROWS_OF_PASSAGES + _SEARCHABLE, passages, place)
        for row, file_id, segment_id in rows:
            coverage = _either(files.get(file_id, 0.0), passages[segment_id])
            found[row] = WordRow(row, file_id, coverage, file_id in by_file, in_text=True)
    return list(found.values())


def parts_with(snapshot: Snapshot, terms: Terms, file_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Of files, in which of name, folder and caption words of the query are."""
    parts: dict[int, tuple[str, ...]] = dict.fromkeys(file_ids, ())
    for part, (typed, stems) in _PARTS.items():
        match = " OR ".join(
            f"{{{typed} {stems}}} : {one.stem}" if one.stem else f"{typed} : {one.phrase}"
            for one in terms.terms
        )
        (rows,) = snapshot.database.first(_FILES_WITH, [match, json.dumps(list(file_ids))])
        for file_id in json.loads(rows):
            parts[file_id] += (part,)
    return parts


def is_anywhere(snapshot: Snapshot, match: str) -> bool:
    """Whether any passage, name or caption of the index matches. match: an expression of FTS5."""
    return any(
        snapshot.database.first(f"SELECT 1 FROM {index} WHERE {index} MATCH ? LIMIT 1", [match])
        for index in ("passage_index", "file_index")
    )


def _expressions(database: Database, terms: Terms) -> list[_Expression]:
    """What is looked for: words as they stand by `typed`, stems anywhere."""
    used: list[_Expression] = []
    for term in terms.terms:
        typed = _Expression(database, term.phrase, is_typed=True)
        if not term.stem:
            used.append(typed)
            continue
        used.append(stem := _Expression(database, term.stem, is_typed=False))
        if term.stem != term.phrase and 0 < RARE * sum(typed.counts) <= sum(stem.counts):
            used.append(typed)
    return used


def _weights(database: Database, used: Sequence[_Expression]) -> dict[frozenset[str], float]:
    """What the words of a query weigh among the names of files, by their tokens."""
    n_texts = _n_texts(database, _FILES)
    weights: dict[frozenset[str], float] = {}
    for one in used:
        tokens = tokens_of(one.phrase)
        weights[tokens] = weights.get(tokens, 0.0) + one.weight(_FILES, n_texts)
    return weights


def _n_texts(database: Database, table: _Table) -> int:
    (n_texts,) = database.first(f"SELECT count(*) FROM {table.name}_docsize")
    return int(n_texts)


class _Expression:
    """A part of a query, and in how many texts of each table it is."""

    def __init__(self, database: Database, phrase: str, *, is_typed: bool) -> None:
        self.phrase, self._is_typed = phrase, is_typed
        self.counts = tuple(self._count(database, table) for table in _TABLES)

    def within(self, table: _Table) -> str:
        """For MATCH."""
        return f"{table.typed} : {self.phrase}" if self._is_typed else self.phrase

    def weight(self, table: _Table, n_texts: int) -> float:
        """The weight of a word (inverse document frequency) as FTS5 has it."""
        n_with = self.counts[_TABLES.index(table)]
        return max(1e-6, math.log((n_texts - n_with + 0.5) / (n_with + 0.5)))

    def _count(self, database: Database, table: _Table) -> int:
        sql = f"SELECT count(*) FROM {table.name} WHERE {table.name} MATCH ?"
        (n,) = database.first(sql, [self.within(table)])
        return int(n)


@dataclass(frozen=True, slots=True)
class _Hits:
    """Which rows may be hits."""

    space_id: int
    modality: Modality
    allow: Rows | None

    def within(self, table: _Table) -> tuple[str, list[object]]:
        """That a text of the table has such a row, as a condition and its values."""
        condition, values = _WITHIN[table.name] + _MAY_BE_HIT, [self.space_id, str(self.modality)]
        if self.allow is None:
            return condition + ")", values
        rows = json.dumps(self.allow.tolist())
        return condition + " AND e.row IN (SELECT value FROM json_each(?)))", [*values, rows]

    def hold(self, database: Database, table: _Table, best: Sequence[tuple[int, float]]) -> bool:
        """Whether all of these texts have such a row."""
        condition, values = self.within(table)
        sql = f"SELECT count(*) FROM {table.name} WHERE rowid IN (SELECT value FROM json_each(?)){condition}"
        (n,) = database.first(sql, [json.dumps([number for number, _ in best]), *values])
        return bool(n == len(best))


def _coverages(
    database: Database,
    table: _Table,
    used: Sequence[_Expression],
    hits: _Hits | None,
    *,
    are_needed: bool,
) -> dict[int, float]:
    """Of the best of a table, by number; of those that have a row among `hits`, where there are more than enough."""
    n_texts = _n_texts(database, table)
    expression = (" AND " if are_needed else " OR ").join(one.within(table) for one in used)
    best = _best(database, table, expression, "", [])
    if hits is not None and len(best) == table.most and not hits.hold(database, table, best):
        best = _best(database, table, expression, *hits.within(table))  # others had crowded them out
    most = HIGHEST * sum(one.weight(table, n_texts) for one in used)
    return {number: min(1.0, -rank / most) for number, rank in best}


def _best(
    database: Database, table: _Table, expression: str, within: str, values: list[object]
) -> list[tuple[int, float]]:
    (found,) = database.first(_BEST.format(table=table, within=within), [expression, *values])
    best: list[tuple[int, float]] = json.loads(found)
    return best


def _either(one: float, other: float) -> float:
    return 1 - (1 - one) * (1 - other)


def _rows(
    database: Database, sql: str, numbers: dict[int, float], values: Sequence[object]
) -> list[list[int]]:
    (found,) = database.first(sql, [json.dumps(list(numbers)), *values])
    rows: list[list[int]] = json.loads(found)
    return rows
