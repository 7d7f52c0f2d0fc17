"""Who may ask: the right host name, and the token where there is one."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from http.cookies import SimpleCookie

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anyseek.errors import UsageError
from anyseek.printable import json_path
from anyseek.serve.metrics import Metrics

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "anyseek_token"
POLICY = (
    "default-src 'none'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self';"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
"""What the page may load: itself alone."""


@dataclass(frozen=True, slots=True)
class Guard:
    """hosts: names that a request may be addressed to, so that no other page's name leads here (DNS rebinding).
    token: "" for none."""

    hosts: frozenset[str] = LOOPBACK
    token: str = ""

    @staticmethod
    def of(host: str, token: str) -> Guard:
        """For a server that listens on `host`. Raises UsageError for any but this machine without a token."""
        if host in LOOPBACK:
            return Guard(LOOPBACK, token)
        if not token:
            raise UsageError(
                f"Listening on {host} lets other machines ask, so a token is needed.",
                "Give one by the variable ANYSEEK_TOKEN, or listen on 127.0.0.1.",
            )
        return Guard(frozenset(), token)

    def refusal(self, request: Request) -> tuple[int, str, str, str] | None:
        """Status, sentence, hint and code of the refusal; None for a request that may pass."""
        named = request.headers.get("host", "")
        host = named[1:].partition("]")[0] if named.startswith("[") else named.partition(":")[0]
        if self.hosts and host.lower() not in self.hosts:
            return 421, f"This server is not called {host[:100]!r}.", "Use 127.0.0.1 or localhost.", "host"
        origin = request.headers.get("origin")
        if origin and request.method not in ("GET", "HEAD") and origin.partition("://")[2] != named:
            return 403, "Another site's page may not ask here.", "Open the page of this server.", "origin"
        if self.token and request.url.path != "/healthz" and not self._has_token(request):
            return 401, "A token is needed.", "Send it as `Authorization: Bearer TOKEN`.", "token"
        return None

    def _has_token(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = given or request.query_params.get("token", "") or request.cookies.get(COOKIE, "")
        return hmac.compare_digest(given.encode(), self.token.encode())

    def is_to_remember(self, request: Request) -> bool:
        """Whether a browser came with ?token=, which it is to keep for the page's own requests."""
        return bool(self.token and request.url.path == "/" and request.query_params.get("token"))

    def cookie(self) -> str:
        """The token as a Set-Cookie header, out of reach of scripts and of other sites."""
        jar = SimpleCookie({COOKIE: self.token})
        for name, value in (("httponly", True), ("path", "/"), ("samesite", "strict")):
            jar[COOKIE][name] = value
        return jar.output(header="").strip()


class Guarded:
    """Who may ask, before anything is looked at; what every answer says; how long it took.

    Plain ASGI: Starlette's middleware of functions takes a task and two streams for each request.
    """

    def __init__(self, app: ASGIApp, guard: Guard, metrics: Metrics) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Any ASGI message; only HTTP requests are looked at."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._guard.refusal(request)
        if refusal is not None:
            await problem(*refusal)(scope, receive, send)
            return
        is_to_remember = self._guard.is_to_remember(request)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Content-Security-Policy"] = POLICY
                if is_to_remember:
                    headers.append("Set-Cookie", self._guard.cookie())
            await send(message)

        with self._metrics.timed(request):
            await self._app(scope, receive, sent)


def problem(status: int, title: str, hint: str = "", code: str = "refused") -> JSONResponse:
    """A problem document (RFC 9457). Title and hint may have in them what the client sent, lone surrogates too."""
    texts = {"title": json_path(title), "status": status, "detail": json_path(hint)}
    body = {"type": f"urn:anyseek:{code}", **texts}
    return JSONResponse(body, status, media_type="application/problem+json")
