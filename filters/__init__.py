"""The filter language: `type in (jpg, png) and date >= 2023-06 and not folder = "old"`, parsed into an expression.

    field = value    !=   <   <=   >   >=   ~ (a pattern: * ? [a-z] [!a-z])   in (a, b, c)
    and, or, not, ( ); a value with spaces or signs stands in quotes

    modality   of the segment: image, or another of `anyseek.Modality`
    folder     = below this folder (absolute, or from the indexed folder on)
    path       from the indexed folder on; `~` lets * pass over "/" too
    name       the last part of the path
    type       the suffix without its dot: jpg
    date       of the file's last change: 2023, 2023-06, 2023-06-01 or 2023-06-01T12:30, local time; = means within it
    size       of the file: 500kB, 3.5MB, 2GiB, or bytes
    duration   of the recording or video: 90, 90s, 1.5min, 2h, or 1:30
    tag        given by `anyseek tag`

Letter case and composition do not matter in values (folding.py).

An expression is an immutable, hashable tree. Its values are checked when it is made, so an expression is always valid.
Programs may make one without text: `And((Comparison("type", "=", "jpg"), Not(Comparison("tag", "=", "old"))))`.
`str(expression)` is text that parses to an equal expression.
"""

from __future__ import annotations

from anyseek.errors import UsageError
from anyseek.filters.expressions import (
    MOST_LEVELS,
    And,
    Comparison,
    Expression,
    Not,
    OneOf,
    Or,
    all_of,
)
from anyseek.filters.parser import parse
from anyseek.filters.values import (
    EXAMPLE,
    FIELDS,
    MOST_CHARACTERS,
    modality,
    pattern,
    period,
    seconds,
    size_in_bytes,
)

__all__ = [
    "EXAMPLE",
    "FIELDS",
    "MOST_CHARACTERS",
    "MOST_LEVELS",
    "And",
    "Comparison",
    "Expression",
    "Not",
    "OneOf",
    "Or",
    "all_of",
    "as_expression",
    "modality",
    "parse",
    "pattern",
    "period",
    "seconds",
    "size_in_bytes",
]


def as_expression(where: str | Expression | None) -> Expression | None:
    """A filter as a caller may state it: an expression, text, or None for none. Raises UsageError, for blank text too:
    who gives that meant to filter."""
    if not isinstance(where, str):
        return where
    if not where.strip():
        raise UsageError("The filter is empty.", EXAMPLE)
    return parse(where)
