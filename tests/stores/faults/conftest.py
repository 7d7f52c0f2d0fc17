"""A derived store never stops a search: whatever happens to it, hits are the exact ones, with one remark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_faults import (
    new_catalog,
)
from toy_package import CODE, POINTS, install

from anyseek.catalog.catalog import Catalog
from anyseek.stores import fallback


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of docs/extend-store.md."""
    return install(tmp_path_factory.mktemp("package"), "toy_store", CODE, POINTS)


@pytest.fixture(autouse=True)
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small libraries are searched by every store all the same, and none is left alone because of another test."""
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setattr("anyseek.stores.faiss_store.FEW_NUMBERS", 0)
    monkeypatch.setattr("anyseek.stores.faiss_store.FEW_SHARE", 0.0)
    monkeypatch.setattr("anyseek.stores.qdrant_store.FEW", 0)
    monkeypatch.setattr(fallback, "_resting", {})


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with new_catalog(tmp_path / "index") as catalog:
        yield catalog
