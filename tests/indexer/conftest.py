"""A folder with an index beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from folders import Indexed, indexed


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Indexed]:
    """An empty folder `media` and an empty index `index` beside it."""
    with indexed(tmp_path / "media", tmp_path / "index") as both:
        yield both
