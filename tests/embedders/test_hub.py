"""Fetching weights: a real server that drops connections, lies, moves and refuses; what is kept of it all."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from anyseek.embedders import hub
from anyseek.embedders.hub import Weights
from anyseek.errors import DiskFull, DownloadFailed, LicenceNotAccepted, ModelNotFound, UsageError

BODY = random.Random(7).randbytes(5_000_000)


@dataclass
class Server:
    """What it serves, how it misbehaves, and which ranges it was asked for."""

    url: str = ""
    body: bytes = BODY
    tag: str = '"one"'
    drop_after: int = 0  # bytes a connection carries before it is cut; 0 for all
    status: int = 200
    is_chunked: bool = False  # sent in pieces, so that nobody knows the length beforehand
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            told.asked.append(asked)
            if told.status != 200:
                self.send_error(told.status)
                return
            is_part = asked != "" and self.headers.get("If-Range") == told.tag
            start = int(asked[6:-1]) if is_part else 0
            if start >= len(told.body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(told.body)}")
                self.end_headers()
                return
            rest = told.body[start:]
            self.send_response(206 if is_part else 200)
            self.send_header("ETag", told.tag)
            carried = rest[: told.drop_after] if told.drop_after else rest
            if told.is_chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(rest), carried))
                self.wfile.write(b"0\r\n\r\n" if carried == rest else b"")
                return
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(carried)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        told.url = f"http://127.0.0.1:{http.server_port}/w.bin"
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield told
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYSEEK_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub.time, "sleep", lambda seconds: None)


@pytest.fixture
def weights(server: Server) -> Callable[..., Weights]:
    return lambda **more: Weights(server.url, "w.bin", **more)


def test_a_file_comes_whole_and_only_once(server: Server, weights: Callable[..., Weights]) -> None:
    seen: list[tuple[int, int]] = []
    want = weights(size_bytes=len(BODY), sha256=hashlib.sha256(BODY).hexdigest())
    path = hub.pull("m", want, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert hub.pull("m", want) == hub.find("m", want) == path
    assert server.asked == [""]
    assert sorted(file.name for file in path.parent.iterdir()) == ["w.bin"]


def test_a_dropped_connection_is_taken_up_where_it_stopped(
    server: Server, weights: Callable[..., Weights]
) -> None:
    server.drop_after = 1_500_000
    assert hub.pull("m", weights()).read_bytes() == BODY
    assert server.asked == ["", "bytes=1500000-", "bytes=3000000-", "bytes=4500000-"]


def test_a_connection_that_drops_is_noticed_where_no_length_was_said(
    server: Server, weights: Callable[..., Weights]
) -> None:
    server.is_chunked, server.drop_after = True, 3_000_000
    assert hub.pull("m", weights()).read_bytes() == BODY
    first, second = server.asked
    assert (first, second[:6]) == ("", "bytes=")
    assert 0 < int(second[6:-1]) <= 3_000_000


def test_a_second_run_goes_on_from_the_first(server: Server, weights: Callable[..., Weights]) -> None:
    server.drop_after = 1_500_000

    def give_up(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hub.pull("m", weights(), give_up)
    server.drop_after = 0
    assert hub.pull("m", weights()).read_bytes() == BODY
    assert server.asked[1].startswith("bytes=")
    assert server.asked[1] != "bytes=0-"


def test_a_file_that_changed_meanwhile_is_not_patched_together(
    server: Server, weights: Callable[..., Weights]
) -> None:
    half = hub.folder("m") / "w.bin.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(BODY[:1000])
    half.with_name("w.bin.part.tag").write_text(server.tag)
    server.tag, server.body = '"two"', BODY[::-1]
    assert hub.pull("m", weights()).read_bytes() == BODY[::-1]
    assert server.asked == ["bytes=1000-"]


@pytest.mark.parametrize(
    ("more", "said"), [({"size_bytes": 7}, "instead of 7"), ({"sha256": "ab"}, "SHA-256")]
)
def test_another_file_is_refused_and_not_kept(
    more: dict[str, int | str], said: str, weights: Callable[..., Weights]
) -> None:
    with pytest.raises(DownloadFailed, match=said):
        hub.pull("m", weights(**more))
    assert list(hub.folder("m").iterdir()) == []
    assert hub.on_disk("m", weights()) is None


def test_a_refusal_is_told_at_once_and_a_busy_server_asked_again(
    server: Server, weights: Callable[..., Weights]
) -> None:
    server.status = 404
    with pytest.raises(DownloadFailed, match="404"):
        hub.pull("m", weights())
    assert len(server.asked) == 1
    server.status = 503
    with pytest.raises(DownloadFailed, match="503"):
        hub.pull("m", weights())
    assert len(server.asked) == 1 + hub.TRIES


def test_no_network_and_the_offline_switch_are_one_sentence_each(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Weights("http://127.0.0.1:9/w.bin", "w.bin")
    with pytest.raises(DownloadFailed, match="could not be downloaded"):
        hub.pull("m", nobody)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadFailed, match="HF_HUB_OFFLINE"):
        hub.pull("m", nobody)


def test_a_disk_too_small_is_known_before_the_first_byte(
    weights: Callable[..., Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = hub.shutil.disk_usage("/")
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DiskFull, match="1,000 are free"):
        hub.pull("m", weights())


def test_weights_that_are_not_free_wait_for_an_answer_which_is_remembered() -> None:
    hub.demand_licence("free", "MIT", "yes")
    with pytest.raises(LicenceNotAccepted, match="CC-BY-NC"):
        hub.demand_licence("m", "CC-BY-NC-4.0", "no")
    hub.accept("other")
    with pytest.raises(LicenceNotAccepted):
        hub.demand_licence("m", "CC-BY-NC-4.0", "no")
    hub.accept("m")
    hub.demand_licence("m", "CC-BY-NC-4.0", "no")


def test_a_file_of_the_users_own_is_found_and_missed_when_it_goes(tmp_path: Path) -> None:
    weights, own = Weights("http://127.0.0.1:9/w.bin", "w.bin"), tmp_path / "own.pth"
    with pytest.raises(ModelNotFound) as caught:
        hub.find("m", weights)
    assert "anyseek models pull m" in caught.value.hint
    with pytest.raises(UsageError, match=r"own\.pth"):
        hub.name_file("m", own)
    own.write_bytes(b"x")
    hub.name_file("m", own)
    assert hub.find("m", weights) == own
    own.unlink()
    with pytest.raises(ModelNotFound, match="any more"):
        hub.find("m", weights)


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "config" / "anyseek" / "models.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(UsageError, match=r"models\.json"):
        hub.accept("m")


def a_checkpoint(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"pickled")
        archive.writestr("archive/data/0", bytes(1000))
    return path


def a_safetensors(path: Path) -> Path:
    header = json.dumps({"__metadata__": {}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(8))
    return path


@pytest.mark.parametrize(
    ("name", "make"), [("own.pth", a_checkpoint), ("own", a_checkpoint), ("own.safetensors", a_safetensors)]
)
def test_a_checkpoint_of_the_users_own_is_taken_and_not_one_that_is_cut_off(
    tmp_path: Path, name: str, make: Callable[[Path], Path]
) -> None:
    weights, own = Weights("http://127.0.0.1:9/w.pth", "w.pth"), make(tmp_path / name)
    hub.name_file("m", own, weights)
    assert hub.find("m", weights) == own
    own.write_bytes(own.read_bytes()[:-4])
    with pytest.raises(UsageError, match="cut off, or no checkpoint"):
        hub.name_file("n", own, weights)
    with pytest.raises(ModelNotFound):
        hub.find("n", weights)


@pytest.mark.parametrize(
    "content", [b"", b"root:x:0:0:root:/root:/bin/bash\n", b"PK\x03\x04", bytes(99), b"{}"]
)
@pytest.mark.parametrize("name", ["own.pth", "own.safetensors"])
def test_a_file_that_is_no_checkpoint_is_not_remembered(tmp_path: Path, name: str, content: bytes) -> None:
    weights, own = Weights("http://127.0.0.1:9/w.pth", "w.pth"), tmp_path / name
    own.write_bytes(content)
    with pytest.raises(UsageError, match="no checkpoint"):
        hub.name_file("m", own, weights)


def test_a_file_of_safetensors_by_another_name_is_told_its_suffix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="safetensors") as caught:
        hub.name_file("m", a_safetensors(tmp_path / "own.pth"), Weights("http://127.0.0.1:9/w", "w.pth"))
    assert ".safetensors" in caught.value.hint


def test_a_zip_archive_of_something_else_is_no_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "own.pth", "w") as archive:
        archive.writestr("letter.txt", "no weights")
    with pytest.raises(UsageError, match="no checkpoint"):
        hub.name_file("m", tmp_path / "own.pth", Weights("http://127.0.0.1:9/w", "w.pth"))
