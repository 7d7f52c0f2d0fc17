"""The modality of docs/extend-modality.md, installed as a package would be: no file of the project knows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import recipes
from ran import ANYSEEK, Ran, objects

from anyseek.errors import MissingExtra

ROOT = Path(__file__).resolve().parents[1]

PYTHON = """
import anyseek
with anyseek.open(".") as index:
    first = lambda **how: index.search(**how)[0].path.rpartition("/")[2]
    assert first(smell="rose.smell", to="smell") == "rose.smell"
    assert first(smell={"smoke": 1.0}, to="smell") == "fire.smell"
    assert first(smell={"citrus": 1.0}, to="text") == "lemon.txt"
    assert first(words="flowers", to=["smell"]) == "rose.smell"
    assert index.similar("fire.smell", to="text")[0].path.endswith("fire.txt")
    assert index.status().files == {"text": 3, "smell": 3}
    assert anyseek.Modality("smell") in anyseek.Modality
"""

HTTP = """
from pathlib import Path
from starlette.testclient import TestClient
from anyseek.serve.app import make_app
from anyseek.serve.guard import Guard
with TestClient(make_app(Path(".anyseek"), guard=Guard()), base_url="http://localhost") as client:
    hit = client.get("/search", params={"words": "smoke", "to": "smell"}).json()["hits"][0]
    assert hit["path"].endswith("fire.smell") and hit["shown_as"] == "picture", hit
    picture = client.get(hit["preview"])
    assert picture.headers["content-type"] == "image/jpeg" and picture.content[:2] == b"\\xff\\xd8"
    file = Path("rose.smell").read_bytes()
    found = client.post("/search/file", params={"to": "text"}, content=file)
    assert found.json()["hits"][0]["path"].endswith("rose.txt"), found.text
    where = client.get("/search", params={"words": "flowers", "where": "modality = smell"}).json()
    assert {one["modality"] for one in where["hits"]} == {"smell"}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    package = recipes.install("extend-modality.md", "noses", tmp_path_factory.mktemp("package"))
    return {**os.environ, "PYTHONPATH": str(package), "PYTHONWARNINGS": "error"}


@pytest.fixture(scope="module")
def perfumes(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """An indexed folder of three smells and three texts."""
    folder = tmp_path_factory.mktemp("perfumes")
    for name, note in (("rose", "flowers"), ("fire", "smoke"), ("lemon", "citrus")):
        (folder / f"{name}.smell").write_text(json.dumps({"smell": {note: 0.9}}))
        (folder / f"{name}.txt").write_text(f"It smells of {note}.")
    ran = run(folder, environment, "index", ".", "--model", "nose", "--workers", "1")
    assert "6 new" in ran.out, ran
    return folder


def run(folder: Path, environment: dict[str, str], *arguments: str) -> Ran:
    ran = subprocess.run(
        [str(ANYSEEK), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (("something like flowers", "--to", "smell"), "rose.smell"),
        (("--smell", "fire.smell", "--to", "text"), "fire.txt"),
        (("lemon.smell", "--to", "smell"), "lemon.smell"),
        (("citrus", "--where", "modality = smell"), "lemon.smell"),
    ],
)
def test_the_command_line(
    perfumes: Path, environment: dict[str, str], arguments: tuple[str, ...], first: str
) -> None:
    ran = run(perfumes, environment, "search", *arguments, "--json", "--vectors-only")
    assert ran.code == 0, ran.err
    assert Path(objects(ran.out)[0]["path"]).name == first


@pytest.mark.thorough
def test_the_other_commands(perfumes: Path, environment: dict[str, str]) -> None:
    status = objects(run(perfumes, environment, "status", "--json").out)[0]
    assert status["segments"] == {"text": 3, "smell": 3}
    classified = run(
        perfumes, environment, "classify", "rose.smell", "--labels", "smoke,flowers", "--model", "nose"
    )
    assert classified.out.startswith("rose.smell: flowers"), classified
    wrong = run(perfumes, environment, "search", "x", "--to", "colour")
    assert wrong.code == 2
    assert "smell" in wrong.err
    assert run(perfumes, environment, "search", "x", "--colour", "y").code == 2


@pytest.mark.thorough
@pytest.mark.parametrize("program", [PYTHON, HTTP], ids=["python", "http"])
def test_python_and_http(perfumes: Path, environment: dict[str, str], program: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=perfumes,
        env=environment | {"PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.thorough
def test_without_the_package_the_index_says_what_is_missing(
    perfumes: Path, environment: dict[str, str]
) -> None:
    without = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    for command in (("search", "flowers"), ("status",), ("doctor",), ("index", ".")):
        ran = run(perfumes, without, *command)
        assert (ran.code, ran.out) == (MissingExtra.exit_code, "")
        assert ran.err.startswith(
            "anyseek: The index has the modality smell, which no installed package declares."
        ), ran
        assert "anyseek.modalities" in ran.err
