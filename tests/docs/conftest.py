"""The scripts of docs/ are not a package; see docs/generate.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from snippets import Session

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))


@pytest.fixture
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Session:
    """A terminal in a folder as it is after `make demo`."""
    import generate

    return generate.workplace(tmp_path, request.config.cache.mkdir("samples"), quick=True)
