"""FAISS under the catalog: the same answers, a promise of recall that is kept, files that are not trusted blindly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dying
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from indexes import card, put, unit_rows
from vector_store_suite import Build, VectorStoreSuite

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Filter, Modality, VectorStore
from anyseek.errors import IndexLocked, UsageError
from anyseek.library.doctor import check_all
from anyseek.stores import exact_backend, faiss_backend, faiss_file, registry
from anyseek.stores.exact import ExactStore
from anyseek.stores.faiss_file import read_description
from anyseek.stores.faiss_store import FaissStore
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice

pytest.importorskip("faiss")

DIM = 32
WORLD = np.random.default_rng(0)
MAPS = {m: WORLD.normal(size=(8, DIM)) for m in (Modality.IMAGE, Modality.TEXT)}
GAPS = {m: WORLD.normal(size=DIM) for m in MAPS}


def gap_rows(modality: Modality, n: int, seed: int) -> np.ndarray:
    """Modalities share what they mean and lie apart, as real spaces do (Liang et al. 2022)."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, 8)) @ (MAPS[Modality.IMAGE] + 0.4 * MAPS[modality])
    rows = 1.2 * GAPS[modality] + meaning + 0.5 * rng.normal(size=(n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class FaissSuite(VectorStoreSuite):
    kind: faiss_file.Kind = "ivf"

    def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
        space = next(space for space in snapshot.spaces() if space.space_id == space_id)
        if space.rows < 40:
            return ExactStore(snapshot, space_id)
        built = faiss_file.build(snapshot.folder, space, snapshot.vectors(space_id), self.kind, 4)
        faiss_file.write_description(snapshot.folder, space_id, built)
        return FaissStore(snapshot, space, built, faiss_file.open_file(snapshot.folder, built), few=0)

    def test_equal_scores_lower_row_first(self, build: Build) -> None:
        # Which of the ties on the last place come is FAISS's affair; their order is ours.
        one, two = unit_rows(2, seed=4)
        store, _ = build(np.stack([one, two] * 40))
        _, rows = store.search(one[None], 60)
        assert rows[0, :40].tolist() == list(range(0, 80, 2))
        assert (np.diff(rows[0, 40:]) > 0).all()


class TestIvf(FaissSuite):
    pass


class TestHnsw(FaissSuite):
    kind = "hnsw"


# ---------------------------------------------------------------- the promise


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Catalog]:
    """6,000 pictures and 1,500 texts."""
    with Catalog.create(tmp_path / "index", [tmp_path]) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(card(dim=DIM))
            put(writer, space, "pictures", gap_rows(Modality.IMAGE, 6000, 1), Modality.IMAGE)
            put(writer, space, "texts", gap_rows(Modality.TEXT, 1500, 2), Modality.TEXT)
        yield catalog


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small libraries are searched by FAISS all the same."""
    monkeypatch.setattr("anyseek.stores.faiss_store.FEW_NUMBERS", 100 * DIM)


def manager(catalog: Catalog) -> StoreManager:
    return StoreManager(catalog, lambda: gap_rows(Modality.TEXT, 64, 9))


def recall_of(catalog: Catalog, queries: np.ndarray, target: Modality) -> float:
    """Of the true best ten, on queries that the tuning never saw."""
    with catalog.read() as snapshot:
        rows = snapshot.allowed_rows(1, Filter(frozenset({target})))
        exact, store = ExactStore(snapshot, 1), registry.open_store(snapshot, 1)
        assert isinstance(store.inner, FaissStore)
        truth, _ = exact.search(queries, 10, rows)
        found, _ = store.search(queries, 10, rows)
        store.close()
    return float((found >= truth[:, -1:] - 1e-6).mean())


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_the_promised_recall_holds_for_every_pair_on_queries_never_seen(
    library: Catalog, kind: faiss_file.Kind
) -> None:
    manager(library).set(Choice("faiss", {"kind": kind, "recall": 0.97}))
    state = manager(library).state()
    assert state is not None
    assert set(state.recall) == {"image", "text"}
    assert set(state.recall["image"]) == {"image", "text", "words"}
    assert state.remark == ""
    for asked in MAPS:
        for target in MAPS:
            assert recall_of(library, gap_rows(asked, 200, 77), target) >= 0.95, (asked, target)


@pytest.mark.thorough
def test_a_higher_promise_costs_a_wider_search(library: Catalog) -> None:
    manager(library).set(Choice("faiss", {"recall": 0.6}))
    low = described(library)
    manager(library).promise(0.995)
    manager(library).refresh()
    high = described(library)
    assert high.file == low.file  # tuned anew, not built anew
    assert high.tuned["image"].breadth > low.tuned["image"].breadth
    assert high.recall > low.recall


def test_a_promise_that_makes_no_sense_is_refused(library: Catalog) -> None:
    for recall in (0.2, 1.5, float("nan")):
        with pytest.raises(UsageError):
            manager(library).promise(recall)


@pytest.mark.thorough
@pytest.mark.parametrize("n_allowed", [3, 60, 160, 700])
def test_a_filter_never_costs_hits(library: Catalog, n_allowed: int) -> None:
    manager(library).set(Choice("faiss"))
    rng = np.random.default_rng(3)
    allowed = np.sort(rng.choice(6000, n_allowed, replace=False))
    queries = gap_rows(Modality.TEXT, 20, 5)
    with library.read() as snapshot:
        store = registry.open_store(snapshot, 1)
        assert isinstance(store.inner, FaissStore)
        scores, rows = store.search(queries, 10, allowed)
        store.close()
    n = min(10, n_allowed)
    assert (rows[:, :n] >= 0).all()
    assert np.isin(rows[:, :n], allowed).all()
    assert np.isneginf(scores[:, n:]).all()


# ---------------------------------------------------------------- following the catalog


def add(catalog: Catalog, name: str, rows: np.ndarray) -> None:
    with catalog.begin() as writer:
        put(writer, 1, name, rows, Modality.IMAGE)


def best(catalog: Catalog, query: np.ndarray) -> int:
    with catalog.read() as snapshot:
        store = registry.open_store(snapshot, 1)
        _, rows = store.search(query[None], 1)
        store.close()
    return int(rows[0, 0])


def described(catalog: Catalog) -> faiss_file.Description:
    with catalog.read() as snapshot:
        found = read_description(catalog.folder, snapshot.spaces()[0])
    assert found is not None
    return found


@pytest.mark.thorough
def test_new_rows_are_found_before_the_file_has_them_and_after(
    library: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager(library).set(Choice("faiss"))
    new = gap_rows(Modality.IMAGE, 50, 11)
    add(library, "new", new)
    assert described(library).rows == 7500
    assert best(library, new[7]) == 7507
    monkeypatch.setattr(faiss_backend, "LATE_ROWS", 10)
    monkeypatch.setattr(faiss_backend, "LATE_SHARE", 0.0)
    manager(library).refresh()
    assert described(library).rows == 7550
    assert described(library).trained_on == 7500
    assert best(library, new[7]) == 7507
    assert len(list((library.folder / "faiss").iterdir())) == 2


@pytest.mark.thorough
def test_deleted_rows_are_gone_at_once_and_compacting_builds_anew(library: Catalog) -> None:
    manager(library).set(Choice("faiss"))
    texts = gap_rows(Modality.TEXT, 1500, 2)
    assert best(library, texts[3]) == 6003
    with library.begin() as writer:
        writer.delete([1])
    assert best(library, texts[3]) == 6003
    assert best(library, gap_rows(Modality.IMAGE, 6000, 1)[3]) >= 6000
    assert manager(library).compact() == 6000 * DIM * 2
    assert best(library, texts[3]) == 3
    assert described(library).generation == 1


@pytest.mark.thorough
@pytest.mark.parametrize("repaired_by", ["doctor", "refresh"])
@pytest.mark.parametrize(
    "damage",
    [
        *("flipped", "cut", "gone", "description", "other generation"),
        *("pipe", "link", "description is a pipe", "description is a device", "description has no end"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_not_used_and_made_again(
    library: Catalog, damage: str, repaired_by: str
) -> None:
    manager(library).set(Choice("faiss"))
    found = described(library)
    path, told = library.folder / "faiss" / found.file, library.folder / "faiss/1.json"
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 8
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(data[:-1])
    elif damage == "gone":
        path.unlink()
    elif damage == "description":
        told.write_text("{")
    elif damage == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif damage == "link":
        path.rename(library.folder / "elsewhere")
        path.symlink_to(library.folder / "elsewhere")
    elif damage == "description is a pipe":
        told.unlink()
        os.mkfifo(told)
    elif damage == "description is a device":
        told.unlink()
        told.symlink_to("/dev/zero")
    elif damage == "description has no end":
        os.truncate(told, 1 << 40)
    else:
        told.write_text(told.read_text().replace('"generation": 0', '"generation": 5'))
    with library.read() as snapshot:
        store = registry.open_store(snapshot, 1)
        assert store.inner is None
        assert "To build it again: anyseek index" in store.remark
    findings = check_all(library.folder, repair=False)
    assert [finding.code for finding in findings] == ["store-damaged"]
    if repaired_by == "doctor":
        assert check_all(library.folder, repair=True) == []
    else:
        manager(library).refresh()
    with library.read() as snapshot:
        store = registry.open_store(snapshot, 1)
        assert isinstance(store.inner, FaissStore)
        store.close()
    assert check_all(library.folder, repair=False) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value: keys and numbers, from the outside in."""
    yield place
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*place, key))


@pytest.mark.thorough
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(data=st.data(), has_own_crc=st.booleans())
def test_a_damaged_description_never_costs_an_answer(
    library: Catalog, data: st.DataObject, has_own_crc: bool
) -> None:
    path = library.folder / "faiss/1.json"
    if not path.exists():
        manager(library).set(Choice("faiss"))
    whole = path.read_bytes()
    damaged = json.loads(whole)
    place = data.draw(st.sampled_from([place for place in places(damaged) if place != ("own_crc",)]))
    value = data.draw(JSON)
    if not has_own_crc:  # of an older version: only what has the wrong type can be noticed
        del damaged["own_crc"]
        value = [[value]]
    if place:
        inner = damaged
        for key in place[:-1]:
            inner = inner[key]
        assume(inner[place[-1]] != value)
        inner[place[-1]] = value
    else:
        damaged = value
    try:
        path.write_text(json.dumps(damaged))
        query = gap_rows(Modality.TEXT, 3, 11)
        with library.read() as snapshot:
            assert read_description(library.folder, snapshot.spaces()[0]) is None
            store = registry.open_store(snapshot, 1)
            assert np.array_equal(store.search(query, 10)[1], ExactStore(snapshot, 1).search(query, 10)[1])
            assert registry.state(snapshot) is not None
            store.close()
    finally:
        path.write_bytes(whole)


def test_a_description_of_an_older_version_is_read(library: Catalog) -> None:
    manager(library).set(Choice("faiss"))
    path = library.folder / "faiss/1.json"
    old = json.loads(path.read_text())
    del old["own_crc"]
    path.write_text(json.dumps(old))
    assert described(library).rows == 7500


@pytest.mark.thorough
def test_a_reader_goes_on_with_the_file_that_it_opened(library: Catalog) -> None:
    manager(library).set(Choice("faiss"))
    query = gap_rows(Modality.IMAGE, 6000, 1)[5]
    with library.read() as snapshot:
        store = registry.open_store(snapshot, 1)
        manager(library).refresh(anew=True)
        manager(library).set(Choice("exact"))
        assert not list((library.folder / "faiss").iterdir())
        assert store.search(query[None], 1)[1][0, 0] == 5
        store.close()


def test_a_second_writer_is_told_who_writes(library: Catalog) -> None:
    with library.lock("anyseek index"), pytest.raises(IndexLocked, match="anyseek index"):
        manager(library).refresh()


def test_a_small_index_stays_exact_and_imports_no_faiss(library: Catalog) -> None:
    manager(library).refresh()
    state = manager(library).state()
    assert state is not None
    assert state.name == "exact"
    assert not (library.folder / "faiss").exists()
    code = (
        "import sys; from pathlib import Path; from anyseek.catalog.catalog import Catalog\n"
        "from anyseek.stores.registry import open_store\n"
        f"c = Catalog.open(Path({str(library.folder)!r})); s = c.read(); open_store(s, 1)\n"
        "print('faiss' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )


def test_a_large_index_gets_its_file_by_itself(library: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_backend, "EXACT_NUMBERS", 100_000)
    manager(library).refresh()
    state = manager(library).state()
    assert state is not None
    assert (state.name, state.rows, state.of) == ("faiss ivf", 7500, 7500)
    json.dumps(state.recall)


@pytest.mark.thorough
def test_killed_at_any_moment_answers_stay_right(library: Catalog) -> None:
    code = (
        "import sys; from pathlib import Path; import dying, faiss\n"
        "from anyseek.catalog.catalog import Catalog\n"
        "from anyseek.stores.manager import StoreManager; from anyseek.stores.registry import Choice\n"
        "manager = StoreManager(Catalog.open(Path(sys.argv[1])), lambda: None)\n"
        "dying.begin('catalog', 'stores', 'atomic.py')\n"
        "while True:\n"
        "    manager.set(Choice('faiss')); manager.refresh(anew=True)\n"
        "    print('lines', dying.lines(), flush=True)\n"
    )
    command = ["-c", code, str(library.folder)]
    query = gap_rows(Modality.TEXT, 1500, 2)[8]
    round_lines = dying.count(command)
    rng = np.random.default_rng(4)
    for kill in range(6):
        dying.kill(command, int(rng.integers(1, 2 * round_lines)), at_once=kill % 2 == 0)
        assert best(library, query) == 6008
    manager(library).refresh()
    assert best(library, query) == 6008
    assert len(list((library.folder / "faiss").iterdir())) == 2
