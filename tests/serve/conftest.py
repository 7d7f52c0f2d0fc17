"""A library over a foreseeable model, and the application over it, asked without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.embedders import registry

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from anyseek.serve.app import make_app
from anyseek.serve.guard import Guard


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry knows the tests' model, as it would know an installed package's."""
    monkeypatch.setattr(registry, "load", lambda name, *_: WordEmbedder())


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Files of four modalities with their index."""
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        index.add(workers=1)
    return folder


@pytest.fixture
def client(media: Path) -> Iterator[TestClient]:
    """Of a server that may index."""
    app = make_app(media / ".anyseek", guard=Guard(), allow_write=True)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client
