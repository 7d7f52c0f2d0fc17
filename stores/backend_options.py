"""The options of a store: one frozen dataclass a store, from which the command line and every check are derived.

    @dataclass(frozen=True)
    class ToyOptions(StoreOptions):
        candidates: int = option(40, "Rows that are scored again for each hit.", least=1)

A field's type is that of its default: str, bool, int or float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from anyseek.errors import UsageError

LEAST_RECALL, MOST_RECALL = 0.5, 1.0

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_KEY = "anyseek.option"


@dataclass(frozen=True, slots=True)
class Option:
    """One field of an options record.

    help: one sentence for the command line. choices: the only values there are, () for any. least, most: the range of a
    number, both ends allowed. metavar: what stands for the value in help texts. is_flag: whether a built-in store has
    a flag of its own for it; `--option NAME=VALUE` sets any option of any store.
    """

    name: str = ""
    default: Any = None
    help: str = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    metavar: str = ""
    is_flag: bool = True

    @property
    def flag(self) -> str:
        """`write_consistency` is `--write-consistency` on the command line."""
        return f"--{self.name.replace('_', '-')}"

    def parsed(self, text: str) -> Any:
        """The value that a word of the command line stands for. Raises UsageError."""
        kind = type(self.default)
        if kind is bool:
            if text.lower() in _TRUE + _FALSE:
                return text.lower() in _TRUE
        elif kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                pass
        else:
            return text
        raise self._wrong_type(text)

    def checked(self, value: Any) -> Any:
        """The value as the record holds it; an int becomes a float where floats belong. Raises UsageError."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self._wrong_type(value)
        if self.choices and value not in self.choices:
            raise UsageError(
                f"There is no {self.name} {value!r}.", f"Choose one of: {', '.join(self.choices)}."
            )
        # Written so that NaN is refused too.
        if self.least is not None and not value >= self.least:
            raise UsageError(f"{self.name} is {value:g}; {self.least:g} is the least it can be.")
        if self.most is not None and not value <= self.most:
            raise UsageError(f"{self.name} is {value:g}; {self.most:g} is the most it can be.")
        return value

    def _wrong_type(self, value: Any) -> UsageError:
        words = {bool: "true or false", int: "a whole number", float: "a number"}
        return UsageError(
            f"{self.name} is {value!r}; it has to be {words.get(type(self.default), 'a text')}."
        )


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    metavar: str = "",
    is_flag: bool = True,
) -> Any:
    """A field of a StoreOptions record; see Option."""
    about = Option(help=help, choices=choices, least=least, most=most, metavar=metavar, is_flag=is_flag)
    return field(default=default, metadata={_KEY: about})


def recall_option(default: float = 0.95) -> Any:
    """The promise of recall, for a field called `recall`: `anyseek index --recall` sets it too."""
    help = "Of the true best ten, promised for each pair."
    return option(default, help, least=LEAST_RECALL, most=MOST_RECALL, metavar="SHARE")


@dataclass(frozen=True)
class StoreOptions:
    """The base of all options records, and the record of a store without options.

    Constructing one checks every field; raises UsageError.
    """

    def __post_init__(self) -> None:
        for name, about in options_of(type(self)).items():
            object.__setattr__(self, name, about.checked(getattr(self, name)))
        self.check()

    def check(self) -> None:
        """For options that do not go together: raise UsageError. Every field by itself is valid already."""


OptionsT = TypeVar("OptionsT", bound=StoreOptions)


def options_of(record: type[StoreOptions]) -> dict[str, Option]:
    """The options of a record, by name, in the order of its fields."""
    return {
        one.name: replace(one.metadata.get(_KEY, Option()), name=one.name, default=one.default)
        for one in fields(record)
    }


def make_options(store: str, record: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """The record with these values, all others as they are by default. store: its name, for messages.

    Raises UsageError for an option that the store does not have, and for a value that it does not take.
    """
    known = options_of(record)
    for name in values:
        if name not in known:
            names = ", ".join(known)
            raise UsageError(
                f"The store {store} has no option {name}.", f"It has: {names}." if names else "It has none."
            )
    return record(**values)
