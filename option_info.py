"""Options as fields of a record, with all that command line, HTTP and agents need to offer them, and their check.

@dataclass(frozen=True)
class ToyOptions:
    candidates: int = option(40, "Rows that are scored again for each hit.", least=1)
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from math import inf
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from anyseek.errors import UsageError
from anyseek.printable import short_repr

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_KEY = "anyseek.option"
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_EXAMPLES = {bool: "true", int: "10", float: "0.9", str: "TEXT"}


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option.

    help: one sentence. flag: of the command line. kind: str, bool, int or float. metavar: what stands for the value in
    help texts. least, most: the range of a number, both ends allowed. choices: the only texts there are, () for any.
    json: its name over HTTP, where that is not the field's. is_flag: whether it has a flag of its own; `--option
    NAME=VALUE` sets any option of any store. is_free: whether the record itself makes its value of what people write, a
    path or a filter, so that any type may be given.
    """

    name: str = ""
    default: Any = None
    help: str = ""
    flag: str = ""
    kind: Any = str
    metavar: str = ""
    least: float = -inf
    most: float = inf
    choices: tuple[str, ...] = ()
    json: str = ""
    is_flag: bool = True
    is_free: bool = False

    def parsed(self, text: str) -> Any:
        """The value that a word of the command line stands for, not checked yet.

        Raises UsageError for a word that cannot be one.
        """
        if self.kind is bool and text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        if self.kind is str:
            return text
        if self.kind in (int, float):
            try:
                return self.kind(text)
            except ValueError:
                pass
        raise self._not_possible(text)

    def checked(self, value: Any, called: str = "") -> Any:
        """The value as the record holds it: any number (numpy's too) as an int or a float of Python.

        called: what a message calls the option, as the command line its flag; "" for its name. Raises UsageError.
        """
        if self.is_free:
            return value
        if self.kind in (int, float):
            is_number = isinstance(value, Integral if self.kind is int else Real)
            # Written so that NaN is refused too.
            if not is_number or isinstance(value, bool) or not self.least <= value <= self.most:
                raise self._not_possible(value, called)
            try:
                return self.kind(value)
            except OverflowError:  # a whole number beyond every float
                raise self._not_possible(value, called) from None
        if not isinstance(value, self.kind) or (self.choices and value not in self.choices):
            raise self._not_possible(value, called)
        return value

    def _not_possible(self, value: object, called: str = "") -> UsageError:
        name = called or self.json or self.name
        if self.choices:
            return UsageError(
                f"{name} cannot be {short_repr(value)}.", f"Choose among: {', '.join(self.choices)}."
            )
        bounds = ""
        if self.most < inf:
            bounds = f" from {self.least:g} to {self.most:g}"
        elif self.least > -inf:
            bounds = f" of at least {self.least:g}"
        example = f"{called} {_EXAMPLES[self.kind]}".strip()
        return UsageError(
            f"{name} takes {_KINDS[self.kind]}{bounds}, not {short_repr(value)}.", f"For example: {example}"
        )


def option(
    default: Any,
    help: str,
    *,
    flag: str = "",
    kind: Any = None,
    metavar: str = "",
    least: float = -inf,
    most: float = inf,
    choices: tuple[str, ...] = (),
    json: str = "",
    is_flag: bool = True,
    is_free: bool = False,
) -> Any:
    """A field of a record of options; see OptionInfo. flag: "" to make it of the name. kind: None for the default's."""
    info = OptionInfo(
        default=default,
        help=help,
        flag=flag,
        kind=kind or type(default),
        metavar=metavar,
        least=least,
        most=most,
        choices=choices,
        json=json,
        is_flag=is_flag,
        is_free=is_free,
    )
    return field(default=default, metadata={_KEY: info})


def options_of(record: type[DataclassInstance]) -> dict[str, OptionInfo]:
    """The options of a record, by name, in the order of its fields."""
    return {one.name: _named(one) for one in fields(record)}


def _named(one: Field[Any]) -> OptionInfo:
    """What a field is as an option; without `option(...)` it has its name, its default and no help."""
    info: OptionInfo = one.metadata.get(_KEY) or OptionInfo(kind=type(one.default))
    flag = info.flag or f"--{one.name.replace('_', '-')}"  # `write_consistency` is `--write-consistency`
    return replace(info, name=one.name, default=one.default, flag=flag)
