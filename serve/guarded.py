"""The layer around the application: who may ask, how much may be sent, and what every answer says."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anyseek.serve.bodies import Bodies
from anyseek.serve.guard import Guard, problem
from anyseek.serve.metrics import Metrics
from anyseek.serve.strict import twice_in_address

LOG = logging.getLogger("anyseek.serve")

PAGE_POLICY = (
    "default-src 'none'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self';"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
"""What the page may load: itself alone."""

HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise itself."""

_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Guarded:
    """Who may ask, before anything is looked at; what every answer says; how long it took.

    Plain ASGI: Starlette's middleware of functions takes a task and two streams for each request.
    """

    def __init__(self, app: ASGIApp, guard: Guard, metrics: Metrics) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """HTTP and WebSockets pass the same guard; a server's own messages are let through."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and (refusal := self._guard.refusal(scope)):
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.title[:100]})
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._bodies.of(scope, receive)
        cookie = self._guard.cookie() if self._guard.is_to_remember(scope) else ""
        is_head = scope["method"] == "HEAD"
        is_done = False

        async def sent(message: Message) -> None:
            nonlocal is_done
            if message["type"] == "http.response.start":
                body.is_answered = True
                given = {name.lower() for name, _ in message["headers"]}
                headers = [*message["headers"], *(one for one in _HEADERS if one[0] not in given)]
                if cookie and message["status"] == 200:
                    headers.append((b"set-cookie", cookie.encode("latin-1")))
                message = {**message, "headers": headers}
            elif is_head:
                if is_done:
                    return
                message = {"type": "http.response.body", "body": b""}
                is_done = True
            await send(message)

        refusal = self._guard.refusal(scope) or body.refusal() or twice_in_address(scope)
        if refusal is not None:
            await refusal.response()(scope, receive, sent)
            return
        # What GET answers, HEAD answers without its body.
        asked = {**scope, "method": "GET"} if is_head else scope
        try:
            with self._metrics.timed(asked):
                await self._app(asked, body, sent)
        except Exception as error:  # the last place where it can be answered, with our headers
            LOG.error("%s %s", scope["method"], scope["path"], exc_info=error)
            if not body.is_answered:
                hint = "This is a bug; the server's log has it."
                await problem(500, "Something unexpected happened.", hint, "bug")(scope, receive, sent)
        finally:
            body.release()
