"""Who may send requests: one plain host name, no page of another site, and the token where there is one.

Everything is decided from the ASGI scope, as the router sees it, never from an address that the client's headers made.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse
from starlette.types import Scope

from anyseek.errors import UsageError
from anyseek.printable import json_path

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "anyseek_token"
OPEN_TO_ALL = "/healthz"
"""Answered without a token, and then with no more than whether the index can be read."""

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_OWN_PAGES = ("same-origin", "none")
_TOP_LEVEL = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a problem document says: see `problem`."""

    status: int
    title: str
    hint: str
    code: str

    def response(self) -> JSONResponse:
        """As an answer; to a missing token, with the scheme that is expected."""
        response = problem(self.status, self.title, self.hint, self.code)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="anyseek"'
        return response


@dataclass(frozen=True, slots=True)
class Guard:
    """hosts: names that a request may be addressed to, so that no other page's name leads here (DNS rebinding); none
    for any name, which needs a token. token: "" for none."""

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

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why an HTTP request or a WebSocket may not pass; None where it may."""
        given = _values(scope, b"host")
        host = given[0] if len(given) == 1 else ""
        name = _name_of(host)
        if name is None or (self.hosts and name not in self.hosts):
            shown = ", ".join(given)[:100]
            return Refusal(
                421, f"This server is not called {shown!r}.", "Use 127.0.0.1 or localhost.", "host"
            )
        if _is_from_another_site(scope, host):
            return Refusal(
                403,
                "Another site's page may not ask here.",
                "Open the page of this server itself.",
                "origin",
            )
        if not self.knows(scope) and scope["path"] != OPEN_TO_ALL:
            return Refusal(401, "A token is needed.", "Send it as `Authorization: Bearer TOKEN`.", "token")
        return None

    def knows(self, scope: Scope) -> bool:
        """Whether a request has the token, in its header, address or cookie; or there is none to have."""
        if not self.token:
            return True
        token = os.fsencode(self.token)
        if authorization := _raw(scope, b"authorization"):
            scheme, _, credentials = authorization[0].partition(b" ")
            is_bearer = len(authorization) == 1 and scheme.lower() == b"bearer"
            return is_bearer and hmac.compare_digest(credentials.strip(), token)
        if (in_address := _token_of_address(scope)) is not None:
            return hmac.compare_digest(in_address, token)
        cookies = [one.strip() for line in _raw(scope, b"cookie") for one in line.split(b";")]
        expected = f"{COOKIE}={self._cookie_value()}".encode()
        return any(hmac.compare_digest(one, expected) for one in cookies)

    def is_to_remember(self, scope: Scope) -> bool:
        """Whether a browser came with ?token=, which it is to keep for the page's own requests."""
        return bool(self.token and scope["path"] == "/" and _token_of_address(scope))

    def cookie(self) -> str:
        """A Set-Cookie header that stands for the token, out of reach of scripts and of other sites."""
        return f"{COOKIE}={self._cookie_value()}; HttpOnly; Path=/; SameSite=strict"

    def _cookie_value(self) -> str:
        """Not the token itself: cookies go to every port of a host, so to other programs' servers too."""
        return hmac.digest(os.fsencode(self.token), b"anyseek cookie", hashlib.sha256).hex()


def problem(status: int, title: str, hint: str = "", code: str = "refused") -> JSONResponse:
    """A problem document (RFC 9457). Title and hint may have in them what the client sent, lone surrogates too."""
    texts = {"title": json_path(title), "status": status, "detail": json_path(hint)}
    body = {"type": f"urn:anyseek:{code}", **texts}
    return JSONResponse(body, status, media_type="application/problem+json")


def _name_of(host: str) -> str | None:
    """The name in a Host header, in lower case and without port and brackets; None for what is no such header."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    name = match["name"].lower()
    if not name.startswith("["):
        return name
    try:
        return str(IPv6Address(name[1:-1]))
    except AddressValueError:
        return None


def _is_from_another_site(scope: Scope, host: str) -> bool:
    """Whether a browser says that a page of another origin asks. Programs say nothing of the kind.

    A link that leads to the page itself is welcome from anywhere: the page then asks on its own.
    """
    origins = _values(scope, b"origin")
    if origins and [one.lower() for one in origins] not in (
        [f"{s}://{host.lower()}"] for s in ("http", "https")
    ):
        return True
    sites = _values(scope, b"sec-fetch-site")
    if not sites or (len(sites) == 1 and sites[0] in _OWN_PAGES):
        return False
    is_link = all(_values(scope, name.encode()) == [value] for name, value in _TOP_LEVEL.items())
    return not (is_link and scope.get("method") in ("GET", "HEAD") and scope["path"] == "/")


def _token_of_address(scope: Scope) -> bytes | None:
    query: bytes = scope.get("query_string", b"")
    # Latin-1 stands for bytes as they are: a token may be in any encoding.
    fields = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return next((value.encode("latin-1") for name, value in fields if name == "token"), None)


def _raw(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for value in _raw(scope, name)]
