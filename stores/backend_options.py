"""The options of a store: one frozen dataclass a store, of fields that option_info.py explains.

    @dataclass(frozen=True)
    class ToyOptions(StoreOptions):
        candidates: int = option(40, "Rows that are scored again for each hit.", least=1)

A field's type is that of its default: str, bool, int or float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from anyseek.errors import UsageError
from anyseek.option_info import option as option
from anyseek.option_info import options_of

LEAST_RECALL, MOST_RECALL = 0.5, 1.0


def recall_option(default: float = 0.95) -> Any:
    """The promise of recall, for a field called `recall`: `anyseek index --recall` sets it too."""
    help = "The share of the true ten best hits that searches must find."
    return option(default, help, least=LEAST_RECALL, most=MOST_RECALL, metavar="SHARE")


@dataclass(frozen=True)
class StoreOptions:
    """The base of all options records, and the record of a store without options.

    Constructing one checks every field; raises UsageError.
    """

    def __post_init__(self) -> None:
        for name, info in options_of(type(self)).items():
            object.__setattr__(self, name, info.checked(getattr(self, name)))
        self.check()

    def check(self) -> None:
        """For options that do not go together: raise UsageError. Every field by itself is valid already."""


OptionsT = TypeVar("OptionsT", bound=StoreOptions)


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
