"""An embedded engine that several processes and threads want at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from indexes import put, unit_rows
from store_faults import (
    DIM,
    N_PICTURES,
    N_TEXTS,
    codes,
    manager,
    remark,
)
from waiting import BRAKE_S

from anyseek.catalog.catalog import Catalog
from anyseek.stores import qdrant_files, registry
from anyseek.stores.backend import StoreInUse
from anyseek.stores.exact import ExactStore
from anyseek.stores.qdrant_embedded import EmbeddedEngine
from anyseek.stores.qdrant_engines import QdrantOptions
from anyseek.stores.registry import Choice

pytest.importorskip("faiss")
pytest.importorskip("qdrant_client")
pytest.importorskip("qdrant_edge")


def test_a_search_beside_another_process_is_exact_at_once_and_not_left_alone(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    holder = os.open(catalog.folder / "qdrant/open", os.O_RDWR)
    qdrant_files.fcntl.flock(holder, qdrant_files.fcntl.LOCK_EX)
    told = remark(catalog)
    assert told.startswith("Another process has the Qdrant files in")
    assert "The search was exact instead." in told
    assert codes(catalog) == []  # somebody searches: nothing is wrong
    os.close(holder)
    assert remark(catalog) == ""


def test_searches_of_a_process_share_the_embedded_engine(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    together = threading.Barrier(6)
    told: list[tuple[str, list[int]]] = []

    def search() -> None:
        with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
            rows = store.search(unit_rows(1, 9, DIM), 5)[1]
            together.wait(BRAKE_S)  # all have it open
            told.append((store.remark, rows[0].tolist()))

    threads = [threading.Thread(target=search) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 6
    assert {one for one, _ in told} == {""}
    assert len({tuple(rows) for _, rows in told}) == 1
    assert remark(catalog) == ""


SEARCHING = """
import sys
from contextlib import closing
from pathlib import Path
from indexes import unit_rows
from anyseek.catalog.catalog import Catalog
from anyseek.stores import qdrant_store, registry
qdrant_store.FEW = 0
with Catalog.open(Path(sys.argv[1])) as catalog:
    for _ in range(5):
        with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
            print(store.search(unit_rows(1, 9, 16), 5)[1].tolist(), store.remark[:15])
"""


def test_concurrent_processes_are_all_answered_while_a_sync_goes_on(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    with catalog.read() as snapshot, ExactStore(snapshot, 1) as exact:
        expected = exact.search(unit_rows(1, 9, DIM), 5)[1].tolist()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "support")}
    command = [sys.executable, "-c", SEARCHING, str(catalog.folder)]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for _ in range(3):
        manager(catalog).refresh(anew=True)
    for process in running:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        answers = [line.partition("]] ") for line in out.splitlines()]
        assert [f"{rows}]]" for rows, _, _ in answers] == [str(expected)] * 5
        assert {remark for _, _, remark in answers} <= {"", "Another process"}


@pytest.mark.thorough
def test_a_sync_gets_the_engine_from_searches_that_never_end(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    is_done = threading.Event()
    remarks: set[str] = set()
    failures: list[Exception] = []

    def search() -> None:
        try:
            while not is_done.is_set():
                with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
                    store.search(unit_rows(1, 9, DIM), 5)
                    remarks.add(store.remark)
        except Exception as error:  # noqa: BLE001 - for the test to show
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for i in range(3):
            with catalog.begin() as writer:
                put(writer, 1, f"new{i}", unit_rows(1, 100 + i, DIM))
            assert manager(catalog).follow() == ""
            state = manager(catalog).state()
            assert state is not None
            assert state.rows == state.of == N_PICTURES + N_TEXTS + i + 1
    finally:
        is_done.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert remarks <= {"", *(one for one in remarks if "Another process" in one)}
    assert remark(catalog) == ""


def test_a_sync_that_cannot_have_the_engine_says_so_and_the_index_is_kept(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_files, "WAIT_S", 0.0)
    manager(catalog).set(Choice("qdrant"))
    engine = EmbeddedEngine(QdrantOptions(), next((catalog.folder / "qdrant").glob("anyseek-*")))
    engine.count()  # as a search would open it
    with catalog.begin() as writer:
        put(writer, 1, "new", unit_rows(1, 100, DIM))
    assert manager(catalog).follow().startswith("Another process has the Qdrant files in")
    with pytest.raises(StoreInUse):
        manager(catalog).refresh()
    engine.close()
    assert manager(catalog).follow() == ""
