"""The scripts are not a package: they import each other by their bare names, as when they are run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from demo_files import SCRIPTS, demo_files

sys.path.insert(0, str(SCRIPTS))


@pytest.fixture(scope="session")
def samples(request: pytest.FixtureRequest) -> Path:
    """All samples; read only."""
    return demo_files(request.config.cache.mkdir("samples"))
