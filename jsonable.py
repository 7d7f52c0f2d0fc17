"""Dataclasses as JSON. Fields that a later version added are ignored; what a field cannot hold is an error."""

from __future__ import annotations

import json
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


def parsed(text: str | bytes, object_hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """What JSON says, whoever wrote it. object_hook: as of json.loads. Raises ValueError, for too many levels too."""
    try:
        return json.loads(text, object_hook=object_hook)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _from_name(kind: type[Any], name: Any) -> Any:
    """A type that msgspec does not know, such as Modality: made from its name. Raises ValueError."""
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is not a name.")
    return kind(name)
