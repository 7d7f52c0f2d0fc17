"""An index, searched by a store that something happens to: what it answers, what doctor says."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from indexes import card, put, unit_rows

from anyseek.catalog.catalog import Catalog
from anyseek.contracts import Modality
from anyseek.library.doctor import check_all
from anyseek.stores import registry
from anyseek.stores.exact import ExactStore
from anyseek.stores.manager import StoreManager

DIM = 16
STORES = ("faiss", "qdrant", "toy")
FOLDERS = {"faiss": "faiss", "qdrant": "qdrant", "toy": "stores/toy"}
N_PICTURES, N_TEXTS = 300, 100


def new_catalog(folder: Path, seed: int = 0, dim: int = DIM) -> Catalog:
    catalog = Catalog.create(folder, [folder.parent])
    with catalog.begin() as writer:
        space = writer.ensure_space(card(dim=dim))
        put(writer, space, "pictures", unit_rows(N_PICTURES, seed + 1, dim), Modality.IMAGE)
        put(writer, space, "texts", unit_rows(N_TEXTS, seed + 2, dim), Modality.TEXT)
    return catalog


def manager(catalog: Catalog) -> StoreManager:
    return StoreManager(catalog, lambda: unit_rows(20, 5, DIM))


def remark(catalog: Catalog) -> str:
    """Of a few searches, whose hits are the exact ones wherever there is one."""
    remarks = set()
    with catalog.read() as snapshot, ExactStore(snapshot, 1) as exact:
        for allow in (None, np.arange(50, 300)):
            with closing(registry.open_store(snapshot, 1)) as store:
                scores, rows = store.search(unit_rows(3, 9, DIM), 5, allow)
                remarks.add(store.remark)
                if store.remark:
                    expected = exact.search(unit_rows(3, 9, DIM), 5, allow)
                    np.testing.assert_array_equal(rows, expected[1])
                    np.testing.assert_array_equal(scores, expected[0])
    assert len(remarks) == 1
    return remarks.pop()


def codes(catalog: Catalog, *, repair: bool = False) -> list[str]:
    return [finding.code for finding in check_all(catalog.folder, repair=repair)]


def files_of(folder: Path) -> list[Path]:
    """The store's own, without locks."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name not in ("open", "writer")
    )
