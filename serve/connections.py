"""Connections: a head of bounded size in bounded time, and always a place for the next one.

Nobody can shut out others by opening connections: when there are as many as the process has descriptors for, the one
that has kept us waiting longest is closed for the newcomer. A connection whose answer is being made or read stays.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterable
from enum import IntEnum
from ipaddress import ip_address, ip_network
from itertools import count
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 << 10
"""Address and headers together."""
MOST_HEADERS = 100
# With what stands between them: the method, colons, ends of lines. However it comes in packets, the same head passes.
_MOST_RECEIVED = MOST_HEAD_BYTES + 8 * MOST_HEADERS
HEAD_S = 10.0
"""In which a request's head has to be there, from its first byte; of a new connection, from its start."""
LINGER_S = 5.0
"""How long the rest of a body that nobody wants is still received after the answer, so that the answer arrives."""
STALL_S = 60.0
"""How long a client may not read its answer."""


_TURNS = count()
# Not a time: uvloop's clock stands still while it accepts several connections.


class State(IntEnum):
    """What a connection is doing, in the order in which they are closed for others."""

    WAITING = 0
    """Without a request, or with a part of its head."""
    RECEIVING = 1
    """A body is on its way."""
    STALLED = 2
    """The client does not read its answer."""
    ANSWERING = 3
    """At work: never closed for others."""


def most_connections() -> int:
    """Half of the descriptors that this process may open; the index and its workers need the others."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1024 if soft == resource.RLIM_INFINITY else max(8, min(1024, soft // 2))


def backlog(most: int) -> int:
    """How many connections the system may hold for us: those accepted at once must have descriptors too."""
    return max(8, min(128, most // 4))


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits. A refusal is a problem document, after which the connection is closed."""

    # What is counted of the request whose head is being read.
    _is_in_head = False
    _n_headers = 0
    _n_bytes = 0  # of the address and of whole headers
    _n_received = 0  # since the packet that it began in
    _refusal = (400, "This is not an HTTP request.", "malformed")
    _timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    peer = ""
    since = 0
    """When it began to do what it does: a number that grows."""

    # ------------------------------------------------------------ a connection's life

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Closes another one where there are too many."""
        super().connection_made(transport)
        self.since = next(_TURNS)
        self.peer = peer_of(self.client)
        if self._has_place():
            self._wait(HEAD_S)
        else:
            self._refuse(503, "Too many connections are open.", "busy")

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends its timers."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    @property
    def state(self) -> State:
        """What it is doing."""
        if self.cycle is None or self.cycle.response_complete:
            return State.WAITING
        if self.flow.write_paused:
            return State.STALLED
        return State.RECEIVING if self.cycle.more_body else State.ANSWERING

    def _has_place(self) -> bool:
        others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
        most = most_connections()
        crowd = None
        if len(others) >= most:
            crowd = others
        elif not self.peer:
            return True
        else:  # no single machine may have more than half
            mine = [one for one in others if one.peer == self.peer]
            crowd = mine if len(mine) >= most // 2 else None
        if crowd is None:
            return True
        leaving = one_to_close(crowd)
        if leaving is None:
            return False
        self.connections.discard(leaving)
        leaving.transport.abort()
        return True

    # ------------------------------------------------------------ a request's head

    def data_received(self, data: bytes) -> None:
        """Refuses a head that grows too large even where no whole header has come yet."""
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head:
            self._n_received += len(data)
            if self._n_received > _MOST_RECEIVED and not self.transport.is_closing():
                self._refuse(*_TOO_LARGE)

    def on_message_begin(self) -> None:
        """The time for the head begins."""
        self._is_in_head, self._n_headers, self._n_bytes, self._n_received = True, 0, 0, 0
        self._wait(HEAD_S)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Counted."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Counted."""
        self._n_headers += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there in time."""
        self._is_in_head = False
        self._stop_waiting()
        self.since = next(_TURNS)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The next request may come; what is left of a body that nobody read may not take long."""
        self.since = next(_TURNS)
        is_body_left = self.cycle.more_body
        super().on_response_complete()
        self._unset_keepalive_if_required()  # ours takes its place
        if self.state is State.WAITING and not self.transport.is_closing():
            next_s = HEAD_S if self._is_in_head else self.timeout_keep_alive
            self._wait(LINGER_S if is_body_left else next_s)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's parser gave up, or a limit of ours was met inside of it."""
        self._refuse(*self._refusal)

    def _count(self, n: int) -> None:
        self._n_bytes += n
        if self._n_bytes > MOST_HEAD_BYTES or self._n_headers > MOST_HEADERS:
            self._refusal = _TOO_LARGE
            raise ValueError(_TOO_LARGE[1])  # the parser stops, and uvicorn calls send_400_response

    # ------------------------------------------------------------ time

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._waited)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited(self) -> None:
        if self.transport.is_closing():
            return
        if self.state is not State.WAITING:  # the head of the next request, before this one's answer is made
            self._wait(HEAD_S)
        elif self._is_in_head:
            self._refuse(408, "The request's headers took too long to come.", "slow")
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The client does not read: not for ever."""
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        super().resume_writing()

    def _refuse(self, status: int, title: str, code: str) -> None:
        body = json.dumps({"type": f"urn:anyseek:{code}", "title": title, "status": status, "detail": ""})
        head = (
            f"HTTP/1.1 {status} Refused\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n"
        )
        self._stop_waiting()
        self._is_in_head = False
        if self.state is State.WAITING or self._take_over():
            self.transport.write((head + body).encode("ascii"))
        self.transport.close()

    def _take_over(self) -> bool:
        """Whether it is the body of the present request that is refused, and no answer to it has begun; now none will.
        Else the refusal would stand in the middle of an answer, or before it."""
        if self.state is not State.RECEIVING or self.pipeline or self.cycle.response_started:
            return False
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return True


_TOO_LARGE = (431, "The request's address and headers are too large.", "too-large")


def peer_of(client: tuple[str, int] | None) -> str:
    """The machine of the other end, for IPv6 its network; "" for this machine."""
    if client is None:
        return ""
    try:
        address = ip_address(client[0].partition("%")[0])
    except ValueError:
        return ""
    if address.is_loopback:
        return ""
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


def one_to_close(connections: Iterable[Any]) -> Any:
    """Which of these to close for a newcomer: the one that has kept us waiting longest; None where all are at work."""
    idle = [one for one in connections if one.state is not State.ANSWERING]
    return min(idle, key=lambda one: (one.state, one.since), default=None)
