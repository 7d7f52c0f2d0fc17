"""One request to an ASGI application exactly as it is given, where a client's library would tidy it up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What came back. n_received: how many messages of the request the application took."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    n_received: int = 0


@dataclass(frozen=True)
class Sent:
    """A request. headers: as bytes, in any number. body: its parts; None at the end: more never comes."""

    path: str = "/"
    method: str = "GET"
    query: bytes = b""
    headers: Iterable[tuple[bytes, bytes]] = ((b"host", b"localhost"),)
    body: tuple[bytes | None, ...] = (b"",)

    def scope(self) -> dict[str, Any]:
        """As a server makes it."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "root_path": "",
            "headers": list(self.headers),
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 9),
            "state": {},
        }


def headers(**named: str) -> list[tuple[bytes, bytes]]:
    """Of a name's underscores dashes are made; the host is localhost unless it is given."""
    both = {"host": "localhost"} | {name.replace("_", "-"): value for name, value in named.items()}
    return [(name.encode(), value.encode("latin-1")) for name, value in both.items()]


def ask(app: Any, sent: Sent) -> Answer:
    """The answer. What the application raises is raised."""
    return asyncio.run(asked(app, sent))


async def asked(app: Any, sent: Sent) -> Answer:
    """`ask`, in a loop that runs."""
    answer = Answer()
    parts = list(sent.body)
    is_over = asyncio.Event()

    async def receive() -> Mapping[str, Any]:
        answer.n_received += 1
        part = parts.pop(0) if parts else None
        if part is None:
            await is_over.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            answer.body += message.get("body", b"")
            if not message.get("more_body", False):
                is_over.set()

    await app(sent.scope(), receive, send)
    return answer
