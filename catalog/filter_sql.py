"""A filter expression as SQL over `f` (a file) with what `files` joins to it, and `e` (an embedding).

SQLite bounds how deep an expression may be and how many values may be bound. So conditions on one field are put
together (their values are one JSON array), what is left is joined as a balanced tree, and `not` is pushed down to the
conditions. No condition looks into a table of its own: SQLite goes through all open cursors for each that it opens, so
that the time of thousands of them would grow with their square.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from anyseek.catalog.codec import clean_tag, clean_text, prefix_range
from anyseek.errors import UsageError
from anyseek.filters import (
    EXAMPLE,
    And,
    Comparison,
    Expression,
    Not,
    OneOf,
    Or,
    modality,
    pattern,
    period,
    seconds,
    size_in_bytes,
)
from anyseek.folding import folded

MOST_VALUES = 32_000
"""That can be bound to one statement; SQLite's own bound is 32,766."""

MOST_RANGES = 100
"""Of paths that are looked for by the index of files; more folders are compared with every file."""

_LENGTH = "l.end"
# Folded when they were stored.
_PATH, _NAME = "w.path", "w.name"
_WORDS = " LEFT JOIN file_words w ON w.file_id = f.file_id"
# The last segment of a file, looked for only where no condition on the file itself has ruled it out.
_LENGTHS = (
    " LEFT JOIN segments l ON l.segment_id = (SELECT t.segment_id FROM segments t"
    " WHERE t.file_id = f.file_id AND t.unit = 's' ORDER BY t.end DESC LIMIT 1)"
)
_TAGS = (
    " LEFT JOIN (SELECT t.file_id, json_group_array(t.folded) AS tags FROM tags t GROUP BY t.file_id) g"
    " ON g.file_id = f.file_id"
)
# What follows the last "." of a name: rtrim takes off every other character from the right.
_SUFFIX_IN = (
    f"(instr({_NAME}, '.') > 0 AND substr({_NAME}, length(rtrim({_NAME}, replace({_NAME}, '.', ''))) + 1)"
    " IN (SELECT value FROM json_each(?)))"
)
# JSON holds no bytes; hexadecimal digits stand in their order.
_BELOW_MANY = (
    "EXISTS (SELECT 1 FROM json_each(?) v WHERE f.root = json_extract(v.value, '$[0]')"
    " AND (lower(hex(f.path)) = json_extract(v.value, '$[1]')"
    " OR (lower(hex(f.path)) >= json_extract(v.value, '$[2]')"
    " AND lower(hex(f.path)) < json_extract(v.value, '$[3]'))))"
)
_BELOW_MANY_FOLDED = (
    "EXISTS (SELECT 1 FROM json_each(?) v WHERE f.root = json_extract(v.value, '$[0]')"
    f" AND ({_PATH} = json_extract(v.value, '$[1]')"
    f" OR ({_PATH} >= json_extract(v.value, '$[2]') AND {_PATH} < json_extract(v.value, '$[3]'))))"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over `files` and `e`, with its values, which are bound and never part of it."""

    sql: str
    values: tuple[Any, ...] = ()


def files(conditions: Iterable[Condition]) -> str:
    """What follows FROM: files with all that these conditions compare, one row a file."""
    sql = " ".join(condition.sql for condition in conditions)
    joined = {"w.": _WORDS, "l.": _LENGTHS, "g.": _TAGS}
    return "files f" + "".join(table for name, table in joined.items() if re.search(rf"\b{name}", sql))


BelowFolders: TypeAlias = Callable[[Sequence[str]], Condition]
"""Makes the condition of files below any of these absolute folders."""


def condition(expression: Expression, below: BelowFolders) -> Condition:
    """The WHERE clause of a filter. Raises UsageError for one of more conditions than SQLite takes."""
    made = _Maker(below).made(expression, negated=False)
    if len(made.values) > MOST_VALUES:
        raise UsageError(f"The filter has more than {MOST_VALUES:,} conditions.", EXAMPLE)
    return made


def below(places: Sequence[tuple[int, bytes]], folded_places: Sequence[tuple[int, str]] = ()) -> Condition:
    """Files at or below any of these places: a root's number and the path from there, b"" for all of the root.

    folded_places: the same with folded paths, compared with folded ones.
    """
    made = [_at_or_below(places)] if places else []
    if folded_places:
        rows = [[root, path, *(_folded_range(path))] for root, path in folded_places]
        made.append(Condition(_BELOW_MANY_FOLDED, (json.dumps(rows),)))
    return _joined(made, "OR") if made else Condition("0")


def _folded_range(path: str) -> tuple[str, str]:
    """As `prefix_range`, for text; a text is below the empty one whatever it is."""
    return (path + "/", path + "0") if path else ("", "\U0010ffff" * 8)


def _at_or_below(places: Sequence[tuple[int, bytes]]) -> Condition:
    if len(places) > MOST_RANGES:
        rows = [[root, path.hex(), *(end.hex() for end in prefix_range(path))] for root, path in places]
        return Condition(_BELOW_MANY, (json.dumps(rows),))
    ranges = [
        Condition(
            "(f.root = ? AND (f.path = ? OR (f.path >= ? AND f.path < ?)))", (root, path, *prefix_range(path))
        )
        for root, path in places
    ]
    return _joined(ranges, "OR")


class _Leaf(NamedTuple):
    """A condition on one field: it passes when the field fits any of the values, or with `negated` none of them."""

    field: str
    sign: str
    values: tuple[str, ...]
    negated: bool


class _Maker:
    def __init__(self, below: BelowFolders) -> None:
        self._below = below

    def made(self, expression: Expression, *, negated: bool) -> Condition:
        while isinstance(expression, Not):
            expression, negated = expression.part, not negated
        if not isinstance(expression, (And, Or)):
            return self._of_leaf(_leaf(expression, negated))
        is_and = isinstance(expression, And) is not negated
        leaves, others = [], []
        for part in expression.parts:
            inner, is_negated = part, negated
            while isinstance(inner, Not):
                inner, is_negated = inner.part, not is_negated
            if isinstance(inner, (And, Or)):
                others.append(self.made(inner, negated=is_negated))
            else:
                leaves.append(_leaf(inner, is_negated))
        # The deepest first: SQLite's parser then needs the least of its stack.
        others.sort(key=lambda one: _depth(one.sql), reverse=True)
        others += [self._of_group(group, is_and=is_and) for group in _groups(leaves, is_and=is_and)]
        return _joined(others, "AND" if is_and else "OR")

    def _of_group(self, group: list[_Leaf], *, is_and: bool) -> Condition:
        """Conditions of one field and sign: any of all their values, or all of them."""
        first = group[0]
        if len(group) == 1:
            return self._of_leaf(first)
        values = tuple(dict.fromkeys(value for leaf in group for value in leaf.values))
        if is_and is first.negated:  # any of them, or not any of them
            return self._of_leaf(first._replace(values=values))
        return _negated(self._all(first.field, first.sign, values), first.negated)

    def _of_leaf(self, leaf: _Leaf) -> Condition:
        return _negated(self._any(leaf.field, leaf.sign, leaf.values), leaf.negated)

    def _any(self, field: str, sign: str, values: Sequence[str]) -> Condition:
        if field == "folder":
            return self._folders(values)
        if field == "type":
            return _types(values)
        return _fits_any(_PREDICATES[field, sign], values)

    def _all(self, field: str, sign: str, values: Sequence[str]) -> Condition:
        if field != "folder":
            return _fits_all(_PREDICATES[field, sign], values)
        absolute, relative = _split(values)
        made = [self._below([value]) for value in absolute]
        return _joined([*made, *([_fits_all(_BELOW, relative)] if relative else [])], "AND")

    def _folders(self, values: Sequence[str]) -> Condition:
        absolute, relative = _split(values)
        made = [self._below(absolute)] if absolute else []
        return _joined([*made, *([_fits_any(_BELOW, relative)] if relative else [])], "OR")


def _types(values: Sequence[str]) -> Condition:
    """Suffixes without a dot inside are looked up, however many; `tar.gz` is compared with each name."""
    types = [_folded(value).lstrip(".") for value in values]
    plain = [value for value in types if "." not in value]
    made = [Condition(_SUFFIX_IN, (json.dumps(plain),))] if plain else []
    dotted = [value for value in types if "." in value]
    return _joined([*made, *([_fits_any(_PREDICATES["type", "="], dotted)] if dotted else [])], "OR")


def _split(folders: Sequence[str]) -> tuple[list[str], list[str]]:
    """Absolute folders, which are on the disk, and others, which are below any root."""

    def is_absolute(folder: str) -> bool:
        return os.path.isabs(folder) and "\0" not in folder  # no folder on a disk has a NUL in its name

    absolute = [os.path.abspath(folder) for folder in folders if is_absolute(folder)]
    return absolute, [folder for folder in folders if not is_absolute(folder)]


def _fits_all(predicate: _Predicate, values: Sequence[str]) -> Condition:
    sql = f"NOT EXISTS (SELECT 1 FROM json_each(?) v WHERE NOT coalesce({predicate.sql('v.value')}, 0))"
    return Condition(sql, (json.dumps([predicate.bind(value) for value in values]),))


def _fits_any(predicate: _Predicate, values: Sequence[str]) -> Condition:
    bound = [predicate.bind(value) for value in values]
    if predicate.decisive is not None:
        return Condition(predicate.sql("?"), (predicate.decisive(bound),))
    if len(bound) == 1 and not isinstance(bound[0], list):
        return Condition(predicate.sql("?"), (bound[0],))
    return Condition(predicate.any_sql, (json.dumps(bound),))


def _leaf(expression: Comparison | OneOf, negated: bool) -> _Leaf:
    if isinstance(expression, OneOf):
        return _Leaf(expression.field, "=", expression.values, negated)
    if expression.sign == "!=":
        return _Leaf(expression.field, "=", (expression.value,), not negated)
    return _Leaf(expression.field, expression.sign, (expression.value,), negated)


def _groups(leaves: Iterable[_Leaf], *, is_and: bool) -> Iterable[list[_Leaf]]:
    """Those that can be one condition, in the order in which each field came first."""
    groups: dict[object, list[_Leaf]] = {}
    for number, leaf in enumerate(leaves):
        # "any of these" and "any of those" are one under `or`; under `and` only single values are.
        fits = len(leaf.values) == 1 or leaf.negated is is_and
        groups.setdefault(leaf._replace(values=()) if fits else number, []).append(leaf)
    return groups.values()


def _joined(parts: Sequence[Condition], word: str) -> Condition:
    """A balanced tree, so that a thousand parts are ten deep."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    one, other = _joined(parts[:middle], word), _joined(parts[middle:], word)
    return Condition(f"({one.sql} {word} {other.sql})", one.values + other.values)


def _negated(made: Condition, negated: bool) -> Condition:
    return Condition(f"NOT coalesce({made.sql}, 0)", made.values) if negated else made


def _depth(sql: str) -> int:
    return len(sql) - len(sql.lstrip("("))


# ---------------------------------------------------------------- what a field and a sign are in SQL


class _Predicate(NamedTuple):
    """sql: of one value, given as SQL. bind: a value of the language as JSON holds it. any_sql: of a JSON array of
    values, one of which has to fit. decisive: picks, of several values, the one that fits if any does."""

    sql: Callable[[str], str]
    bind: Callable[[str], Any]
    any_sql: str = ""
    decisive: Callable[[Iterable[Any]], Any] | None = None


def _equal(column: str, bind: Callable[[str], Any]) -> _Predicate:
    return _Predicate(lambda v: f"{column} = {v}", bind, f"{column} IN (SELECT value FROM json_each(?))")


def _each(sql: Callable[[str], str], bind: Callable[[str], Any]) -> _Predicate:
    return _Predicate(sql, bind, f"EXISTS (SELECT 1 FROM json_each(?) v WHERE {sql('v.value')})")


def _each_word(column: str, test: str, bind: Callable[[str], Any]) -> _Predicate:
    """test: what follows the column, around %s."""
    return _each(lambda v: f"{column} {test % v}", bind)


def _tagged(test: str) -> str:
    return f"EXISTS (SELECT 1 FROM json_each(g.tags) t WHERE {test})"


def _ordered(
    field: str, column: str, start: Callable[[str], Any], end: Callable[[str], Any]
) -> dict[tuple[str, str], _Predicate]:
    """start, end: of what a value stands for. A date lasts from one until the other; for a size they are the same."""
    until, after = ("<=", ">") if start is end else ("<", ">=")
    return {
        (field, "<"): _Predicate(lambda v: f"{column} < {v}", start, decisive=max),
        (field, "<="): _Predicate(lambda v: f"{column} {until} {v}", end, decisive=max),
        (field, ">"): _Predicate(lambda v: f"{column} {after} {v}", end, decisive=min),
        (field, ">="): _Predicate(lambda v: f"{column} >= {v}", start, decisive=min),
    }


def _within(v: str) -> str:
    return f"(f.mtime_ns >= json_extract({v}, '$[0]') AND f.mtime_ns < json_extract({v}, '$[1]'))"


def _folded(value: str) -> str:
    """As fold() of SQL makes it of what is stored."""
    return folded(clean_text(value))


def _path(value: str) -> str:
    return _folded(value.removeprefix("./"))


def _tag(value: str) -> str:
    return folded(clean_tag(value))


def _tag_pattern(value: str) -> str:
    return pattern(clean_tag(value))


def _pattern(value: str) -> str:
    return pattern(clean_text(value))


def _path_pattern(value: str) -> str:
    return _pattern(value.removeprefix("./")).replace("**/", "*").replace("**", "*")


def _below_pattern(folder: str) -> str:
    inner = os.path.normpath(folder).strip("/")
    return "%" if inner in (".", "") else _escaped(_folded(inner)) + "/%"


def _escaped(value: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", value)


_LIKE = "LIKE %s ESCAPE '\\'"
_BELOW = _each_word(_PATH, _LIKE, _below_pattern)
_PREDICATES: dict[tuple[str, str], _Predicate] = {
    ("modality", "="): _equal("e.modality", lambda value: str(modality(value))),
    ("path", "="): _equal(_PATH, _path),
    ("path", "~"): _each_word(_PATH, "GLOB %s", _path_pattern),
    ("name", "="): _equal(_NAME, _folded),
    ("name", "~"): _each_word(_NAME, "GLOB %s", _pattern),
    ("type", "="): _each_word(_NAME, _LIKE, lambda value: "%." + _escaped(_folded(value).lstrip("."))),
    ("date", "="): _each(_within, lambda value: list(period(value))),
    ("size", "="): _equal("f.size", size_in_bytes),
    ("duration", "="): _equal(_LENGTH, seconds),
    ("tag", "="): _Predicate(
        lambda v: _tagged(f"t.value = {v}"), _tag, _tagged("t.value IN (SELECT value FROM json_each(?))")
    ),
    ("tag", "~"): _each(lambda v: _tagged(f"t.value GLOB {v}"), _tag_pattern),
    **_ordered("date", "f.mtime_ns", lambda value: period(value)[0], lambda value: period(value)[1]),
    **_ordered("size", "f.size", size_in_bytes, size_in_bytes),
    **_ordered("duration", _LENGTH, seconds, seconds),
}
