"""The exact store: the shared suite, and what only it promises."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from indexes import new_index, put, stored, unit_rows
from vector_store_suite import Build, VectorStoreSuite, reference

from anyseek.catalog import snapshot_cache
from anyseek.catalog.catalog import Snapshot
from anyseek.errors import UsageError
from anyseek.stores import exact
from anyseek.stores.exact import ExactStore


class TestExact(VectorStoreSuite):
    def open_store(self, snapshot: Snapshot, space_id: int) -> ExactStore:
        return ExactStore(snapshot, space_id)

    @pytest.mark.parametrize("rows_a_block", [1, 7, 64, 100, 1000])
    def test_blocks_make_no_difference(
        self, build: Build, monkeypatch: pytest.MonkeyPatch, rows_a_block: int
    ) -> None:
        store, vectors = build(unit_rows(100), (3, 50))
        queries = unit_rows(7, seed=9)
        whole = store.search(queries, 12)
        monkeypatch.setattr(exact, "BLOCK_BYTES", rows_a_block * 16 * 4)
        monkeypatch.setattr(exact, "QUERIES_AT_ONCE", 3)
        cut = store.search(queries, 12)
        assert (whole[0] == cut[0]).all()  # to the last bit
        assert (whole[1] == cut[1]).all()
        live = np.setdiff1d(np.arange(100), [3, 50])
        assert whole[1].tolist() == reference(vectors, queries, 12, live)[1]

    def test_a_score_depends_on_nothing_but_its_row(self, build: Build) -> None:
        """Equal vectors in every place of a block, alone and in company, have one score."""
        store, _ = build(np.repeat(unit_rows(1, seed=3, dim=512), 777, axis=0))
        for n in (1, 2, 33):
            scores, rows = store.search(unit_rows(33, seed=4, dim=512)[:n], 777)
            assert (rows == np.arange(777)).all()
            assert (scores == scores[:, :1]).all()

    def test_more_ties_than_are_kept(self, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exact, "MOST_TIES", 4)
        monkeypatch.setattr(exact, "BLOCK_BYTES", 16 * 16 * 4)
        one, other = unit_rows(2, seed=5)
        vectors = np.repeat(one[None], 100, axis=0)
        vectors[[90, 95]] = other
        store, _ = build(vectors)
        assert store.search(other[None], 6)[1].tolist() == [[90, 95, 0, 1, 2, 3]]

    def test_rows_to_allow_may_be_odd(self, build: Build) -> None:
        store, _ = build(unit_rows(10))
        _, rows = store.search(unit_rows(1), 5, np.array([9, 3, 3, -1, 10, 1 << 40]))
        assert sorted(rows[0].tolist()) == [-1, -1, -1, 3, 9]

    def test_closed(self, build: Build) -> None:
        store, _ = build(unit_rows(3))
        store.close()
        with pytest.raises(UsageError):
            store.search(unit_rows(1), 1)

    def test_small_and_large_halves(self) -> None:
        """Every finite float16 survives the fast way to float32."""
        bits = np.arange(1 << 16, dtype=np.uint16)
        halves = bits[np.isfinite(bits.view(np.float16))].view(np.float16)
        halves = np.concatenate([halves, np.zeros(-len(halves) % 16, np.float16)]).reshape(-1, 16)
        room = np.empty(halves.shape, np.int32)
        wide = exact._widened(halves.view(np.int16), room) * np.float32(2.0**112)
        assert (wide == halves.astype(np.float32)).all()


class TestExactOfKeptRows(TestExact):
    """The same from the second search of a small space on, whose rows are kept as float32."""

    def open_store(self, snapshot: Snapshot, space_id: int) -> ExactStore:
        kept = [ExactStore(snapshot, space_id)._wide is not None for _ in range(2)]
        assert kept[1]
        store = ExactStore(snapshot, space_id)
        assert store._wide is not None
        return store


def test_rows_are_kept_for_small_spaces_and_until_there_are_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, space_id = new_index(tmp_path)

    def kept() -> int | None:
        with catalog.read() as snapshot, ExactStore(snapshot, space_id) as store:
            return None if store._wide is None else len(store._wide)

    def add(path: str, n: int) -> None:
        with catalog.begin() as writer:
            put(writer, space_id, path, unit_rows(n))

    with catalog:
        add("a", 3)
        assert [kept(), kept(), kept()] == [None, 3, 3]
        add("b", 2)
        assert [kept(), kept()] == [None, 5]
        monkeypatch.setattr(snapshot_cache, "MOST_WIDE_BYTES", 5 * 16 * 4 - 1)
        assert [kept(), kept(), kept()] == [None, None, None]


@pytest.mark.parametrize("is_renamed", [False, True])
def test_rows_are_not_kept_when_a_file_of_as_many_is_put_in_their_place(
    tmp_path: Path, is_renamed: bool
) -> None:
    """As when somebody puts back the vectors of a backup: same generation, same rows."""
    catalog, space_id = new_index(tmp_path)
    file = catalog.folder / "vectors/1.0.f16"

    def best() -> int:
        with catalog.read() as snapshot, ExactStore(snapshot, space_id) as store:
            return int(store.search(unit_rows(9)[:1], 1)[1][0, 0])

    with catalog:
        with catalog.begin() as writer:
            put(writer, space_id, "a", unit_rows(9))
        whole = file.read_bytes()
        for data, right in ((whole[32:] + whole[:32], 8), (whole, 0)):
            if is_renamed:
                file.with_name("other").write_bytes(data)
                file.with_name("other").rename(file)
            else:
                file.write_bytes(data)
            os.utime(file, ns=(right, right))
            assert [best() for _ in range(3)] == [right] * 3


@pytest.mark.thorough
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_like_the_obvious_search(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 60), "rows")
    # Few different vectors, so that ties are common.
    which = data.draw(st.lists(st.integers(0, 8), min_size=n, max_size=n), "which vectors")
    deleted = data.draw(st.sets(st.integers(0, max(0, n - 1)), max_size=n), "deleted") if n else set()
    allow = data.draw(st.none() | st.sets(st.integers(0, 70)), "allowed")
    k = data.draw(st.integers(1, 80), "k")
    block = data.draw(st.sampled_from([1, 3, 16, 1000]), "rows a block")
    vectors = unit_rows(9, seed=1)[which]
    catalog, space = new_index(tmp_path_factory.mktemp("index"))
    with catalog, pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BLOCK_BYTES", block * 16 * 4)
        with catalog.begin() as writer:
            files = [put(writer, space, f"f{i}", row[None]) for i, row in enumerate(vectors)]
        with catalog.begin() as writer:
            writer.delete([files[row] for row in deleted])
        live = np.setdiff1d(np.arange(n), sorted(deleted))
        wanted = live if allow is None else np.intersect1d(live, sorted(allow))
        queries = np.concatenate([vectors[:2], unit_rows(2, seed=2)])
        with catalog.read() as snapshot, ExactStore(snapshot, space) as store:
            scores, rows = store.search(
                queries, k, None if allow is None else np.array(sorted(allow), np.int64)
            )
        expected, best = reference(stored(vectors), queries, k, wanted)
        assert [[row for row in found if row >= 0] for found in rows.tolist()] == best
        np.testing.assert_allclose(scores, expected, atol=1e-6)
