"""The store of docs/extend-store.md as a package that can be installed."""

from __future__ import annotations

import re
from pathlib import Path

_PAGE = (Path(__file__).resolve().parents[2] / "docs" / "extend-store.md").read_text(encoding="utf-8")
CODE, SUITE = re.findall(r"^```py\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
(_DECLARED,) = re.findall(r"^```toml\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
POINTS = _DECLARED.replace('[project.entry-points."anyseek.stores"]', "[anyseek.stores]").replace('"', "")


def install(folder: Path, name: str, code: str, entry_points: str) -> Path:
    """A folder that, on the path, is a package of one module."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return folder
