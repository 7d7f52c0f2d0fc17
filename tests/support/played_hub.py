"""A model hub of our own, on this machine: it has one small repository, drops a connection and refuses the rest."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = b"weights that are none " * 50_000
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "README.md": b"not wanted", "code.py": b"never"}


class Hub(BaseHTTPRequestHandler):
    """Knows facebook/pe-av-small; breaks the first answer off that carries weights."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []
    is_to_break = True

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        Hub.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        if re.match(r"/api/models/facebook/pe-av-small(/revision/\w+)?(\?.*)?$", self.path):
            self._send(
                json.dumps(
                    {
                        "id": "facebook/pe-av-small",
                        "sha": COMMIT,
                        "siblings": [{"rfilename": name} for name in FILES],
                    }
                ).encode(),
                {"Content-Type": "application/json"},
                with_body,
            )
            return
        if re.match(r"/api/models/facebook/pe-av-small/tree/", self.path):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in FILES.items()
            ]
            self._send(json.dumps(tree).encode(), {"Content-Type": "application/json"}, with_body)
            return
        found = re.match(r"/facebook/pe-av-small/resolve/\w+/(.+)$", self.path)
        data = FILES.get(found.group(1)) if found else None
        if data is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        headers = {
            "ETag": f'"{hashlib.sha1(data).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        self._send(data, headers, with_body)

    def _send(self, data: bytes, headers: dict[str, str], with_body: bool) -> None:
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if "Range" in self.headers else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if not with_body:
            return
        if data is WEIGHTS and Hub.is_to_break:
            Hub.is_to_break = False
            self.wfile.write(data[: len(data) // 3])
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
            return
        self.wfile.write(data[first:])


@contextmanager
def played_hub() -> Iterator[str]:
    """Its address, while it runs."""
    Hub.asked, Hub.is_to_break = [], True
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()
