"""The real commands over a model that a test can foresee: WordEmbedder, registered as any package would."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sample_files
from ran import ANYSEEK, Ran
from waiting import BRAKE_S

import anyseek

SUPPORT = Path(__file__).parents[1] / "support"

PLUGIN = '''
import os
import time
from pathlib import Path
from anyseek.embedders.entry import Entry
from fakes import WordEmbedder


class Gated(WordEmbedder):
    """With WORDS_GATE, a folder: from call WORDS_FREE on it is at work until the file `open` is there.

    It makes the file `at-work` when it comes to that call.
    """

    calls = 0

    def embed(self, modality, prepared, **how):
        if os.environ.get("WORDS_FAIL"):
            raise ZeroDivisionError("the model fell over")
        gate = os.environ.get("WORDS_GATE")
        if gate and self.calls >= int(os.environ.get("WORDS_FREE", 0)):
            Path(gate, "at-work").touch()
            while not Path(gate, "open").exists():
                time.sleep(0.01)
        self.calls += 1
        return super().embed(modality, prepared, **how)


def entry():
    version = os.environ.get("WORDS_VERSION", "1")

    def load():
        return Gated(version=version)

    return Entry(WordEmbedder(version=version).card, load)
'''


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that, on the path, is an installed package with the model `words`."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "word_model.py").write_text(PLUGIN)
    told = folder / "word_model-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: word-model\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[anyseek.embedders]\nwords = word_model:entry\n")
    return folder


@pytest.fixture(scope="session")
def environment(plugin: Path) -> dict[str, str]:
    """For subprocesses."""
    path = os.pathsep.join([str(plugin), str(SUPPORT)])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANYSEEK_")}
    return {**kept, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Path]:
    """A folder indexed by the real command; not to be written to: a test that damages it is found out at the end."""
    folder = sample_files.fill(tmp_path_factory.mktemp("library") / "media")
    command = [str(ANYSEEK), "index", str(folder), "--model", "words", "--workers", "1", "--quiet"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    yield folder
    assert anyseek.check(folder) == []


@pytest.fixture
def media(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder and its index."""
    return Path(shutil.copytree(made, tmp_path / "media"))


@pytest.fixture
def shell(environment: dict[str, str], tmp_path: Path) -> Callable[..., Ran]:
    """Runs the installed command in a process of its own."""

    def run(*arguments: str | Path, cwd: Path | None = None, **env: str) -> Ran:
        command = [str(ANYSEEK), *map(str, arguments)]
        ran = subprocess.run(
            command,
            cwd=cwd or tmp_path,
            env={**environment, **env},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=BRAKE_S,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    return run


@pytest.fixture
def here(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs the same program in this process, which is faster."""
    monkeypatch.syspath_prepend(str(plugin))
    from anyseek.cli import main

    def run(*arguments: Any, cwd: Path | None = None) -> Ran:
        if cwd:
            monkeypatch.chdir(cwd)
        code = main(_as_text(arguments))
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


def _as_text(arguments: Sequence[Any]) -> list[str]:
    return [str(argument) for argument in arguments]
