"""Who may ask: the right host name, and the token where there is one."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from anyseek.errors import UsageError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "anyseek_token"


@dataclass(frozen=True, slots=True)
class Guard:
    """hosts: names that a request may be addressed to, so that no other page's name leads here (DNS rebinding).
    token: "" for none."""

    hosts: frozenset[str] = LOOPBACK
    token: str = ""

    # What the page may load: itself alone.
    POLICY = (
        "default-src 'none'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self';"
        " style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )

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

    def remember(self, request: Request, response: Response) -> None:
        """A browser that came with ?token= keeps it for the page's own requests."""
        if self.token and request.url.path == "/" and request.query_params.get("token"):
            response.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
