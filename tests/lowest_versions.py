"""Install the lowest versions that pyproject.toml admits for the package and its server, and run the server's tests:

    python tests/lowest_versions.py [FOLDER]

FOLDER: where the environment is made, build/lowest by default; it is made anew. Ends with pytest's exit code.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRA = "serve"
# What runs the tests is not what they test: of that the pinned versions.
TOOLS = ("httpx", "hypothesis", "pytest", "pytest-asyncio", "pytest-timeout")
TESTS = (
    "tests/serve/test_app.py",
    "tests/serve/test_batching.py",
    "tests/serve/test_connections.py",
    "tests/serve/test_content.py",
    "tests/serve/test_guard.py",
    "tests/serve/test_limits.py",
    "tests/serve/test_links.py",
    "tests/serve/test_previews.py",
)
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=(?P<floor>[0-9][0-9A-Za-z.]*)(?:,.*)?")


def floors(requirements: list[str]) -> dict[str, str]:
    """`["numpy>=1.26"]` -> `{"numpy": "1.26"}`. Raises ValueError for one without a floor."""
    found = {}
    for requirement in requirements:
        match = _REQUIREMENT.fullmatch(requirement.replace(" ", ""))
        if match is None:
            raise ValueError(f"pyproject.toml requires {requirement!r}, which has no lowest version")
        found[match["name"]] = match["floor"]
    return found


def lowest() -> dict[str, str]:
    """The floors of the package and of its server."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return floors(project["dependencies"]) | floors(project["optional-dependencies"][EXTRA])


def pinned(names: tuple[str, ...]) -> list[str]:
    """The lines of constraints.txt about these packages."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0].lower() in names]


def main(folder: Path) -> int:
    """Make the environment and run the tests in it."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    versions = [f"{name}=={floor}" for name, floor in lowest().items()]
    (folder / "constraints.txt").write_text("\n".join([*versions, *pinned(TOOLS)]) + "\n")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    chosen = ["-c", str(folder / "constraints.txt"), f"{ROOT}[{EXTRA}]", *TOOLS]
    subprocess.run([*pip, *chosen], check=True, cwd=folder)
    subprocess.run([str(python), "-m", "pip", "list", "--format", "freeze"], check=True, cwd=folder)
    # The installed package is tested, not the folder of the sources.
    return subprocess.run([str(python), "-m", "pytest", "-q", *TESTS], check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else ROOT / "build" / "lowest").absolute()))
