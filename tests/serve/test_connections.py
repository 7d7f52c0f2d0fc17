"""Connections to a real server: heads that never end or are too large, crowds, and what is answered meanwhile."""

from __future__ import annotations

import resource
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from processes import running
from waiting import BRAKE_S, wait_until

from anyseek.serve import connections
from anyseek.serve.app import make_app
from anyseek.serve.connections import Connection, State, backlog, most_connections, one_to_close, peer_of
from anyseek.serve.guard import Guard

PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from fakes import WordEmbedder
from anyseek.embedders import registry
registry.load = lambda name, *_: WordEmbedder()
from anyseek.cli import command
sys.argv = ["anyseek", "serve", "--index", sys.argv[1], "--port", "0"]
command()
"""
Address = tuple[str, int]
OPEN = Guard()
GET = b"GET /search?words=green&to=image&k=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@contextmanager
def in_process(media: Path, guard: Guard = OPEN) -> Iterator[Address]:
    """A server in a thread, whose limits a test may set."""
    app = make_app(media / ".anyseek", guard=guard)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=Connection,
        ws="none",
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server")
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        thread.join(BRAKE_S)
    assert not thread.is_alive()


@pytest.fixture
def with_128_descriptors(media: Path) -> Iterator[Address]:
    """`anyseek serve` in a process that may open no more."""
    support = Path(__file__).parents[1] / "support"
    command = [sys.executable, "-c", PROGRAM, str(media / ".anyseek")]
    with running(command, stderr=None, env={"PYTHONPATH": str(support)}) as server:
        assert server.stdout is not None
        yield "127.0.0.1", int(server.stdout.readline().split()[3].rstrip("/").rpartition(":")[2])


def talk(address: Address, sent: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    with socket.create_connection(address, timeout=BRAKE_S) as connection:
        connection.sendall(sent)
        return read(connection)


def read(connection: socket.socket) -> bytes:
    came = b""
    try:
        while part := connection.recv(65536):
            came += part
    except ConnectionResetError:
        pass
    return came


# ---------------------------------------------------------------- crowds


@pytest.mark.thorough
@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: local",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        b"POST /search/file HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ],
)
def test_three_hundred_that_stay_shut_out_nobody(with_128_descriptors: Address, begun: bytes) -> None:
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(socket.create_connection(with_128_descriptors, timeout=BRAKE_S))
            for _ in range(300)
        ]
        for one in crowd:
            try:
                one.sendall(begun)
            except OSError:  # closed already, for another of the crowd
                continue
        for _ in range(5):
            answer = talk(with_128_descriptors, GET)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
            assert b"green.png" in answer


@pytest.mark.thorough
def test_three_hundred_that_were_answered_and_stay_shut_out_nobody(with_128_descriptors: Address) -> None:
    """While all of them are at work, others are told that the server is busy; no longer."""
    with ExitStack() as stack:
        for _ in range(300):
            one = stack.enter_context(socket.create_connection(with_128_descriptors, timeout=BRAKE_S))
            with suppress(OSError):  # refused already
                one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: talk(with_128_descriptors, GET).startswith(b"HTTP/1.1 200"), "the crowd's answers")
        assert talk(with_128_descriptors, GET).startswith(b"HTTP/1.1 200")


def test_who_waits_longest_leaves_first_and_who_is_at_work_stays() -> None:
    @dataclass(frozen=True)
    class One:
        state: State
        since: int

    waiting, receiving, stalled = One(State.WAITING, 5), One(State.RECEIVING, 1), One(State.STALLED, 0)
    working = One(State.ANSWERING, 0)
    assert one_to_close([working, stalled, receiving, waiting, One(State.WAITING, 6)]) is waiting
    assert one_to_close([working, stalled, receiving, One(State.RECEIVING, 2)]) is receiving
    assert one_to_close([working, stalled]) is stalled
    assert one_to_close([working]) is None
    assert one_to_close([]) is None


def test_a_peer_is_a_machine_and_this_machine_is_none() -> None:
    assert peer_of(("192.0.2.7", 1)) == peer_of(("192.0.2.7", 2)) != peer_of(("192.0.2.8", 1))
    assert peer_of(("2001:db8::1", 1)) == peer_of(("2001:db8::2", 1)) != peer_of(("2001:db8:1::1", 1))
    assert peer_of(("fe80::1%eth0", 1)) == "fe80::/64"
    for here in (("127.0.0.1", 1), ("::1", 1), None, ("", 0)):
        assert peer_of(here) == ""


@pytest.mark.parametrize("soft", [64, 128, 256, 1024, 1 << 20, resource.RLIM_INFINITY])
def test_connections_leave_descriptors_for_the_index(monkeypatch: pytest.MonkeyPatch, soft: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, soft))
    most = most_connections()
    assert 8 <= most <= 1024
    if soft != resource.RLIM_INFINITY:
        assert most + backlog(most) <= soft * 5 // 8


def test_one_machine_has_half_of_the_places(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    """Each port of this machine stands for a peer of its own here, but for those of one greedy machine."""
    monkeypatch.setattr(connections, "most_connections", lambda: 8)
    monkeypatch.setattr(connections, "HEAD_S", BRAKE_S)
    greedy: set[int] = set()
    monkeypatch.setattr(
        connections, "peer_of", lambda client: "greedy" if client[1] in greedy else str(client[1])
    )
    with in_process(media) as address, ExitStack() as stack:

        def connected(is_greedy: bool) -> socket.socket:
            one = stack.enter_context(socket.socket())
            one.settimeout(BRAKE_S)
            one.bind(("127.0.0.1", 0))
            if is_greedy:
                greedy.add(one.getsockname()[1])
            one.connect(address)
            return one

        others = [connected(False) for _ in range(3)]
        mine = [connected(True) for _ in range(6)]
        for left in mine[:2]:
            assert read(left) == b""  # for the fifth and the sixth
        for one in (*others, *mine[2:]):
            one.sendall(GET)
            assert b"200" in read(one)


# ---------------------------------------------------------------- heads


@pytest.mark.thorough
def test_a_head_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 2.0)
    with in_process(media) as address:
        assert talk(address, b"GET / HTTP/1.1\r\nHost: local").startswith(b"HTTP/1.1 408")
        assert talk(address, b"") == b""
        assert talk(address, b"\r\n\r\n") == b""
        twice = talk(address, GET.replace(b"Connection: close\r\n", b"") + b"GET / HTTP/1.1\r\nHost")
        assert twice.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 408" in twice


@pytest.mark.thorough
@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n"
        + b"".join(b"X%d: %s\r\n" % (i, b"a" * 1000) for i in range(80))
        + b"\r\n",
    ],
)
def test_a_head_that_is_too_large_is_refused(media: Path, head: bytes) -> None:
    with in_process(media) as address:
        assert talk(address, head).startswith(b"HTTP/1.1 431")


@pytest.mark.thorough
@pytest.mark.parametrize("packet", [100, 1000, 1 << 20])
def test_a_head_passes_however_it_comes_in_packets(
    media: Path, monkeypatch: pytest.MonkeyPatch, packet: int
) -> None:
    received = Connection.data_received

    def in_packets(self: Connection, data: bytes) -> None:
        for i in range(0, len(data), packet):
            received(self, data[i : i + packet])

    monkeypatch.setattr(Connection, "data_received", in_packets)
    headers = b"".join(b"X%d: %s\r\n" % (i, b"a" * 700) for i in range(90))
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n"
    with in_process(media) as address:
        assert talk(address, head).startswith(b"HTTP/1.1 200")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "begun", [b"GET /", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX"]
)
def test_an_address_or_a_header_without_an_end_is_refused(media: Path, begun: bytes) -> None:
    with in_process(media) as address, socket.create_connection(address, timeout=BRAKE_S) as endless:
        endless.sendall(begun)
        sent = 0
        try:
            while sent < 64 << 20:
                endless.sendall(b"a" * 65536)
                sent += 65536
        except OSError:  # it hung up
            pass
        assert sent < 64 << 20
        assert read(endless)[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")


def test_what_is_no_http_is_refused_in_a_problem_document(media: Path) -> None:
    with in_process(media) as address:
        for noise in (b"\x16\x03\x01\x02\x00\x01\x00", b"HELO there\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
            answer = talk(address, noise)
            assert answer.startswith(b"HTTP/1.1 400")
            assert b"application/problem+json" in answer


@pytest.mark.thorough
@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length: -5\r\n",
        b" folded: 1\r\n",
    ],
)
def test_a_head_that_two_servers_would_read_differently_is_refused(media: Path, lines: bytes) -> None:
    with in_process(media) as address:
        head = b"POST /search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + lines + b"\r\n0\r\n\r\n"
        assert talk(address, head)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 408")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (b"Transfer-Encoding: chunked\r\n", b"zz\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\nabc\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"f" * 20 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", b"zz\r\n"),
        (b"Transfer-Encoding: rot13\r\n", b"5\r\nabcde"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_a_problem_document(
    media: Path, lines: bytes, body: bytes
) -> None:
    head = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + lines + b"\r\n"
    with in_process(media) as address:
        answer = talk(address, head + body)
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.count(b"HTTP/1.1") == 1
        assert b"application/problem+json" in answer


def test_no_host_passes_for_the_health_check_over_a_connection(media: Path) -> None:
    with in_process(media, Guard.of("0.0.0.0", "sesame")) as address:
        for target in (b"/status", b"http://x/healthz/../status", b"http://x/status"):
            for host in (b"x/healthz?", b"x", b"localhost:evil.com"):
                head = b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
                assert talk(address, head)[:12] in (b"HTTP/1.1 401", b"HTTP/1.1 421")


# ---------------------------------------------------------------- bodies and answers


def test_a_body_that_is_refused_is_not_received_for_ever(
    monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    monkeypatch.setattr(connections, "LINGER_S", 0.1)
    with in_process(media) as address, socket.create_connection(address, timeout=BRAKE_S) as sending:
        sending.sendall(
            b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1500000000\r\n\r\n" + b"x" * 1000
        )
        assert read(sending).startswith(b"HTTP/1.1 413")


def test_requests_in_one_piece_are_answered_in_order(media: Path) -> None:
    first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with in_process(media) as address:
        answers = talk(address, first * 3 + GET)
        assert answers.count(b"HTTP/1.1 200") == 4
        assert answers.rindex(b"green.png") > answers.rindex(b'"status":"ok"')


def test_a_client_that_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    monkeypatch.setattr(connections, "STALL_S", 0.1)
    left = threading.Event()
    lost = Connection.connection_lost

    def noted(self: Any, exc: Exception | None) -> None:
        lost(self, exc)
        left.set()

    with (media / "sounds/green.wav").open("r+b") as file:
        file.truncate(256 << 20)
    with in_process(media) as address:
        numbers = (number for number in range(1, 40))
        number = next(one for one in numbers if b"audio/wav" in talk(address, content(one, "HEAD")))
        monkeypatch.setattr(Connection, "connection_lost", noted)
        with socket.create_connection(address, timeout=BRAKE_S) as silent:
            silent.sendall(content(number, "GET"))
            assert left.wait(BRAKE_S)


def content(number: int, method: str) -> bytes:
    return f"{method} /segments/{number}/content HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def test_the_server_does_not_say_what_it_is_made_of(media: Path) -> None:
    with in_process(media) as address:
        assert b"x-powered-by" not in talk(address, GET).lower()
