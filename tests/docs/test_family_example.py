"""The example of docs/models.md, installed as a package would be, indexes and searches by the real command."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import sample_files
from ran import ANYSEEK

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"


@pytest.mark.thorough
def test_the_family_of_the_page_indexes_and_searches(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    code = re.search(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    points = re.search(
        r"^```toml\n\[project\.entry-points\.\"(.*?)\"\]\n(.*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    assert code
    assert points
    package = tmp_path / "package"
    info = package / "colours-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "colours.py").write_text(code[1])
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{points[1]}]\n" + points[2].replace('"', ""))
    media = tmp_path / "media"
    media.mkdir()
    for colour in ("red", "green", "blue"):
        sample_files.picture(media / f"{colour}.png", colour)
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONWARNINGS": "error"}

    def anyseek(*arguments: str) -> str:
        ran = subprocess.run(
            [str(ANYSEEK), *arguments],
            cwd=media,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert "colours" in anyseek("models")
    anyseek("index", ".", "--model", "colours", "--workers", "1", "--quiet")
    for colour in ("red", "green", "blue"):
        found = anyseek("search", "--words", f"something {colour}", "--json").splitlines()
        first = next(hit for hit in map(json.loads, found) if hit["type"] == "hit")
        assert first["path"].endswith(f"{colour}.png")
