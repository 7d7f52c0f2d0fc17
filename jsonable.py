"""Dataclasses as JSON. Fields that a later version added are ignored; what a field cannot hold is an error."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def to_json(record: DataclassInstance) -> str:
    """As `from_json` reads it."""
    return json.dumps(asdict(record))


def from_json(text: str | bytes, kind: type[T]) -> T:
    """A dataclass from a JSON object, or any other type with the same checks. Raises ValueError."""
    # Not msgspec's own parser: names of files may hold lone surrogates, which it refuses.
    return msgspec.convert(parsed(text), kind, dec_hook=_from_name)


def parsed(text: str | bytes, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """What JSON says, whoever wrote it. object_pairs_hook: as of json.loads, such as `once_each`. Raises ValueError,
    for too many levels too."""
    try:
        return json.loads(text, object_pairs_hook=object_pairs_hook)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


class GivenTwice(ValueError):
    """An object has a field twice. name: of the field."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it has the field {name[:100]!r} twice")
        self.name = name


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of what people hand over, where of two values of a field one would be dropped in silence. Raises
    GivenTwice."""
    record = dict(pairs)
    if len(record) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise GivenTwice(name)
    return record


def _from_name(kind: type[Any], name: Any) -> Any:
    """A type that msgspec does not know, such as Modality: made from its name. Raises ValueError."""
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is not a name.")
    return kind(name)
