"""Who may send requests, decided from what the router sees, and what every answer says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi import Answer, Sent, ask, headers
from starlette.testclient import TestClient

from anyseek.serve import searching
from anyseek.serve.app import make_app
from anyseek.serve.guard import COOKIE, Guard

TOKEN = "sésame ;öffne dich"
OF_THE_PAGE = ("status", "search", "segments/1/preview", "segments/1/content", "openapi.json", "metrics")


@pytest.fixture
def open_app(media: Path) -> Iterator[Any]:
    """Of a server for this machine, without a token."""
    yield from started(make_app(media / ".anyseek", guard=Guard()))


@pytest.fixture
def locked_app(media: Path) -> Iterator[Any]:
    """Of a server for other machines."""
    yield from started(make_app(media / ".anyseek", guard=Guard.of("0.0.0.0", TOKEN)))


def started(app: Any) -> Iterator[Any]:
    with TestClient(app):
        yield app


def judged(guard: Guard, sent: Sent) -> int:
    """The status of the refusal, 200 for none."""
    refusal = guard.refusal(sent.scope())
    return refusal.status if refusal else 200


def bearer(scheme: str = "Bearer", token: str = TOKEN) -> tuple[bytes, bytes]:
    return b"authorization", f"{scheme} {token}".encode()


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8750", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8750", "[0:0:0:0:0:0:0:1]"],
)
def test_names_of_this_machine_are_served(host: str) -> None:
    assert judged(Guard(), Sent("/status", headers=headers(host=host))) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost:evil.com",
        "localhost:80@evil.com",
        "localhost@evil.com",
        "evil.com@localhost",
        "localhost:80:80",
        "localhost:",
        "localhost:123456",
        "localhost.",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "localhost/healthz?",
        "localhost?",
        "localhost#",
        "localhost\\evil.com",
        "localhost,evil.com",
        " localhost",
        "localhost ",
        "localhost\0",
        "",
        "::1",
        "[::1",
        "[::1]evil.com",
        "[::1].evil.com",
        "[::1%lo]",
        "[::ffff:127.0.0.1]",
        "[localhost]",
        "lócalhost",
    ],
)
def test_a_host_that_is_not_exactly_a_name_of_this_machine_is_refused(host: str) -> None:
    assert judged(Guard(), Sent("/status", headers=headers(host=host))) == 421


def test_one_host_and_no_more() -> None:
    for hosts in ((), (b"localhost", b"evil.com"), (b"evil.com", b"localhost"), (b"localhost", b"localhost")):
        sent = Sent("/status", headers=[(b"host", host) for host in hosts])
        assert judged(Guard(), sent) == 421


# ---------------------------------------------------------------- the token


@pytest.mark.thorough
@pytest.mark.parametrize("host", ["x/healthz?", "x/healthz#", "x:1/healthz?", "healthz", "my-server"])
def test_no_host_and_no_path_but_one_passes_for_the_health_check(locked_app: Any, host: str) -> None:
    """Early versions of Starlette made the address that the check looked at from the Host header."""
    for path in (
        *(f"/{name}" for name in OF_THE_PAGE),
        "/",
        "//healthz",
        "/healthz/",
        "/healthz/x",
        "/healthz\n",
    ):
        sent = Sent(path, query=b"x=/healthz&words=a", headers=headers(host=host))
        assert ask(locked_app, sent).status in (401, 421)


def test_the_token_is_taken_in_each_of_its_forms(locked_app: Any) -> None:
    host = (b"host", b"my-server")
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert ask(locked_app, Sent("/status", headers=[host, bearer(scheme)])).status == 200
    address = Sent("/", query=b"token=s%C3%A9same%20%3B%C3%B6ffne+dich", headers=[host])
    came = ask(locked_app, address)
    assert came.status == 200
    name_and_value = came.headers["set-cookie"].partition(";")[0]
    assert name_and_value.startswith(f"{COOKIE}=")
    cookie = (b"cookie", f"theme=dark; {name_and_value}".encode())
    assert ask(locked_app, Sent("/status", headers=[host, cookie])).status == 200
    refused = ask(locked_app, Sent("/status", headers=[host]))
    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_the_cookie_is_not_the_token(locked_app: Any) -> None:
    """It goes to every port of the host, and what listens there could use the token itself."""
    came = ask(
        locked_app, Sent("/", query=b"token=s%C3%A9same%20%3B%C3%B6ffne+dich", headers=[(b"host", b"a")])
    )
    assert "same" not in came.headers["set-cookie"].partition(";")[0]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert attribute in came.headers["set-cookie"]
    as_cookie = (b"cookie", f"{COOKIE}={TOKEN}".encode())
    assert ask(locked_app, Sent("/status", headers=[(b"host", b"a"), as_cookie])).status == 401


@pytest.mark.parametrize(
    "given",
    [
        [bearer(token="")],
        [bearer(token="s")],
        [bearer("Basic")],
        [bearer("")],
        [(b"authorization", TOKEN.encode())],
        [bearer(), bearer()],
        [bearer(token="wrong"), bearer()],
        [(b"cookie", f"{COOKIE}=".encode())],
        [(b"cookie", f"{COOKIE}".encode())],
        [(b"x-token", TOKEN.encode())],
    ],
)
def test_what_is_not_the_token_is_refused(given: list[tuple[bytes, bytes]]) -> None:
    sent = Sent("/status", headers=[(b"host", b"a"), *given])
    assert judged(Guard.of("0.0.0.0", TOKEN), sent) == 401


def test_without_the_token_the_health_check_says_no_more_than_that(locked_app: Any, media: Path) -> None:
    host = (b"host", b"a")
    assert ask(locked_app, Sent("/healthz", headers=[host])).body == b'{"status":"ok"}'
    assert b"words" in ask(locked_app, Sent("/healthz", headers=[host, bearer()])).body
    (media / ".anyseek").rename(media / "elsewhere")
    gone = ask(locked_app, Sent("/healthz", headers=[host]))
    assert gone.status == 404
    assert str(media).encode() not in gone.body


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("given", "is_let_in"),
    [
        (headers(host="a"), False),
        ([*headers(host="a"), bearer()], True),
        ([*headers(host="a", origin="http://evil.example"), bearer()], False),
        ([*headers(host="a/healthz?"), bearer()], False),
    ],
)
def test_a_web_socket_passes_the_same_guard(locked_app: Any, given: Any, is_let_in: bool) -> None:
    """There is none to connect to, so what is let in is closed by the router, with another code."""
    codes = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        codes.append(message.get("code"))

    scope = Sent("/status", headers=given).scope() | {"type": "websocket", "scheme": "ws", "subprotocols": []}
    asyncio.run(locked_app(scope, receive, send))
    assert (codes == [1008]) is not is_let_in


# ---------------------------------------------------------------- other sites' pages

SITES = ["cross-site", "same-site", "", "anything"]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(("mode", "dest"), [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")])
def test_a_page_of_another_site_neither_searches_nor_shows(site: str, mode: str, dest: str) -> None:
    sent = headers(sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=dest)
    for name in ("", *OF_THE_PAGE, "healthz"):
        assert judged(Guard(), Sent(f"/{name}", query=b"words=a", headers=sent)) == 403


def test_a_link_leads_to_the_page_and_nowhere_else(open_app: Any) -> None:
    link = headers(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert ask(open_app, Sent("/", query=b"words=rain", headers=link)).status == 200
    assert ask(open_app, Sent("/", "POST", headers=link)).status == 403
    for name in OF_THE_PAGE:
        assert ask(open_app, Sent(f"/{name}", query=b"words=a", headers=link)).status == 403


def test_our_own_page_and_programs_are_served(open_app: Any) -> None:
    for own in (
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {},
        {"origin": "http://localhost"},
    ):
        assert ask(open_app, Sent("/search", query=b"words=red", headers=headers(**own))).status == 200
    twice = [*headers(sec_fetch_site="same-origin"), (b"sec-fetch-site", b"cross-site")]
    assert ask(open_app, Sent("/status", headers=twice)).status == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:3000",
        "http://localhost.evil.example",
        "localhost",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_another_origin_is_refused_whatever_the_method(origin: str, method: str) -> None:
    sent = Sent("/search", method, query=b"words=red", headers=headers(origin=origin))
    assert judged(Guard(), sent) == 403


# ---------------------------------------------------------------- what every answer says


def test_the_guard_stands_before_the_application(open_app: Any) -> None:
    for sent in (
        headers(host="localhost:evil.com"),
        headers(origin="null"),
        headers(sec_fetch_site="cross-site"),
    ):
        answer = ask(open_app, Sent("/search", query=b"words=red", headers=sent))
        assert answer.status in (403, 421)
        assert answer.headers["content-type"] == "application/problem+json"


def is_sealed(answer: Answer) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cache-control"].startswith(("no-store", "no-cache", "private"))


def test_every_kind_of_answer_has_the_headers_that_shut_others_out(
    open_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = []
    for sent in (
        Sent("/"),
        Sent("/", "HEAD"),
        Sent("/status"),
        Sent("/search", query=b"words=red"),
        Sent("/nowhere"),
        Sent("/search", "DELETE"),
        Sent("/search", query=b"k=0"),
        Sent("/status", headers=headers(host="evil.example")),
        Sent("/status", headers=headers(origin="null")),
        Sent("/search", "POST", headers=headers(content_length="9999999999")),
    ):
        answer = ask(open_app, sent)
        is_sealed(answer)
        statuses.append(answer.status)
    assert statuses == [200, 200, 200, 200, 404, 405, 422, 421, 403, 413]
    for path in ("/status", "/nowhere"):
        policy = ask(open_app, Sent(path)).headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'")

    def broken(*_: Any) -> bytes:
        raise RuntimeError("a secret")

    monkeypatch.setattr(searching, "search_json", broken)
    answer = ask(open_app, Sent("/search", query=b"words=red"))
    is_sealed(answer)
    assert answer.status == 500
    assert b"secret" not in answer.body


def test_head_is_get_without_its_body(open_app: Any) -> None:
    for path in ("/", "/status", "/healthz", "/segments/1/content", "/segments/1/preview"):
        asked, got = ask(open_app, Sent(path, "HEAD")), ask(open_app, Sent(path))
        assert (asked.status, asked.headers.get("content-length")) == (
            got.status,
            got.headers.get("content-length"),
        )
        assert asked.body == b""
    assert ask(open_app, Sent("/v1/embeddings", "HEAD")).status == 405
