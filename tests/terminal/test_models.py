"""`anyseek models ...` in processes of its own, against a server of its own."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ran import Ran

Shell = Callable[..., Ran]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a server with the file w.pth, which is no checkpoint."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "w.pth").write_bytes(b"no checkpoint" * 1000)
    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/w.pth"
        http.shutdown()
        thread.join()


@pytest.fixture
def mine(shell: Shell, tmp_path: Path) -> Shell:
    """The command, with its folders below tmp_path."""
    places = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "ANYSEEK_MODELS": str(tmp_path / "models")}
    return lambda *arguments: shell(*arguments, **places, NO_PROXY="127.0.0.1", HF_HUB_OFFLINE="0")


def test_a_licence_is_shown_accepted_once_and_the_weights_fetched(
    mine: Shell, address: str, tmp_path: Path
) -> None:
    refused = mine("models", "pull", "imagebind", "--from", address)
    assert refused.code == 21
    assert "CC-BY-NC-SA-4.0" in refused.err
    assert "--accept-licence imagebind" in refused.err
    pulled = mine("models", "pull", "imagebind", "--from", address, "--accept-licence", "imagebind")
    file = tmp_path / "models/imagebind/imagebind_huge.pth"
    assert (pulled.code, pulled.out, pulled.err) == (0, f"{file}\n", "")
    assert file.read_bytes() == (tmp_path / "served/w.pth").read_bytes()
    file.unlink()
    assert mine("models", "pull", "imagebind", "--from", address).code == 0
    shown = json.loads(mine("models", "show", "imagebind", "--json").out)
    assert (shown["on_disk"], shown["path"], shown["commercial_use"]) == (True, str(file), "no")


@pytest.mark.thorough
def test_weights_that_are_not_here_or_no_checkpoint_are_told_in_a_sentence(
    mine: Shell, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("a dog")
    absent = mine("index", tmp_path / "notes", "--model", "imagebind")
    assert absent.code == 20
    assert "anyseek models pull imagebind" in absent.err
    own = tmp_path / "own.pth"
    with zipfile.ZipFile(own, "w") as archive:  # which looks like one from outside
        archive.writestr("archive/data.pkl", b"no checkpoint")
    assert mine("models", "path", "imagebind", own).code == 0
    broken = mine("index", tmp_path / "notes", "--model", "imagebind")
    assert broken.code == 20
    assert str(own) in broken.err
    assert "damaged or no checkpoint" in broken.err
    assert "Traceback" not in broken.err


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["models", "show", "imagebnd"], 20, "imagebnd"),
        (["models", "path", "imagebind", "nowhere.pth"], 2, "nowhere.pth"),
        (["models", "path", "mini", "nowhere.pth"], 2, "mini takes no file"),
        (["models", "pull", "imagebind", "--accept-licence", "mini"], 2, "'mini'"),
        (
            ["models", "pull", "imagebind", "--accept-licence", "imagebind", "--from", "x"],
            2,
            "is not an address",
        ),
        (
            [
                "models",
                "pull",
                "imagebind",
                "--accept-licence",
                "imagebind",
                "--from",
                "http://127.0.0.1:9/x",
            ],
            22,
            "127.0.0.1:9",
        ),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], code: int, said: str, mine: Shell) -> None:
    ran = mine(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.mark.thorough
def test_a_familys_licence_is_accepted_by_the_command_that_its_refusal_names(
    shell: Shell, tmp_path: Path
) -> None:
    """Offline: what is reached after the licence is the fetching, and that is where it ends."""
    places = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HF_HUB_OFFLINE": "1"}
    name = "st:jinaai/jina-clip-v2"
    refused = shell("models", "pull", f"{name}@256", **places)
    assert refused.code == 21
    command = refused.err.partition("anyseek models pull ")[2].split()
    assert command == [name, "--accept-licence", name]
    assert shell("models", "pull", *command, **places).code == 22
    assert shell("models", "show", f"{name}@256", **places).code == 22


def test_what_is_built_in_needs_no_fetching(mine: Shell) -> None:
    assert mine("models", "pull", "mini").out == "mini is on this disk: there is nothing more to fetch.\n"
    shown = mine("models", "show", "mini").out
    assert "on disk:        yes" in shown
    assert "text, image, audio, depth" in shown


def test_a_file_of_weights_is_looked_at_before_it_is_remembered(mine: Shell, tmp_path: Path) -> None:
    (tmp_path / "own.pth").write_text("no weights")
    refused = mine("models", "path", "imagebind", "own.pth")
    assert (refused.code, refused.out) == (2, "")
    assert "own.pth is cut off, or no checkpoint" in refused.err
    with zipfile.ZipFile(tmp_path / "own.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"pickled")
    assert mine("models", "path", "imagebind", "own.pth").out == "imagebind uses own.pth.\n"
