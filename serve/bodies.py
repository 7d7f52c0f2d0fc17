"""Bodies of requests: so large, in so much time, and so much of them at once; refused before they are read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from anyseek.serve.guard import Refusal

MOST_UPLOAD = 64 << 20
MOST_AT_ONCE = 512 << 20
"""Bytes of all bodies that are being read or worked on."""


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """most: bytes. seconds: in which the whole body has to be there."""

    most: int
    seconds: float


LIMITS = {
    "/search/file": BodyLimit(MOST_UPLOAD, 120.0),
    "/v1/embeddings": BodyLimit(32 << 20, 120.0),
}
ANY_OTHER = BodyLimit(1 << 20, 30.0)


class BodyRefused(HTTPException):
    """Raised where a body is read, and answered like every refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, refusal.title)
        self.refusal = refusal


class Bodies:
    """What the bodies of all requests of a server hold together."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def of(self, scope: Scope, receive: Receive) -> Body:
        """The body of one request; release it at the request's end."""
        return Body(self, LIMITS.get(scope["path"], ANY_OTHER), scope, receive)


class Body:
    """An ASGI `receive` for the body of one request, which raises BodyRefused."""

    def __init__(self, bodies: Bodies, limit: BodyLimit, scope: Scope, receive: Receive) -> None:
        self._bodies = bodies
        self._limit = limit
        self._scope = scope
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + limit.seconds
        self._n_bytes = 0
        self._is_complete = False
        self.is_answered = False
        """Whether the answer has begun, so that it is too late for a refusal."""

    def refusal(self) -> Refusal | None:
        """What can be said of it by the request's headers."""
        encodings = [value for name, value in self._scope["headers"] if name == b"content-encoding"]
        if unread := [one for one in encodings if one.strip().lower() not in (b"", b"identity")]:
            return Refusal(
                415,
                f"A body with the content encoding {unread[0].decode('latin-1')[:40]} is not read here.",
                "Send it as it is, without Content-Encoding.",
                "encoded",
            )
        lengths = [value for name, value in self._scope["headers"] if name == b"content-length"]
        if lengths and not (len(lengths) == 1 and lengths[0].isdigit() and len(lengths[0]) < 20):
            return Refusal(400, "The Content-Length is not a number of bytes.", "", "malformed")
        return self._too_large() if lengths and int(lengths[0]) > self._limit.most else None

    async def __call__(self) -> Message:
        """The next message. Raises BodyRefused, until the answer has begun."""
        if self._is_complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(
                Refusal(408, "The request's body took too long to come.", "Send a smaller one.", "slow")
            )
        if message["type"] != "http.request":
            return message
        self._is_complete = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._n_bytes += size
        self._bodies.n_bytes += size
        if self._n_bytes > self._limit.most:
            return self._refuse(self._too_large())
        if self._bodies.n_bytes > MOST_AT_ONCE:
            return self._refuse(
                Refusal(503, "Too much is being sent here at once.", "Send it again in a while.", "busy")
            )
        return message

    def release(self) -> None:
        """Its bytes are no longer held."""
        self._bodies.n_bytes -= self._n_bytes
        self._n_bytes = 0

    def _too_large(self) -> Refusal:
        return Refusal(
            413,
            f"The request's body has more than {self._limit.most >> 20} MB.",
            "Send a part of it.",
            "too-large",
        )

    def _refuse(self, refusal: Refusal) -> Message:
        if self.is_answered:
            return {"type": "http.disconnect"}
        raise BodyRefused(refusal)
