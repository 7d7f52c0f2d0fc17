"""Stores that raise whatever they like, or answer too late."""

from __future__ import annotations

import threading
from contextlib import closing
from queue import Queue
from typing import Any

import numpy as np
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
from anyseek.catalog.records import SpaceRecord
from anyseek.catalog.snapshot import Snapshot
from anyseek.contracts import Modality
from anyseek.errors import StoreUnreachable
from anyseek.stores import fallback, registry
from anyseek.stores.fallback import FallbackStore
from anyseek.stores.registry import Choice

pytest.importorskip("faiss")
pytest.importorskip("qdrant_client")
pytest.importorskip("qdrant_edge")


class Panic(BaseException):
    """As Rust's panics come: no Exception."""


Panic.__name__ = "PanicException"

OUTCOMES: dict[str, BaseException] = {
    "error": RuntimeError("no\nstore today"),
    "exit": SystemExit(3),
    "panic": Panic("index out of bounds"),
    "memory": MemoryError(),
    "full disk": OSError(28, "No space left on device"),
    "wrong use": TypeError("search() missing 1 argument"),
}


@pytest.mark.parametrize("where", ["open", "search"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_whatever_a_store_raises_the_search_is_exact(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, outcome: str, where: str
) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    def fail(*arguments: object) -> None:
        raise OUTCOMES[outcome]

    target = toy_store.ToyBackend if where == "open" else toy_store.ToyStore
    monkeypatch.setattr(target, where, fail)
    told = remark(catalog)
    assert "The search was exact instead." in told
    assert "\n" not in told
    assert codes(catalog) == ["store-fails"]


def test_ctrl_c_ends_a_search_in_a_store(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(toy_store.ToyStore, "search", stop)
    with pytest.raises(KeyboardInterrupt):
        remark(catalog)


def test_a_store_that_never_answers_is_closed_when_it_does(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    is_free, is_closed = threading.Event(), threading.Event()
    monkeypatch.setattr(toy_store.ToyBackend, "deadline_s", 0.05)
    monkeypatch.setattr(toy_store.ToyStore, "search", lambda *_: is_free.wait(BRAKE_S))
    monkeypatch.setattr(toy_store.ToyStore, "close", lambda _: is_closed.set())
    with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
        assert (store.search(unit_rows(1, 9, DIM), 5)[1] >= 0).all()
        assert "did not answer within 0.05 seconds" in store.remark
        assert not is_closed.is_set()
        is_free.set()
        assert is_closed.wait(BRAKE_S)


@pytest.mark.parametrize("where", ["open", "search"])
def test_a_late_store_reads_a_snapshot_of_its_own_that_nobody_closes_before_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It reads the catalog while the search goes on, after that has ended, and after the index was closed."""
    manager(catalog).set(Choice("toy"))
    import toy_store

    steps: Queue[str] = Queue()
    reading: Queue[Any] = Queue()
    snapshots: list[Snapshot] = []
    open_toy = toy_store.ToyBackend.open

    def read_late() -> None:
        try:
            for _ in iter(lambda: steps.get(timeout=BRAKE_S), "end"):
                reading.put((snapshots[0].counts_in(1), len(snapshots[0].vectors(1))))
        except BaseException as error:
            reading.put(error)
            raise

    def open_late(self: Any, snapshot: Snapshot, space: SpaceRecord) -> Any:
        snapshots.append(snapshot)
        if where == "open":
            read_late()
        return open_toy(self, snapshot, space)

    def read_meanwhile() -> Any:
        steps.put("read")
        return reading.get(timeout=BRAKE_S)

    is_closed = threading.Event()
    monkeypatch.setattr(toy_store.ToyBackend, "deadline_s", 0.05 if where == "open" else BRAKE_S)
    monkeypatch.setattr(toy_store.ToyBackend, "open", open_late)
    monkeypatch.setattr(toy_store.ToyStore, "close", lambda _: is_closed.set())
    if where == "search":
        monkeypatch.setattr(toy_store.ToyStore, "search", lambda *_: read_late())
    counts = ({Modality.IMAGE: N_PICTURES, Modality.TEXT: N_TEXTS}, N_PICTURES + N_TEXTS)
    with catalog.read() as snapshot:
        with closing(registry.open_store(snapshot, 1)) as store:
            assert ("did not answer" in store.remark) == (where == "open")
            store._deadline_s = 0.05
            assert (store.search(unit_rows(1, 9, DIM), 5)[1] >= 0).all()
            assert "did not answer within 0.05 seconds" in store.remark
            assert snapshots[0].database is not snapshot.database
            assert read_meanwhile() == counts
        assert read_meanwhile() == counts
    assert read_meanwhile() == counts
    catalog.close()
    assert read_meanwhile() == counts
    steps.put("end")
    assert is_closed.wait(BRAKE_S)


def test_a_store_with_a_deadline_is_not_opened_for_an_index_that_changed_meanwhile(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    monkeypatch.setattr(toy_store.ToyBackend, "deadline_s", BRAKE_S)
    with catalog.read() as snapshot:
        with catalog.begin() as writer:
            put(writer, 1, "new", unit_rows(1, 100, DIM))
        with closing(registry.open_store(snapshot, 1)) as store:
            assert store.inner is None
            assert "The index was changed while it was searched." in store.remark
            assert (store.search(unit_rows(1, 9, DIM), 5)[1] < N_PICTURES + N_TEXTS).all()
    assert remark(catalog) == "", "it is not left alone because of that"


class AnswerAtTheDeadline(threading.Event):
    """Of a call that ends at the very moment at which its time is over."""

    def wait(self, timeout: float | None = None) -> bool:
        super().wait(BRAKE_S)
        return False

    def is_set(self) -> bool:
        return super().wait(BRAKE_S)


def test_an_answer_at_the_deadline_is_either_taken_or_late(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[str | None] = []
    threads = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr(fallback.threading, "Event", AnswerAtTheDeadline)
        call = fallback._Call(lambda: "answer", late.append)
    try:
        taken = [call.answer(0.01, "The store")]
    except StoreUnreachable:
        taken = []
    for thread in set(threading.enumerate()) - threads:
        thread.join()
    assert (taken, late) in ((["answer"], []), ([], ["answer"]))


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
def test_the_answer_of_a_call_that_was_interrupted_is_given_back(when: str) -> None:
    is_free = threading.Event()
    late: Queue[str | None] = Queue()
    call = fallback._Call(lambda: "answer" if is_free.wait(BRAKE_S) else None, late.put)
    wait = call._ended.wait

    def interrupted(_: float) -> bool:
        if when == "after the answer":
            is_free.set()
            wait(BRAKE_S)
        raise KeyboardInterrupt

    call._ended.wait = interrupted  # type: ignore[assignment,method-assign]
    with pytest.raises(KeyboardInterrupt):
        call.answer(BRAKE_S, "The store")
    is_free.set()
    assert late.get(timeout=BRAKE_S) == "answer"
    assert call.is_left


def test_what_does_not_find_its_own_vectors_is_seen_by_doctor(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager(catalog).set(Choice("toy"))
    path = catalog.folder / "stores/toy/1.0.npy"
    np.save(path, np.roll(np.load(path), 150, axis=0))
    assert codes(catalog) == ["store-damaged"]
    assert codes(catalog, repair=True) == []


def test_an_unknown_store_or_option_in_the_settings_costs_a_remark(catalog: Catalog) -> None:
    for setting, words in (
        ({"name": "nowhere"}, "is not installed"),
        ({"name": "faiss", "faiss": {"recall": "much"}}, "recall"),
    ):
        with catalog.begin() as writer:
            writer.set_setting("store", setting)
        assert words in remark(catalog)
        assert codes(catalog) == ["store-fails"]


def test_an_exact_store_has_nothing_to_remark(catalog: Catalog) -> None:
    assert (remark(catalog), codes(catalog)) == ("", [])
    with catalog.read() as snapshot:
        assert isinstance(registry.open_store(snapshot, 1), FallbackStore)
