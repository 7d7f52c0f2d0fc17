"""kill -9 while a store is built, extended, compacted or switched: what was acknowledged is there, and answers stay
right. Four kills of each by default, twenty with `-m slow`."""

from __future__ import annotations

import shutil
from pathlib import Path

import dying
import numpy as np
import pytest
from indexes import card, put, unit_rows

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.contracts import Filter, Modality
from anyseek.stores import registry
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice

pytest.importorskip("faiss")
pytest.importorskip("qdrant_edge")

DIM = 16
N_PICTURES, N_TEXTS = 3000, 300

_BEGIN = """
import itertools, sys
from pathlib import Path
import dying
from indexes import put, unit_rows
from anyseek.contracts import Modality
from anyseek.stores import faiss_backend
from anyseek.catalog.catalog import Catalog
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice
import faiss, qdrant_edge

catalog = Catalog.open(Path(sys.argv[1]))
control = StoreManager(catalog, lambda: unit_rows(20, 5, 16))
faiss_backend.LATE_ROWS, faiss_backend.LATE_SHARE = 0, 0.0

def add(i):
    with catalog.begin() as writer:
        file_id = put(writer, 1, f"new{i}", unit_rows(1, 1000 + i, 16), Modality.IMAGE)
    print("added", i, file_id, flush=True)

dying.begin("catalog", "stores", "atomic.py")
for i in itertools.count(int(sys.argv[2])):
"""

_END = """
    print("lines", dying.lines(), flush=True)
"""

ACTS = {
    "build": """
    control.refresh(anew=True)
""",
    "extend": """
    add(i)
    control.refresh()
""",
    "compact": """
    with catalog.begin() as writer:
        gone = put(writer, 1, "passing", unit_rows(200, 7, 16), Modality.IMAGE)
    with catalog.begin() as writer:
        writer.delete([gone])
    add(i)
    control.compact()
""",
    "switch": """
    for name, options in (("exact", {}), ("qdrant", {}), ("faiss", {}), ("faiss", {"kind": "hnsw"})):
        control.set(Choice(name, options))
""",
}


def command(folder: Path, act: str, first: int) -> list[str]:
    """A process that acts for ever; `first` numbers the first row that it adds."""
    return ["-c", _BEGIN + ACTS[act] + _END, str(folder), str(first)]


def added_rows(output: list[str]) -> list[int]:
    """Numbers of the rows whose commit a killed process had reported."""
    return [int(line.split()[1]) for line in output if line.startswith("added")]


def finds(catalog: Catalog, query: np.ndarray, modality: Modality) -> float:
    """The best cosine among a modality, by whatever store answers."""
    with catalog.read() as snapshot:
        rows = snapshot.allowed_rows(1, Filter(frozenset({modality})))
        store = registry.open_store(snapshot, 1)
        scores, _ = store.search(query[None], 1, rows)
        store.close()
    return float(scores[0, 0])


def survives(tmp_path: Path, act: str, kills: int) -> None:
    with Catalog.create(tmp_path / "index", [tmp_path]) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(card(dim=DIM))
            put(writer, space, "pictures", unit_rows(N_PICTURES, 1, DIM), Modality.IMAGE)
            put(writer, space, "texts", unit_rows(N_TEXTS, 2, DIM), Modality.TEXT)
        StoreManager(catalog, lambda: unit_rows(20, 5, DIM)).set(Choice("faiss"))
    shutil.copytree(tmp_path / "index", tmp_path / "other")
    round_lines = dying.count(command(tmp_path / "other", act, 1))
    rng = np.random.default_rng(len(act))
    added: list[int] = []
    for kill in range(kills):
        first = 1 + max(added, default=0)
        line = int(rng.integers(1, 2 * round_lines))
        added += added_rows(dying.kill(command(tmp_path / "index", act, first), line, at_once=kill % 2 == 0))
        with Catalog.open(tmp_path / "index") as catalog:
            assert finds(catalog, unit_rows(N_TEXTS, 2, DIM)[8], Modality.TEXT) > 0.999
            assert finds(catalog, unit_rows(N_PICTURES, 1, DIM)[70], Modality.IMAGE) > 0.999
            for i in added[-20:]:
                assert finds(catalog, unit_rows(1, 1000 + i, DIM)[0], Modality.IMAGE) > 0.999
    if act in ("extend", "compact"):
        assert added
    with Catalog.open(tmp_path / "index") as catalog:
        catalog.compact(space)  # clears what one that was killed at its end has left
        StoreManager(catalog, lambda: unit_rows(20, 5, DIM)).refresh()
        for i in added:
            assert finds(catalog, unit_rows(1, 1000 + i, DIM)[0], Modality.IMAGE) > 0.999
    assert check(tmp_path / "index") == []


@pytest.mark.thorough
@pytest.mark.parametrize("act", ACTS)
def test_a_few_kills_lose_nothing(tmp_path: Path, act: str) -> None:
    survives(tmp_path, act, 4)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("act", ACTS)
def test_twenty_kills_lose_nothing(tmp_path: Path, act: str) -> None:
    survives(tmp_path, act, 20)
