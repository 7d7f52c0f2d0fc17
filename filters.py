"""The filter language: `type in (jpg, png) and date >= 2023-06 and not folder = "old"`, parsed into an expression.

    field = value    !=   <   <=   >   >=   ~ (a pattern: * ? [a-z])   in (a, b, c)
    and, or, not, ( ); a value with spaces or signs stands in quotes

    modality   of the segment: text, image, audio, depth, video, thermal, imu
    folder     = below this folder (absolute, or from the indexed folder on)
    path       from the indexed folder on; `~` lets * pass over "/" too
    name       the last part of the path
    type       the suffix without its dot: jpg
    date       of the file's last change: 2023, 2023-06, 2023-06-01 or 2023-06-01T12:30, local time; = means within it
    size       of the file: 500kB, 3.5MB, 2GiB, or bytes
    duration   of the recording or video: 90, 90s, 1.5min, 2h, or 1:30
    tag        given by `anyseek tag`

Letter case does not matter in values.

An expression is an immutable, hashable tree. Its values are checked when it is made, so an expression is always valid.
Programs may make one without text: `And((Comparison("type", "=", "jpg"), Not(Comparison("tag", "=", "old"))))`.
`str(expression)` is text that parses to an equal expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, NamedTuple, TypeAlias

from anyseek.errors import UsageError
from anyseek.modalities import Modality

MOST_LEVELS = 24
"""Brackets and `not`s inside one another. SQLite parses 100, and a level is up to two brackets of SQL."""

MOST_CHARACTERS = 4096
"""Of one value. No path is longer, and SQLite refuses patterns that are much longer."""

EXAMPLE = "For example: --where 'type in (jpg, png) and date >= 2023-06 and size < 5MB'"

_LARGEST = (1 << 63) - 1  # of SQLite's integers


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with one value. sign: = != < <= > >= ~, as far as the field has it. Raises UsageError."""

    field: str
    sign: str
    value: str

    levels: ClassVar[int] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", self.field.lower())
        if self.sign == "==":
            object.__setattr__(self, "sign", "=")
        _check(self.field, self.sign, self.value)

    def __str__(self) -> str:
        return f"{self.field} {self.sign} {_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field that equals one of the values, of which there is at least one. Raises UsageError."""

    field: str
    values: tuple[str, ...]

    levels: ClassVar[int] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", self.field.lower())
        if not self.values:
            raise UsageError(f"A filter has no values for {self.field}.", EXAMPLE)
        for value in self.values:
            _check(self.field, "=", value)

    def __str__(self) -> str:
        return f"{self.field} in ({', '.join(map(_quoted, self.values))})"


@dataclass(frozen=True, slots=True)
class Not:
    """What does not pass `part`."""

    part: Expression
    levels: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _set_levels(self, self.part.levels + 1 + isinstance(self.part, (And, Or)))

    def __str__(self) -> str:
        return f"not {_bracketed(self.part, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """What passes all of `parts`, of which there are at least two."""

    parts: tuple[Expression, ...]
    levels: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_parts(self.parts)
        _set_levels(self, max(part.levels + isinstance(part, (And, Or)) for part in self.parts))

    def __str__(self) -> str:
        return " and ".join(_bracketed(part, And, Or) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """What passes any of `parts`, of which there are at least two."""

    parts: tuple[Expression, ...]
    levels: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_parts(self.parts)
        _set_levels(self, max(part.levels + isinstance(part, Or) for part in self.parts))

    def __str__(self) -> str:
        return " or ".join(_bracketed(part, Or) for part in self.parts)


Expression: TypeAlias = And | Or | Not | Comparison | OneOf


def all_of(*parts: Expression | None) -> Expression | None:
    """What passes all of these; None among them lets everything through."""
    flat: list[Expression] = []
    for part in parts:
        if part is not None:
            flat += part.parts if isinstance(part, And) else (part,)
    return And(tuple(flat)) if len(flat) > 1 else next(iter(flat), None)


def as_expression(where: str | Expression | None) -> Expression | None:
    """A filter as a caller may state it: an expression, text, or none (None, or blank text). Raises UsageError."""
    if isinstance(where, str):
        return parse(where) if where.strip() else None
    return where


def _set_levels(of: And | Or | Not, levels: int) -> None:
    if levels > MOST_LEVELS:
        raise _too_deep()
    object.__setattr__(of, "levels", levels)


def _check_parts(parts: tuple[Expression, ...]) -> None:
    if len(parts) < 2:
        raise UsageError("`and` and `or` join at least two conditions.", EXAMPLE)


def _too_deep() -> UsageError:
    return UsageError(f"A filter has at most {MOST_LEVELS} levels of brackets and `not`.", EXAMPLE)


def _bracketed(part: Expression, *kinds: type[Expression]) -> str:
    return f"({part})" if isinstance(part, kinds) else str(part)


def _quoted(value: str) -> str:
    if _WORD.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---------------------------------------------------------------- fields and their values


class Field(NamedTuple):
    """signs: that it can be compared with, != aside. read: what a value means; raises ValueError with what it takes."""

    signs: str
    read: Callable[[str], object]


_SIZE = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?i?b)?", re.I)
_SIZES = {"": 1, "b": 1, **{f"{p}b": 1000**i for i, p in enumerate("kmgt", 1)}}
_SIZES |= {f"{p}ib": 1024**i for i, p in enumerate("kmgt", 1)}
_DURATION = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>s|sec|min|m|h)?", re.I)
_DURATIONS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")
_DATES = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def size_in_bytes(value: str) -> int:
    """What "3.5MB" means; at most what SQLite can count."""
    match = _SIZE.fullmatch(value)
    unit = (match["unit"] or "").lower() if match else None
    if match is None or unit not in _SIZES:
        raise ValueError("A size is 500kB, 3.5MB, 2GiB, or bytes.")
    return int(min(float(match["n"]) * _SIZES[unit], float(1 << 62)))


def seconds(value: str) -> float:
    """What "1.5min" or "1:30" means."""
    if clock := _CLOCK.fullmatch(value):
        number = 3600 * float(clock[1] or 0) + 60 * int(clock[2]) + float(clock[3])
    elif match := _DURATION.fullmatch(value):
        number = float(match["n"]) * _DURATIONS[(match["unit"] or "").lower()]
    else:
        raise ValueError("A duration is 90s, 1.5min, 2h or 1:30.")
    return min(number, 1e300)


def period(value: str) -> tuple[int, int]:
    """[from, until) in Unix nanoseconds of a date in local time, as far as 64 bits go."""
    for form in _DATES:
        try:
            start, end = _period(datetime.strptime(value.replace(" ", "T"), form), form)
            low, high = (int(moment.timestamp()) * 1_000_000_000 for moment in (start, end))
        except (ValueError, OverflowError):
            continue
        return max(-_LARGEST, min(low, _LARGEST)), max(-_LARGEST, min(high, _LARGEST))
    raise ValueError("A date is 2023, 2023-06, 2023-06-01 or 2023-06-01T12:30.")


def _period(plain: datetime, form: str) -> tuple[datetime, datetime]:
    start = plain.astimezone()
    year, month = start.year, start.month
    if form == "%Y":
        return start, start.replace(year=year + 1)
    if form == "%Y-%m":
        return start, start.replace(year=year + month // 12, month=month % 12 + 1)
    step = {"%Y-%m-%d": 86_400, "%Y-%m-%dT%H:%M": 60}.get(form, 1)
    return start, datetime.fromtimestamp(start.timestamp() + step).astimezone()


def modality(value: str) -> Modality:
    """The modality of that name, in any letter case."""
    try:
        return Modality(value.lower())
    except ValueError:
        raise ValueError(f"Choose among: {', '.join(sorted(Modality))}.") from None


_EQUAL, _ALIKE, _ORDERED = "=", "= ~", "= < <= > >="

FIELDS: dict[str, Field] = {
    "modality": Field(_EQUAL, modality),
    "folder": Field(_EQUAL, str),
    "path": Field(_ALIKE, str),
    "name": Field(_ALIKE, str),
    "type": Field(_EQUAL, str),
    "date": Field(_ORDERED, period),
    "size": Field(_ORDERED, size_in_bytes),
    "duration": Field(_ORDERED, seconds),
    "tag": Field(_ALIKE, str),
}


def _check(name: str, sign: str, value: str) -> None:
    """Raises UsageError for what no filter can ask."""
    if name not in FIELDS:
        raise UsageError(f"A filter has no field {name!r}.", f"Its fields: {', '.join(FIELDS)}. {EXAMPLE}")
    signs = FIELDS[name].signs.split()
    if sign not in (*signs, "!="):
        raise UsageError(
            f"A filter cannot compare {name} by {sign!r}.", f"It compares {name} by {' '.join(signs)} !="
        )
    if len(value) > MOST_CHARACTERS:
        raise UsageError(
            f"A value of {name} in a filter has at most {MOST_CHARACTERS:,} characters.", EXAMPLE
        )
    try:
        FIELDS[name].read(value)
    except ValueError as error:
        raise UsageError(f"{value!r} is not a {name} that a filter understands.", str(error)) from error


# ---------------------------------------------------------------- text


_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|==|[=<>~(),])|(?P<word>[^\s"'=<>~!(),]+))""",
    re.S,
)
_WORD = re.compile(r"""[^\s"'=<>~!(),\\]+""")
_ESCAPED = re.compile(r"\\(.)", re.S)


def parse(text: str) -> Expression:
    """The expression that the text stands for. Raises UsageError that says where the text stops making sense."""
    return _Parser(text).whole()


class _Token(NamedTuple):
    kind: str
    value: str
    at: int


class _Parser:
    """Recursive descent. Lists of conditions are loops, and levels are counted, so that no text is too much."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split())
        self._next = 0
        self._level = 0

    def _split(self) -> Iterable[_Token]:
        at, end = 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise self._error(at + len(self._text[at:]) - len(self._text[at:].lstrip()))
            kind = match.lastgroup or ""
            value = match[kind]
            if kind == "quoted":
                value = _ESCAPED.sub(r"\1", value[1:-1])
            yield _Token(kind, value, match.start(kind))
            at = match.end()

    def whole(self) -> Expression:
        expression = self._any()
        if self._next < len(self._tokens):
            raise self._error(self._place())
        return expression

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return And(tuple(parts)) if len(parts) > 1 else parts[0]

    def _one(self) -> Expression:
        is_not = self._takes("not")
        if not is_not and not self._takes("("):
            return self._test()
        self._level += 1
        if self._level > MOST_LEVELS:
            raise _too_deep()
        if is_not:
            inner: Expression = Not(self._one())
        else:
            inner = self._any()
            self._expect(")")
        self._level -= 1
        return inner

    def _test(self) -> Expression:
        name = self._value()
        if name.lower() not in FIELDS:
            _check(name, "=", "")
        if not self._takes("in"):
            return Comparison(name, self._sign(), self._value())
        self._expect("(")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._expect(")")
        return OneOf(name, tuple(values))

    # ------------------------------------------------------------ tokens

    def _takes(self, word: str) -> bool:
        """Step over the next token if it is this one."""
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind != "quoted" and token.value.lower() == word:
                self._next += 1
                return True
        return False

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise self._error(self._place(), f"{word!r} is expected")

    def _value(self) -> str:
        if self._next >= len(self._tokens) or self._tokens[self._next].kind == "sign":
            raise self._error(self._place(), "a field or a value is expected")
        self._next += 1
        return self._tokens[self._next - 1].value

    def _sign(self) -> str:
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind == "sign" and token.value not in "(),":
                self._next += 1
                return token.value
        raise self._error(self._place(), "one of = != < <= > >= ~ in is expected")

    def _place(self) -> int:
        return self._tokens[self._next].at if self._next < len(self._tokens) else len(self._text)

    def _error(self, at: int, why: str = "this makes no sense") -> UsageError:
        near = self._text[at : at + 20] or "its end"
        return UsageError(f"The filter cannot be understood at {near!r}: {why}.", EXAMPLE)
