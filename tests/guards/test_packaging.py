"""The root folder is the package: what is installed is what is on disk, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

import anyseek

ROOT = Path(__file__).resolve().parents[2]
NOT_SHIPPED = {"tests", "benchmarks", "docs", "examples", "sample_data", "training", "build", "dist", "demo"}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_is_the_same_in_both_places() -> None:
    assert anyseek.__version__ == project()["project"]["version"]


def test_packages_equal_the_folders_on_disk() -> None:
    found = {"anyseek"}
    for init in ROOT.rglob("__init__.py"):
        parts = init.parent.relative_to(ROOT).parts
        if parts and parts[0] not in NOT_SHIPPED and not any(part.startswith(".") for part in parts):
            found.add(".".join(("anyseek", *parts)))
    assert set(project()["tool"]["setuptools"]["packages"]) == found


def test_every_python_folder_that_is_shipped_is_a_package() -> None:
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if len(parts) > 1 and parts[0] not in NOT_SHIPPED and not parts[0].startswith("."):
            assert (path.parent / "__init__.py").exists(), f"{path.parent} has code but no __init__.py"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build an sdist from the checkout and the wheel from that sdist, as an index would."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = out.glob("*.whl")
    assert len(list(out.glob("*.tar.gz"))) == 1
    return wheel


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_says_the_licences_of_all_that_it_carries_and_holds_their_texts(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (place,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(place))
        texts = [
            archive.read(place.replace("METADATA", f"licenses/{name}")).decode()
            for name in metadata.get_all("License-File", [])
        ]
    assert metadata["License"] is None
    assert not [line for line in metadata.get_all("Classifier", []) if line.startswith("License ::")]
    licences = metadata["License-Expression"].split(" AND ")
    assert licences == ["Apache-2.0", "MIT", "LicenseRef-Anyseek-mini-heads"]
    for said in (
        "Apache License",
        "Permission is hereby granted",
        "Florian Schmid",
        "LicenseRef-Anyseek-mini-heads",
        "Media that the heads learned from",
    ):
        assert any(said in text for text in texts)


@pytest.mark.thorough
def test_the_wheel_holds_the_package_and_nothing_else(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"anyseek"}
    inner = {name.split("/")[1] for name in wheel_names if name.startswith("anyseek/")}
    assert not inner & NOT_SHIPPED
    assert not any("/tests/" in name or "sample" in name for name in wheel_names)


def test_the_wheel_holds_every_module_and_the_model(wheel_names: set[str]) -> None:
    for package in project()["tool"]["setuptools"]["packages"]:
        folder = ROOT.joinpath(*package.split(".")[1:])
        for module in folder.glob("*.py"):
            assert f"{package.replace('.', '/')}/{module.name}" in wheel_names
    weights = ROOT / "embedders/mini/weights"
    files = [file.relative_to(weights).as_posix() for file in weights.rglob("*") if file.is_file()]
    assert {f"anyseek/embedders/mini/weights/{name}" for name in files} <= wheel_names
    assert "anyseek/py.typed" in wheel_names


@pytest.mark.parametrize("command", [["-m", "anyseek"], [str(ROOT / "cli.py")]])
def test_module_and_script_start_the_same_program(command: list[str]) -> None:
    script = subprocess.run(
        [str(Path(sys.executable).with_name("anyseek")), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    other = subprocess.run(
        [sys.executable, *command, "--version"], capture_output=True, text=True, check=True
    )
    assert other.stdout == script.stdout != ""
