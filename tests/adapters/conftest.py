"""A library over a foreseeable model, opened by name as an installed package's model would be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.embedders import registry

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # before it is imported: tests tell nobody


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry knows the tests' model."""
    monkeypatch.setattr(registry, "load", lambda name, *_: WordEmbedder())


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Files of four modalities with their index."""
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        index.add(workers=1)
    return folder
