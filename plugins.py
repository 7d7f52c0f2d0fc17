"""What installed packages declare under an entry-point group, and what `module:attribute` names.

Standard library only. To read the metadata of packages takes long: it is read when a name is met that is not built in,
or all names are asked for, and once a process. A package never replaces what is built in; of two packages that
declare one name, the first on the path has it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

LOG = logging.getLogger(__name__)

T = TypeVar("T")


def resolve(place: str) -> Any:
    """What `module:attribute` names. Raises ImportError, whatever is wrong with the module.

    What a package prints meanwhile goes to standard error.
    """
    module, _, attribute = place.partition(":")
    try:
        with contextlib.nullcontext() if module.startswith("anyseek.") else without_stdout():
            return getattr(import_module(module), attribute)
    except ImportError:
        raise
    except (Exception, SystemExit) as error:
        raise ImportError(described(error)) from error


_swapping = threading.Lock()
_swaps: list[Any] = []


@contextlib.contextmanager
def without_stdout() -> Iterator[None]:
    """Prints go to standard error: standard output may be JSON, or a protocol.

    Of all threads, so keep it short. contextlib.redirect_stdout would leave it so when two of them overlap.
    """
    with _swapping:
        _swaps.append(sys.stdout)
        sys.stdout = sys.stderr
    try:
        yield
    finally:
        with _swapping:
            last = _swaps.pop()  # when all others have ended, the one that was there at first
            if not _swaps:
                sys.stdout = last


def described(error: BaseException) -> str:
    """What it is and says, on one line: `ValueError: ...`."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@dataclass(frozen=True)
class Group:
    """An entry-point group.

    name: of the group. noun: of what is declared, for messages. built_in: name -> `module:attribute` of what no package
    replaces.
    """

    name: str
    noun: str
    built_in: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """What is built in, in its order, then what packages declare, by name."""
        return [*self.built_in, *sorted({name for name, _ in declared(self.name)} - set(self.built_in))]

    def has(self, name: str) -> bool:
        """Whether the name is built in, or a package declares it."""
        return self.place(name) is not None

    def load(self, name: str) -> Any:
        """What the name stands for. Raises LookupError where nothing declares it, ImportError for a broken package."""
        place = self.place(name)
        if place is None:
            raise LookupError(name)
        return resolve(place)

    def each(self, make: Callable[[Any], T]) -> Iterator[T]:
        """`make` of everything that packages declare; what raises an error is logged and left out."""

        def loaded(place: str) -> T:
            return make(resolve(place))

        for name, place in declared(self.name):
            if name not in self.built_in and (made := self.guarded(name, loaded, place)) is not None:
                yield made

    def guarded(self, name: str, make: Callable[[str], T], argument: str) -> T | None:
        """`make(argument)`; None, and a warning that says what `name` is, where that raises an error."""
        try:
            with without_stdout():
                return make(argument)
        except (Exception, SystemExit) as error:
            LOG.warning(
                "The %s %s cannot be used (%s).",
                self.noun,
                name,
                described(error),
                exc_info=LOG.isEnabledFor(logging.DEBUG),
            )
            return None

    def place(self, name: str) -> str | None:
        """The `module:attribute` of a name; None where nothing declares it."""
        built_in = self.built_in.get(name)
        return built_in or next(
            (place for declared_, place in declared(self.name) if declared_ == name), None
        )


def declared(group: str) -> tuple[tuple[str, str], ...]:
    """(name, `module:attribute`) of everything that installed packages declare in a group, in the order of the path."""
    return _declared(group, tuple(sys.path))


@cache
def _declared(group: str, path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """path: where it is looked for; a program may add a folder of packages later."""
    from importlib.metadata import entry_points

    points = entry_points(group=group)
    return tuple((point.name, point.value.partition("[")[0].strip()) for point in points)
