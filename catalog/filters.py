"""The filter language: `type in (jpg, png) and date >= 2023-06 and not folder = "old"`, understood and turned into SQL.

    field = value    !=   <   <=   >   >=   ~ (a pattern: * ? [a-z])   in (a, b, c)
    and, or, not, ( ); a value with spaces or signs stands in quotes

    modality   of the segment: text, image, audio, depth, video, thermal, imu
    folder     = below this folder (absolute, or from the indexed folder on)
    path       from the indexed folder on; `~` lets * pass over "/" too
    name       the last part of the path
    type       the suffix without its dot: jpg
    date       of the file's last change: 2023, 2023-06, 2023-06-01 or 2023-06-01T12:30, local time; = means within it
    size       of the file: 500kB, 3.5MB, 2GiB, or bytes
    duration   of the recording or film: 90, 90s, 1.5min, 2h, or 1:30
    tag        given by `anyseek tag`

Words are compared without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from anyseek.catalog.filter_fields import FIELDS, Below, Condition, Field
from anyseek.errors import UsageError

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|==|[=<>~(),])|(?P<word>[^\s"'=<>~!(),]+))"""
)
_EXAMPLE = "For example: --where 'type in (jpg, png) and date >= 2023-06 and size < 5MB'"


def parse(text: str, below: Below) -> Condition:
    """SQL over `f` (a file) and `e` (an embedding). below: makes the condition of an absolute folder.

    Raises UsageError that says where the text stops making sense.
    """
    return _Parser(text, below).whole()


def all_of(*texts: str | None) -> str:
    """One filter that holds where all of these do; "" for none."""
    given = [text for text in texts if text and text.strip()]
    return given[0] if len(given) == 1 else " and ".join(f"({text})" for text in given)


def quoted(value: str) -> str:
    """A value as the language takes it, whatever is in it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Parser:
    def __init__(self, text: str, below: Below) -> None:
        self._text, self._below = text, below
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._error(at + len(text[at:]) - len(text[at:].lstrip()))
            kind = found.lastgroup or ""
            value = found[kind]
            if kind == "quoted":
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            self._tokens.append((kind, value, found.start(kind)))
            at = found.end()
        self._next = 0

    def whole(self) -> Condition:
        found = self._either()
        if self._next < len(self._tokens):
            raise self._error(self._tokens[self._next][2])
        return found

    # ------------------------------------------------------------ and, or, not

    def _either(self) -> Condition:
        return self._joined("or", self._both)

    def _both(self) -> Condition:
        return self._joined("and", self._one)

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        found = part()
        while self._takes(word):
            other = part()
            found = Condition(f"({found.sql} {word.upper()} {other.sql})", found.values + other.values)
        return found

    def _one(self) -> Condition:
        if self._takes("not"):
            inner = self._one()
            return Condition(f"NOT coalesce({inner.sql}, 0)", inner.values)
        if self._takes("("):
            inner = self._either()
            self._must(")")
            return inner
        return self._test()

    def _test(self) -> Condition:
        field, _ = self._value()
        make = FIELDS.get(field.lower())
        if make is None:
            raise UsageError(
                f"A filter knows no field {field!r}.", f"It knows: {', '.join(FIELDS)}. {_EXAMPLE}"
            )
        if self._takes("in"):
            self._must("(")
            tests = [self._made(make, "=", field)]
            while self._takes(","):
                tests.append(self._made(make, "=", field))
            self._must(")")
            values = tuple(value for test in tests for value in test.values)
            return Condition(f"({' OR '.join(test.sql for test in tests)})", values)
        sign = self._sign()
        found = self._made(make, "=" if sign in ("==", "!=") else sign, field)
        return Condition(f"NOT coalesce({found.sql}, 0)", found.values) if sign == "!=" else found

    def _made(self, make: Field, sign: str, field: str) -> Condition:
        value, _ = self._value()
        try:
            found = make(sign, value, self._below)
        except ValueError as error:
            raise UsageError(f"{value!r} is no {field} that a filter understands.", f"{error}") from error
        if found is None:
            raise UsageError(f"A filter cannot ask whether {field} {sign} {value!r}.", _EXAMPLE)
        return found

    # ------------------------------------------------------------ tokens

    def _takes(self, wanted: str) -> bool:
        if self._next < len(self._tokens):
            kind, value, _ = self._tokens[self._next]
            if kind != "quoted" and value.lower() == wanted:
                self._next += 1
                return True
        return False

    def _must(self, wanted: str) -> None:
        if not self._takes(wanted):
            raise self._error(self._place(), f"{wanted!r} is expected")

    def _value(self) -> tuple[str, int]:
        if self._next >= len(self._tokens) or self._tokens[self._next][0] == "sign":
            raise self._error(self._place(), "a field or a value is expected")
        _, value, at = self._tokens[self._next]
        self._next += 1
        return value, at

    def _sign(self) -> str:
        if self._next < len(self._tokens):
            kind, value, _ = self._tokens[self._next]
            if kind == "sign" and value not in "(),":
                self._next += 1
                return value
        raise self._error(self._place(), "one of = != < <= > >= ~ in is expected")

    def _place(self) -> int:
        return self._tokens[self._next][2] if self._next < len(self._tokens) else len(self._text)

    def _error(self, at: int, why: str = "this makes no sense") -> UsageError:
        shown = self._text[at : at + 20] or "its end"
        return UsageError(f"The filter cannot be understood at {shown!r}: {why}.", _EXAMPLE)
