"""A type checker sees what is installed, in both ways of installing.

The root of the repository is the package, so a plain editable install works by an import hook, which no checker
can follow: a program that used `anyseek` was checked against nothing. A strict one is a folder of links.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("typed_program.py").read_text(encoding="utf-8")
WRONG = """
import anyseek

for hit in anyseek.open("photos").search("a dog", number=3):
    print(hit.distance)
"""
NOT_COPIED = {"benchmarks", "build", "demo", "dist", "docs", "examples", "sample_data", "tests", "training"}
INSTALLS = {"normal": (), "editable": ("--config-settings", "editable_mode=strict", "-e")}


def copied_tree(to: Path) -> Path:
    """The package's files: an install from the checkout itself would renew the links that this run stands on."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        hidden = {name for name in names if name.startswith(".") or name == "__pycache__"}
        return hidden | NOT_COPIED if Path(folder) == ROOT else hidden

    return Path(shutil.copytree(ROOT, to, ignore=left_out, ignore_dangling_symlinks=True))


@pytest.fixture(scope="module", params=INSTALLS)
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has Anyseek and NumPy, whose types are in its signatures."""
    home = tmp_path_factory.mktemp(request.param)
    venv.create(home / "venv", symlinks=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    tree = copied_tree(home / "tree")
    # --ignore-installed: else pip would first remove the Anyseek that runs this test.
    command = [
        *pip,
        "--ignore-installed",
        "--prefix",
        str(home / "venv"),
        *INSTALLS[request.param],
        str(tree),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    (packages,) = (home / "venv").glob("lib/python*/site-packages")
    (packages / "numpy").symlink_to(Path(numpy.__file__).parent)
    return home / "venv/bin/python"


def checked(checker: str, program: str, python: Path) -> subprocess.CompletedProcess[str]:
    """What a checker says of a program, seen with the packages of `python`."""
    home = python.parents[2]
    (home / "program.py").write_text(program, encoding="utf-8")
    command = {
        "mypy": [
            "mypy",
            "--strict",
            "--config-file=",
            f"--cache-dir={home}",
            f"--python-executable={python}",
        ],
        "pyright": [
            "basedpyright",
            "--project",
            str(home / "pyrightconfig.json"),
            "--pythonpath",
            str(python),
        ],
    }[checker]
    (home / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    return subprocess.run(
        [sys.executable, "-m", *command, "program.py"],
        cwd=home,
        env={name: value for name, value in os.environ.items() if name not in ("MYPYPATH", "PYTHONPATH")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.thorough
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_program_checks_against_the_installed_package(checker: str, python: Path) -> None:
    ran = checked(checker, PROGRAM, python)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_names_that_do_not_exist_are_errors(checker: str, python: Path) -> None:
    ran = checked(checker, WRONG, python)
    assert ran.returncode == 1
    assert '"number"' in ran.stdout
    assert '"distance"' in ran.stdout
