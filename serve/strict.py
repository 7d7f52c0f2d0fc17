"""What a request says twice: refused, since of two values one would be dropped in silence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Scope

from anyseek.jsonable import GivenTwice, once_each
from anyseek.serve.bodies import BodyRefused
from anyseek.serve.guard import Refusal

LISTS = frozenset({"like", "unlike"})
"""Parameters of an address that have a value each time."""


def twice_in_address(scope: Scope) -> Refusal | None:
    """Why an address cannot be understood; None for one whose parameters have one value each."""
    query = scope.get("query_string", b"").decode("latin-1")
    names = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
    name = next((name for name, times in names.items() if times > 1 and name not in LISTS), None)
    return None if name is None else _twice(f"The parameter {name[:100]}")


class StrictRoute(APIRoute):
    """An endpoint whose JSON has each key once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        handler = super().get_route_handler()

        async def handled(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return handled


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Raises BodyRefused; json.JSONDecodeError for what is no JSON."""
        try:
            return json.loads(await self.body(), object_pairs_hook=once_each)
        except json.JSONDecodeError:
            raise
        except GivenTwice as error:
            raise BodyRefused(_twice(f"The field {error.name[:100]}")) from error
        except (ValueError, RecursionError) as error:
            kinds = {UnicodeDecodeError: "is not in UTF-8", RecursionError: "has too many levels"}
            flaw = kinds.get(type(error), "has a number of too many digits")
            raise BodyRefused(_refusal(f"The request's body {flaw}.", "Send plain JSON.")) from error


def _twice(what: str) -> Refusal:
    return _refusal(f"{what} is given more than once.", "Give one value.")


def _refusal(title: str, hint: str) -> Refusal:
    return Refusal(422, title, hint, "malformed")
