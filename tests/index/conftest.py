"""One index in four modalities, made through the public door; and a copy of it to change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder

import anyseek


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with its index; not to be written to: a test that damages it is found out at the end."""
    folder = sample_files.fill(tmp_path_factory.mktemp("library") / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        index.add(workers=1)
        whole = index.status().files, index.n_segments
    yield folder
    with anyseek.open(folder, model=WordEmbedder()) as index:
        assert index.library.check() == []
        assert (index.status().files, index.n_segments) == whole


@pytest.fixture
def media(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder and its index."""
    return Path(shutil.copytree(made, tmp_path / "media"))
