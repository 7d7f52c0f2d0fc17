"""The command itself: a real server in a process, asked over a real connection, and ended by Ctrl-C."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import running
from ran import ANYSEEK, Ran
from waiting import BRAKE_S

pytest.importorskip("uvicorn")

Run = Callable[..., Ran]


def test_a_server_answers_and_ends_with_ctrl_c(media: Path, environment: dict[str, str]) -> None:
    command = [str(ANYSEEK), "serve", "--port", "0"]
    with running(command, cwd=media, env=environment) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        connection = http.client.HTTPConnection(
            "127.0.0.1", int(said.split(":")[2].partition("/")[0]), timeout=BRAKE_S
        )
        connection.request("GET", "/search?words=green&to=image&k=1")
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["hits"][0]["path"].endswith("green.png")
        connection.close()
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=BRAKE_S)
        assert "Traceback" not in err


def test_what_cannot_be_listened_on_is_told(media: Path, here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANYSEEK_TOKEN", raising=False)
    refused = here("serve", "--host", "0.0.0.0", cwd=media)
    assert (refused.code, "token" in refused.err) == (2, True)
    assert here("serve", "--index", "nowhere", cwd=media).code == 10
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        in_use = here("serve", "--port", port, cwd=media)
    assert in_use.code == 2
    assert in_use.err.startswith(f"anyseek: Port {port} of 127.0.0.1 is already in use.\n")
