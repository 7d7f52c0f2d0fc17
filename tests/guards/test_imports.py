"""Who may import whom is checked by tools; these tests check the tools."""

from __future__ import annotations

import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_PACKAGE = {"benchmarks", "build", "demo", "dist", "docs", "examples", "sample_data", "tests", "training"}
ROOMS = sorted(
    {path.stem for path in ROOT.glob("[a-z]*.py")}
    | {path.parent.name for path in ROOT.glob("[a-z]*/__init__.py")} - NOT_PACKAGE
)


def test_rooms_import_in_one_direction() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_bare_folder_names_are_refused_by_the_linter(room: str) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "check", "--select", "TID251", "--stdin-filename", "search/sample.py", "-"]
    run = subprocess.run(
        command, cwd=ROOT, input=f"import {room}\n", capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert f"anyseek.{room}" in run.stdout


# Where modalities are handled one by one, which is what these are for.
OF_MODALITIES = [
    ROOT / name for name in ("modalities.py", "media/builtin_formats.py", "media/readers", "embedders")
]


def test_no_module_has_cases_by_modality() -> None:
    """What differs between modalities is a column of the table. TEXT may be named: the words of a query are one."""
    modules = [path for room in ROOMS for path in (ROOT / f"{room}.py", *(ROOT / room).rglob("*.py"))]
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in modules
        if path.is_file() and not any(path.is_relative_to(place) for place in OF_MODALITIES)
        for name in re.findall(r"\bModality\.([A-Z]+)\b", path.read_text(encoding="utf-8"))
    }
    assert named
    assert {name for _, name in named} == {"TEXT"}, named


def test_importing_the_package_loads_no_library() -> None:
    code = "import sys, anyseek; print(sorted({m.split('.')[0] for m in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("numpy", "PIL", "onnxruntime", "torch", "rich", "typer", "pebble", "soundfile"):
        assert f"'{heavy}'" not in run.stdout


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions and for type checkers count too: a circle of knowledge is one, whenever it loads."""
    graph = grimp.build_graph("anyseek", cache_dir=None)
    imports = {one: graph.find_modules_directly_imported_by(one) - {one, "anyseek"} for one in graph.modules}
    del imports["anyseek"]  # the front door: names of all rooms, fetched when they are used
    ordered = TopologicalSorter(imports)
    try:
        ordered.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
