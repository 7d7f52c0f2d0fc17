"""From text to the tree of the filter language."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from anyseek.errors import UsageError
from anyseek.filters.expressions import MOST_LEVELS, And, Comparison, Expression, Not, OneOf, Or, too_deep
from anyseek.filters.values import EXAMPLE, FIELDS, check

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|==|[=<>~(),])|(?P<word>[^\s"'=<>~!(),]+))""",
    re.S,
)
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
            raise too_deep()
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
            check(name, "=", "")
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

    def _error(self, at: int, why: str = "this is not part of a filter") -> UsageError:
        near = self._text[at : at + 20]
        place = repr(near) if near else "its end"
        return UsageError(f"The filter cannot be understood at {place}: {why}.", EXAMPLE)
