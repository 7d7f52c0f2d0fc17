"""The tree of the filter language: what is compared with what, and how the parts are joined."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from anyseek.errors import UsageError
from anyseek.filters.values import EXAMPLE, check

MOST_LEVELS = 24
"""Brackets and `not`s inside one another. SQLite parses 100, and a level is up to two brackets of SQL."""

_WORD = re.compile(r"""[^\s"'=<>~!(),\\]+""")


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
        check(self.field, self.sign, self.value)

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
            check(self.field, "=", value)

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


def _set_levels(of: And | Or | Not, levels: int) -> None:
    if levels > MOST_LEVELS:
        raise too_deep()
    object.__setattr__(of, "levels", levels)


def _check_parts(parts: tuple[Expression, ...]) -> None:
    if len(parts) < 2:
        raise UsageError("`and` and `or` join at least two conditions.", EXAMPLE)


def too_deep() -> UsageError:
    return UsageError(f"A filter has at most {MOST_LEVELS} levels of brackets and `not`.", EXAMPLE)


def _bracketed(part: Expression, *kinds: type[Expression]) -> str:
    return f"({part})" if isinstance(part, kinds) else str(part)


def _quoted(value: str) -> str:
    if _WORD.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
