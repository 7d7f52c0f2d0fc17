"""What the pages say of the code's places is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name.isidentifier())
SCRIPT = re.compile(rf"(?<![\w/])(?:{'|'.join(FOLDERS)})/[\w/-]+\.py\b")
NOT_ROOMS = {"__init__", "__main__"}


def test_the_table_of_rooms_is_the_one_that_the_linter_holds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    layers = [sorted(re.findall(r"anyseek\.(\w+)", layer)) for layer in contract["layers"]]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", page.partition("\n## The rooms\n")[2], re.MULTILINE)
    assert [
        sorted(name.removesuffix(".py") for name in re.findall(r"`([\w.]+)/?`", row)) for row in rows
    ] == layers


def test_every_room_is_in_a_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    modules = {path.stem for path in ROOT.glob("*.py")} - NOT_ROOMS
    packages = {name.split(".")[1] for name in project["tool"]["setuptools"]["packages"] if "." in name}
    assert set(re.findall(r"anyseek\.(\w+)", " ".join(contract["layers"]))) == modules | packages


def test_scripts_and_modules_that_pages_name_exist() -> None:
    for page in PAGES:
        for name in SCRIPT.findall(page.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{page.name}: {name}"
