from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Importable by the workers too: they get this process's path.
sys.path.insert(0, str(Path(__file__).parent / "support"))

import media_files


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A valid file of each format, by name; not to be written to."""
    return media_files.write_all(tmp_path_factory.mktemp("media"))
