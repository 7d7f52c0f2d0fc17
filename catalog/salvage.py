"""The records of a damaged catalog, table by table, as far as its pages are whole.

The text of the schema is ours and never needed: only where a table begins is taken from it, by its name. Where a part
of a table is not reached from there, the pages that nothing else reaches and whose records have the table's shape are
its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from anyseek.catalog.pages import (
    INNER_INDEX,
    LEAF_INDEX,
    LEAF_TABLE,
    Pages,
    Row,
    Tree,
    Value,
    free_pages,
    rows,
    walk,
)
from anyseek.catalog.schema import FORMAT

# A letter a column, a capital where it may be NULL: r number of the row, i whole number, z the same, 0 instead of
# anything else, n number, t text, b bytes.
SHAPES = {
    "index_info": "tt",
    "roots": "rbB",
    "spaces": "rtitiii",
    "files": "ribzzzbTtTTTz",
    "segments": "ritnntti",
    "embeddings": "iiitii",
    "runs": "rtnNT",
    "changes": "rnt",
    "file_words": "rttt",
    "passages": "rt",
    "tags": "tit",
    "kept_tags": "bbtt",
    "folders": "ibii",
    # Indices of tables, which say a part of them once more:
    "sqlite_autoindex_roots_1": "bi",
    "sqlite_autoindex_spaces_1": "ti",
    "sqlite_autoindex_files_1": "ibi",
    "files_by_hash": "bi",
    "tags_by_file": "it",
    "kept_tags_by_place": "bbt",
}
_TAGS_OF_FORMAT_2 = "ti"

# No other table or index has records of that shape.
_TELLING = {
    "index_info",
    "roots",
    "spaces",
    "files",
    "segments",
    "embeddings",
    "file_words",
    "tags",
    "kept_tags",
    "folders",
}

# What a catalog has from that format on, by which one is known that never had a table of people's own.
_SINCE = {
    2: {"tags", "tags_by_file", "file_words", "passages", "files_named", "files_renamed", "files_forgotten"},
    3: {
        "kept_tags",
        "kept_tags_by_place",
        "folders",
        "tags_kept",
        "tags_returned",
        "file_index",
        "passage_index",
    },
}
_SINCE[2] |= _SINCE[3]
_BEGAN = {"tags": 2, "kept_tags": 3}
_FORMAT_AT = 60  # in the header, from format 3 on: the format's number

_SCHEMA = "tttiT"
_KINDS_OF_SCHEMA = {"table", "index", "trigger", "view"}
_MADE_AS = re.compile(r"CREATE TABLE (\w+)")
_TYPES: dict[str, tuple[type, ...]] = {
    "i": (int,),
    "z": (int,),
    "n": (int, float),
    "t": (str,),
    "b": (bytes,),
}
_LARGEST_NUMBER = 1 << 53  # of a row: none of ours is larger, and SQLite needs room above


class Salvage:
    """All that can be read of a catalog. faults: of each table that was read, what could not be."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._begins: dict[str, int] = {}
        self._names: set[Value] = set()
        self._all_begins: set[int] = set()
        self._reached: set[int] | None = None
        self.faults: Counter[str] = Counter()
        for row in self._schema():
            self._enter(row)

    @property
    def is_ours(self) -> bool:
        """Whether it has a table of ours."""
        return bool(self._begins.keys() & _TELLING)

    def rows(self, name: str) -> Iterator[Row]:
        """The records of a table or an index of SHAPES, each of that shape."""
        begin = self._begins.get(name, 0)
        tree = walk(self._pages, begin) if begin else Tree(faults=1)
        for number in tree.pages:
            for _, row in rows(self._pages, number, tree):
                fitting = fit(SHAPES[name], row)
                if fitting is None and name == "tags" and (of_2 := fit(_TAGS_OF_FORMAT_2, row)):
                    fitting = (of_2[0], of_2[1], of_2[0])
                if fitting is None:
                    tree.faults += 1
                else:
                    yield fitting
        n_adopted = 0
        if tree.faults and name in _TELLING:
            for row in self._adopted(name):
                n_adopted += 1
                yield row
        self.faults[name] = tree.faults if begin or n_adopted or self._ever_had(name) else 0

    def _ever_had(self, name: str) -> bool:
        """Whether the catalog is of a format that has this table, as far as anything says so."""
        since = _BEGAN.get(name, 1)
        said = int.from_bytes(self._pages.get(1)[_FORMAT_AT : _FORMAT_AT + 4], "big")
        return since == 1 or since <= said <= FORMAT or bool(self._names & _SINCE[since])

    def _schema(self) -> Iterator[Row]:
        tree = walk(self._pages, 1)
        for number in tree.pages:
            for _, row in rows(self._pages, number, tree):
                if is_schema(row):
                    yield row
                else:
                    tree.faults += 1
        if tree.faults:
            known = {1, *tree.pages}
            for number in (number for number in self._pages.numbers() if number not in known):
                yield from (row for _, row in rows(self._pages, number, Tree()) if is_schema(row))

    def _enter(self, row: Row) -> None:
        kind, name, table, begin, sql = row
        self._names.add(name)
        if not isinstance(begin, int) or begin < 2:
            return
        self._all_begins.add(begin)
        names = [name, *([table, *_MADE_AS.findall(str(sql))] if kind == "table" else [])]
        known = next((one for one in names if isinstance(one, str) and one in SHAPES), None)
        if known is not None:
            self._begins.setdefault(known, begin)

    def _adopted(self, name: str) -> Iterator[Row]:
        shape = SHAPES[name]
        kinds = {LEAF_TABLE} if shape.startswith("r") else {LEAF_INDEX, INNER_INDEX}
        if self._reached is None:
            trees = [walk(self._pages, begin) for begin in (1, *self._all_begins)]
            self._reached = {number for tree in (*trees, free_pages(self._pages)) for number in tree.pages}
        for number in self._pages.numbers():
            if number > 1 and number not in self._reached:
                there = list(rows(self._pages, number, Tree()))
                if all(kind in kinds and is_like(shape, row) for kind, row in there):
                    yield from (fitting for _, row in there if (fitting := fit(shape, row)))


def is_schema(row: Row) -> bool:
    """Whether it is a record of sqlite_master."""
    return is_like(_SCHEMA, row) and row[0] in _KINDS_OF_SCHEMA


def is_like(shape: str, row: Row) -> bool:
    """Whether a record is of that shape as it is."""
    return len(row) == len(shape) and all(map(_is, shape, row))


def _is(kind: str, value: Value) -> bool:
    if value is None:
        return kind.isupper()
    kind = kind.lower()
    if kind == "r":
        return isinstance(value, int) and 0 <= value < _LARGEST_NUMBER
    return isinstance(value, _TYPES[kind])


def fit(shape: str, row: Row) -> Row | None:
    """The record with texts and bytes in their own type, texts that SQLite takes; None for one of another shape."""
    if len(row) != len(shape):
        return None
    fitting = tuple(map(_fitted, shape, row))
    return fitting if all(map(_is, shape, fitting)) else None


def _fitted(kind: str, value: Value) -> Value:
    if kind == "z":
        return value if isinstance(value, int) else 0
    if kind in "tT" and isinstance(value, (str, bytes)):
        encoded = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        return encoded.decode("utf-8", "replace")
    if kind in "bB" and isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return value
