"""The store for GPUs: what it does around FAISS's indexes is held to the suite with indexes of the same kinds for
processors in their place; what needs a GPU is marked so."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from indexes import card, put, unit_rows
from vector_store_suite import VectorStoreSuite

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Filter, Modality, VectorStore
from anyseek.errors import UsageError
from anyseek.stores import faiss_file, faiss_gpu, registry
from anyseek.stores.exact import ExactStore
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice

faiss = pytest.importorskip("faiss")

DIM = 32


def flat(device: int, dim: int) -> object:
    return faiss.IndexFlatIP(dim)


def over(snapshot: Snapshot, pieces: list[faiss_gpu.Piece]) -> faiss_gpu.GpuStore:
    """Exact search in these pieces, however few rows may answer."""
    return faiss_gpu.GpuStore(snapshot, snapshot.spaces()[0], pieces, None, few=0)


class TestExactInPieces(VectorStoreSuite):
    """Two devices."""

    def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
        return over(snapshot, faiss_gpu.load(snapshot, space_id, 2, flat))


class TestCellsInPieces(VectorStoreSuite):
    """Cells of a file, float16 rows in them; all cells are looked into, as nothing was measured."""

    def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
        space = next(space for space in snapshot.spaces() if space.space_id == space_id)
        if space.rows < 40:
            return ExactStore(snapshot, space_id)
        built = faiss_file.build(snapshot.folder, space, snapshot.vectors(space_id), "ivf", 4)
        index = faiss_file.open_file(snapshot.folder, built).index
        pieces = faiss_gpu.load(snapshot, space_id, 2, lambda device, dim: faiss_gpu.empty_cells(index))
        return faiss_gpu.GpuStore(snapshot, space, pieces, built, few=0)


@pytest.fixture
def library(tmp_path: Path) -> Catalog:
    catalog = Catalog.create(tmp_path / "index", [tmp_path])
    with catalog.begin() as writer:
        space = writer.ensure_space(card(dim=DIM))
        put(writer, space, "pictures", unit_rows(5000, dim=DIM, seed=1), Modality.IMAGE)
        put(writer, space, "texts", unit_rows(900, dim=DIM, seed=2), Modality.TEXT)
    return catalog


@pytest.mark.thorough
@pytest.mark.parametrize("share", [1.0, 0.3, 0.01])
@pytest.mark.parametrize("k", [1, 10, 3000])
def test_filters_of_any_width_and_any_k_give_what_exact_search_gives(
    library: Catalog, share: float, k: int
) -> None:
    queries = unit_rows(5, dim=DIM, seed=3)
    with library.read() as snapshot:
        pictures = snapshot.allowed_rows(1, Filter(frozenset({Modality.IMAGE})))
        assert pictures is not None
        allowed = np.sort(np.random.default_rng(4).choice(pictures, int(share * 5000), replace=False))
        store = over(snapshot, faiss_gpu.load(snapshot, 1, 3, flat))
        for allow in (allowed, None):
            scores, rows = store.search(queries, k, allow)
            true_scores, true_rows = ExactStore(snapshot, 1).search(queries, k, allow)
            np.testing.assert_array_equal(rows, true_rows)
            np.testing.assert_array_equal(scores, true_scores)


def test_rows_that_came_later_or_went_are_told_apart_without_loading_again(library: Catalog) -> None:
    new = unit_rows(3, dim=DIM, seed=9)
    gone = unit_rows(900, dim=DIM, seed=2)[7]
    with library.read() as before:
        pieces = faiss_gpu.load(before, 1, 2, flat)
        assert over(before, pieces).search(gone[None], 1)[1][0, 0] == 5007
    with library.begin() as writer:
        put(writer, 1, "new", new, Modality.IMAGE)
        writer.delete([2])
    with library.read() as after:
        store = over(after, pieces)
        assert store.search(new[1:2], 1)[1][0, 0] == 5901
        assert store.search(gone[None], 1)[1][0, 0] != 5007


def test_an_older_snapshot_gets_no_rows_of_pieces_that_a_newer_one_loaded(library: Catalog) -> None:
    new = unit_rows(3, dim=DIM, seed=9)
    with library.read() as older:
        with library.begin() as writer:
            put(writer, 1, "new", new, Modality.IMAGE)
        with library.read() as newer:
            pieces = faiss_gpu.load(newer, 1, 1, flat)
        assert over(older, pieces).search(new, 5)[1].max() < 5900


@pytest.mark.parametrize("name", ["exact", "faiss"])
def test_without_a_gpu_the_processor_answers_and_one_line_says_so(
    library: Catalog, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    if faiss_gpu.count_devices():
        pytest.skip("a GPU is here")
    faiss_gpu._warn_once.cache_clear()
    query = unit_rows(5000, dim=DIM, seed=1)[17]
    with caplog.at_level(logging.WARNING, "anyseek"):
        StoreManager(library, lambda: unit_rows(20, dim=DIM, seed=5)).set(Choice(name, {"device": "gpu"}))
        for _ in range(2):
            with library.read() as snapshot:
                store = registry.open_store(snapshot, 1)
                assert store.search(query[None], 1)[1][0, 0] == 17
                store.close()
    assert [record.message for record in caplog.records] == ["FAISS sees no GPU: searching on the processor."]
    state = StoreManager(library, lambda: unit_rows(1, dim=DIM)).state()
    assert state is not None
    assert state.name.endswith(", on GPUs where there are any")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("qdrant", {"device": "gpu"}),
        ("faiss", {"kind": "hnsw", "device": "gpu"}),
        ("auto", {"kind": "hnsw", "device": "gpu"}),
        ("exact", {"device": "tpu"}),
    ],
)
def test_what_no_gpu_can_do_is_refused(library: Catalog, name: str, options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        StoreManager(library, lambda: unit_rows(1, dim=DIM)).set(Choice(name, options))


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["exact", "faiss"])
def test_a_gpu_answers_what_the_processor_answers(library: Catalog, name: str) -> None:
    if not faiss_gpu.count_devices():
        pytest.skip("no GPU, or FAISS without one")
    queries = unit_rows(50, dim=DIM, seed=3)
    options = {"device": "gpu", **({"recall": 0.99} if name == "faiss" else {})}
    StoreManager(library, lambda: unit_rows(20, dim=DIM, seed=5)).set(Choice(name, options))
    with library.read() as snapshot:
        pictures = snapshot.allowed_rows(1, Filter(frozenset({Modality.IMAGE})))
        store = registry.open_store(snapshot, 1)
        assert isinstance(store, faiss_gpu.GpuStore)
        for allow in (None, pictures):
            scores, _ = store.search(queries, 10, allow)
            truth, _ = ExactStore(snapshot, 1).search(queries, 10, allow)
            assert (scores >= truth[:, -1:] - 1e-6).mean() >= (1.0 if name == "exact" else 0.97)
        store.close()
