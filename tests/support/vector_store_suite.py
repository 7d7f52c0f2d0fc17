"""Questions that every VectorStore answers alike. A test class inherits VectorStoreSuite and makes its store:

    class TestExact(VectorStoreSuite):
        def open_store(self, snapshot, space_id):
            return ExactStore(snapshot, space_id)

An approximate store says how large a share of the true best it has to find (`recall`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from indexes import card, put, stored, unit_rows

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Modality, VectorStore
from anyseek.errors import UsageError

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Build = Callable[..., tuple[VectorStore, Floats]]

# Cosines of unit vectors that went through float16: half an ulp a number, and float32 sums.
TOLERANCE = 1e-3


def reference(vectors: Floats, queries: Floats, k: int, allowed: Rows) -> tuple[Floats, list[list[int]]]:
    """The obvious search: every cosine, sorted; ties by row."""
    scores = np.full((len(queries), k), -np.inf, np.float32)
    rows = []
    for i, query in enumerate(queries):
        cosines = {int(row): float(vectors[row].astype(np.float64) @ query) for row in allowed}
        best = sorted(cosines, key=lambda row: (-np.float32(cosines[row]), row))[:k]
        scores[i, : len(best)] = [cosines[row] for row in best]
        rows.append(best)
    return scores, rows


class VectorStoreSuite:
    recall = 1.0

    def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
        raise NotImplementedError

    @pytest.fixture
    def build(self, tmp_path: Path) -> Iterator[Build]:
        """build(vectors, deleted=()) -> a store over these rows, and the rows as they are stored."""
        opened: list[Snapshot | Catalog | VectorStore] = []

        def make(vectors: Floats, deleted: tuple[int, ...] = ()) -> tuple[VectorStore, Floats]:
            catalog = Catalog.create(tmp_path / f"index{len(opened)}", [tmp_path])
            with catalog.begin() as writer:
                space = writer.ensure_space(card(dim=vectors.shape[1]))
                files = [put(writer, space, f"f{i}", row[None]) for i, row in enumerate(vectors)]
            with catalog.begin() as writer:
                writer.delete([files[row] for row in deleted])
            snapshot = catalog.read()
            store = self.open_store(snapshot, space)
            opened.extend([store, snapshot, catalog])
            return store, stored(vectors)

        yield make
        for thing in opened:
            thing.close()

    def same(
        self, store: VectorStore, vectors: Floats, queries: Floats, k: int, allowed: Rows | None, live: Rows
    ) -> None:
        """The store's answer is the reference's, up to ties and to the recall that the store promises."""
        scores, rows = store.search(queries, k, allowed)
        wanted = live if allowed is None else np.intersect1d(allowed, live)
        expected, best = reference(vectors, queries, k, wanted)
        assert scores.shape == rows.shape == (len(queries), k)
        assert scores.dtype == np.float32
        assert rows.dtype == np.int64
        found = 0
        for i in range(len(queries)):
            n = len(best[i])
            assert (rows[i, n:] == -1).all()
            assert np.isneginf(scores[i, n:]).all()
            assert np.isin(rows[i, :n], wanted).all()
            assert len(set(rows[i, :n])) == n
            assert (np.diff(scores[i, :n]) <= 0).all()
            own = vectors[rows[i, :n]] @ queries[i]
            np.testing.assert_allclose(scores[i, :n], own, atol=TOLERANCE)
            floor = expected[i, n - 1] - TOLERANCE if n else np.inf
            found += int((own >= floor).sum())
        assert found >= self.recall * sum(map(len, best))

    def test_finds_the_best(self, build: Build) -> None:
        store, vectors = build(unit_rows(300))
        self.same(store, vectors, unit_rows(20, seed=1), 10, None, np.arange(300))

    def test_a_stored_vector_finds_itself(self, build: Build) -> None:
        store, vectors = build(unit_rows(50))
        scores, rows = store.search(vectors, 1)
        assert rows[:, 0].tolist() == list(range(50))
        np.testing.assert_allclose(scores[:, 0], 1, atol=TOLERANCE)

    def test_deleted_rows_never_come_back(self, build: Build) -> None:
        deleted = tuple(range(0, 200, 3))
        store, vectors = build(unit_rows(200), deleted)
        live = np.setdiff1d(np.arange(200), deleted)
        self.same(store, vectors, vectors[:30], 10, None, live)
        self.same(store, vectors, vectors[:30], 10, np.arange(100), live)

    @pytest.mark.parametrize(
        "allowed", [[], [7], [0, 199], [*range(0, 200, 10)], [*range(50, 150)], [*range(200)]]
    )
    def test_the_filter_works_inside(self, build: Build, allowed: list[int]) -> None:
        store, vectors = build(unit_rows(200))
        queries = unit_rows(5, seed=2)
        self.same(store, vectors, queries, 10, np.array(allowed, np.int64), np.arange(200))

    def test_more_asked_than_there_is(self, build: Build) -> None:
        store, vectors = build(unit_rows(7))
        self.same(store, vectors, unit_rows(3, seed=3), 20, None, np.arange(7))

    def test_nothing_there(self, build: Build) -> None:
        store, _ = build(unit_rows(0))
        scores, rows = store.search(unit_rows(2), 3)
        assert rows.tolist() == [[-1] * 3] * 2
        assert np.isneginf(scores).all()

    def test_no_query(self, build: Build) -> None:
        store, _ = build(unit_rows(5))
        scores, rows = store.search(unit_rows(0), 3)
        assert scores.shape == rows.shape == (0, 3)

    def test_equal_scores_lower_row_first(self, build: Build) -> None:
        one, two = unit_rows(2, seed=4)
        store, _ = build(np.stack([one, two] * 40))
        _, rows = store.search(one[None], 60)
        assert rows[0, :40].tolist() == list(range(0, 80, 2))
        assert rows[0, 40:].tolist() == list(range(1, 41, 2))

    def test_queries_do_not_disturb_one_another(self, build: Build) -> None:
        store, _ = build(unit_rows(100))
        queries = unit_rows(9, seed=5)
        scores, rows = store.search(queries, 5)
        for i, query in enumerate(queries):
            alone = store.search(query[None], 5)
            assert alone[1].tolist() == [rows[i].tolist()]
            np.testing.assert_allclose(alone[0][0], scores[i], atol=TOLERANCE)

    def test_arguments_stay_as_they_are(self, build: Build) -> None:
        store, _ = build(unit_rows(10))
        queries, allow = unit_rows(2, seed=6), np.arange(5)
        before = queries.copy(), allow.copy()
        store.search(queries, 3, allow)
        assert (queries == before[0]).all()
        assert (allow == before[1]).all()

    @pytest.mark.parametrize("k", [0, -1])
    def test_k_below_one(self, build: Build, k: int) -> None:
        store, _ = build(unit_rows(3))
        with pytest.raises(UsageError):
            store.search(unit_rows(1), k)

    @pytest.mark.parametrize("queries", [np.zeros((1, 3)), np.zeros(16), np.full((1, 16), np.nan)])
    def test_queries_that_are_none(self, build: Build, queries: Floats) -> None:
        store, _ = build(unit_rows(3))
        with pytest.raises(UsageError):
            store.search(queries.astype(np.float32), 1)

    def test_modalities_do_not_matter_to_a_store(self, tmp_path: Path) -> None:
        catalog = Catalog.create(tmp_path / "index", [tmp_path])
        with closing(catalog):
            with catalog.begin() as writer:
                space = writer.ensure_space(card())
                for i, modality in enumerate([Modality.TEXT, Modality.AUDIO, Modality.DEPTH]):
                    put(writer, space, f"f{i}", unit_rows(2, seed=i), modality)
            with catalog.read() as snapshot, closing(self.open_store(snapshot, space)) as store:
                _, rows = store.search(unit_rows(1), 10)
                assert sorted(rows[0].tolist()) == [-1] * 4 + list(range(6))

    def test_close_twice(self, build: Build) -> None:
        store, _ = build(unit_rows(3))
        store.close()
        store.close()
