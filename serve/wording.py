"""What a client is answered whose request fits no endpoint: one sentence on what is wrong, one on what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from anyseek.serve.guard import Refusal

_SEE = "See /openapi.json for what each endpoint takes."
_PLACES = {
    "body": "The field",
    "query": "The parameter",
    "path": "The part of the address",
    "header": "The header",
}
_NOT_AN_OBJECT = {"model_attributes_type", "model_type", "dict_type"}


def no_such_place(path: str) -> Refusal:
    """404 for an address that leads nowhere."""
    return Refusal(
        404, f"There is nothing at {path[:200]}.", "See /openapi.json for what there is.", "no-such-place"
    )


def wrong_method(method: str, path: str, allowed: Collection[str]) -> Refusal:
    """405. allowed: methods that the address can be asked with."""
    hint = f"Use {' or '.join(sorted({*allowed} - {'HEAD'}))}." if allowed else _SEE
    return Refusal(405, f"{path[:200]} cannot be asked with {method[:20]}.", hint, "wrong-method")


def malformed(errors: Sequence[Any]) -> Refusal:
    """422 for the first of pydantic's errors. A union reports each of its types: the first names the place."""
    title, hint = _sentences(errors[0])
    return Refusal(422, title, hint, "malformed")


def _sentences(error: Mapping[str, Any]) -> tuple[str, str]:
    kind, (place, *way) = error["type"], error["loc"] or ("body",)
    if kind == "json_invalid":
        where = f" (character {way[0]})" if way else ""
        return (
            f"The request's body is not valid JSON{where}.",
            'Send a JSON object, like {"words": "a red car"}.',
        )
    if place == "body" and not way:
        if kind == "missing":
            return "The request has no body.", f"Send a JSON object. {_SEE}"
        if kind in _NOT_AN_OBJECT:
            return (
                "The request's body is not a JSON object.",
                f"Send it with Content-Type: application/json. {_SEE}",
            )
    name = ".".join(str(part) for part in way) or str(place)
    return _of_value(f"{_PLACES.get(str(place), 'The field')} {name[:100]}", error), _SEE


def argument(error: Mapping[str, Any]) -> str:
    """A sentence for one of pydantic's errors about the argument of a tool."""
    name = ".".join(str(part) for part in error["loc"])
    return _of_value(f"The argument {name[:100]}", error)


def _of_value(subject: str, error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return f"{subject} is missing."
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(". ")
    rule = re.sub(r"^(Input|\w+) should\b", "should", message)
    return f"{subject} {rule}." if rule != message else f"{subject} is wrong: {message}."
