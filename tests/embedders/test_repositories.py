"""Repositories of a model hub, against a server of our own that plays one, drops connections and refuses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

pytest.importorskip("huggingface_hub")

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


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.asked, Hub.is_to_break = [], True
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def anyseek(tmp_path: Path, endpoint: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    places = {
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    return subprocess.run(
        [sys.executable, "-m", "anyseek.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **places, **more},
        timeout=120,
    )


def test_a_repository_is_fetched_through_a_dropped_connection_and_known_afterwards(
    hub: str, tmp_path: Path
) -> None:
    before = json.loads(anyseek(tmp_path, hub, "models", "show", "pe-av-small", "--json").stdout)
    assert before["on_disk"] is False
    asked = anyseek(
        tmp_path, hub, "index", str(tmp_path), "--model", "pe-av-small", "--index", str(tmp_path / "i")
    )
    assert asked.returncode != 0
    assert "anyseek models pull pe-av-small" in asked.stderr
    pulled = anyseek(tmp_path, hub, "models", "pull", "pe-av-small")
    assert pulled.returncode == 0, pulled.stderr
    folder = Path(pulled.stdout.strip())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert sorted(one.name for one in folder.iterdir()) == ["config.json", "model.safetensors"]
    tries = [one for one in Hub.asked if one.startswith("GET") and "model.safetensors" in one]
    assert len(tries) == 2  # the library keeps pieces of ten megabytes, so this small one came whole
    after = json.loads(anyseek(tmp_path, hub, "models", "show", "pe-av-small", "--json").stdout)
    assert (after["on_disk"], after["path"]) == (True, str(folder))
    assert after["fingerprint"] != before["fingerprint"]


@pytest.mark.parametrize(
    ("endpoint", "offline"),
    [("http://127.0.0.1:9", "0"), ("http://127.0.0.1:9", "1")],
    ids=["no server", "offline"],
)
def test_what_cannot_be_fetched_is_told_in_a_sentence(tmp_path: Path, endpoint: str, offline: str) -> None:
    refused = anyseek(tmp_path, endpoint, "models", "pull", "pe-av-small", HF_HUB_OFFLINE=offline)
    assert refused.returncode == 22
    assert "facebook/pe-av-small could not be fetched" in refused.stderr
    assert "Traceback" not in refused.stderr
