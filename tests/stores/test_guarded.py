"""Stores of packages that raise errors, answer wrongly, or are no stores at all."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from indexes import new_index, unit_rows

from anyseek import plugins
from anyseek.catalog import derived
from anyseek.catalog.catalog import Catalog
from anyseek.errors import StoreRefused, UsageError
from anyseek.stores import registry
from anyseek.stores.backend import State, StoreBackend
from anyseek.stores.exact import ExactStore
from anyseek.stores.exact_backend import ExactBackend
from anyseek.stores.guarded import CheckedStore, sentence
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice

LABEL = f"The store odd of the package {__name__.partition('.')[0]}"


class OddBackend(StoreBackend[Any]):
    """Exact, but for the method called `failing`, which raises, and what `answers` replaces."""

    failing = ""
    answers: ClassVar[dict[str, Any]] = {}

    def _answer(self, name: str, right: Any) -> Any:
        if self.failing == name:
            raise RuntimeError(f"no {name}\ntoday")
        return self.answers.get(name, right)

    def open(self, snapshot: Any, space: Any) -> Any:
        return self._answer("open", ExactStore(snapshot, space.space_id))

    def state(self, snapshot: Any, space: Any) -> Any:
        return self._answer("state", State("odd", space.rows, space.rows))

    def sync(self, snapshot: Any, space: Any, request: Any) -> None:
        self._answer("sync", None)

    def check(self, snapshot: Any, space: Any) -> Any:
        return self._answer("check", "")

    def remove(self, folder: Path, space: Any) -> None:
        self._answer("remove", None)


def no_store() -> None:
    """An entry point that is not the class of a store."""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    declared = (
        ("odd", f"{__name__}:OddBackend"),
        ("none", f"{__name__}:no_store"),
        ("name", f"{__name__}:OddBackend"),
    )
    monkeypatch.setattr(plugins, "declared", lambda group: declared)
    monkeypatch.setattr(OddBackend, "failing", "")
    monkeypatch.setattr(OddBackend, "answers", {})
    catalog, _ = new_index(tmp_path / "media", files=60)
    with catalog:
        yield catalog


def manager(catalog: Catalog) -> StoreManager:
    return StoreManager(catalog, lambda: unit_rows(20, 5))


def test_what_its_methods_raise_names_it(catalog: Catalog) -> None:
    manager(catalog).set(Choice("odd"))
    with catalog.read() as snapshot:
        space = snapshot.spaces()[0]
        odd = registry.chosen(snapshot, space).backend
        calls = {
            "open": (lambda: odd.open(snapshot, space), "opened"),
            "state": (lambda: odd.state(snapshot, space), "asked for its state"),
            "sync": (lambda: manager(catalog).refresh(), "filled"),
            "check": (lambda: odd.check(snapshot, space), "checked"),
        }
        for name, (call, done) in calls.items():
            OddBackend.failing = name
            with pytest.raises(StoreRefused) as caught:
                call()
            assert (
                caught.value.message == f"{LABEL} failed when it was {done} (RuntimeError: no {name} today)."
            )
        OddBackend.failing = ""
        OddBackend.answers = {"open": 5}
        with pytest.raises(StoreRefused, match="returned int, which cannot search"):
            odd.open(snapshot, space)
        OddBackend.answers = {"state": 5}
        with pytest.raises(StoreRefused, match="returned int as its state"):
            odd.state(snapshot, space)


def test_its_state_costs_no_status(catalog: Catalog) -> None:
    manager(catalog).set(Choice("odd"))
    OddBackend.failing = "state"
    state = manager(catalog).state()
    assert state is not None
    assert (state.name, state.rows, state.of) == ("exact", 60, 60)
    assert state.remark.startswith(f"{LABEL} failed when it was asked for its state")


def test_a_store_that_cannot_be_removed_can_be_left(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    manager(catalog).set(Choice("odd"))
    OddBackend.failing = "remove"
    with caplog.at_level(logging.WARNING, "anyseek"):
        manager(catalog).set(Choice("exact"))
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"{LABEL} failed when it was removed (")
    with catalog.read() as snapshot:
        assert isinstance(registry.chosen(snapshot, snapshot.spaces()[0]).backend, ExactBackend)


def test_what_is_no_store_cannot_be_chosen(catalog: Catalog) -> None:
    with pytest.raises(UsageError) as caught:
        manager(catalog).set(Choice("none"))
    message = f"The store none cannot be loaded ({__name__}:no_store is not a StoreBackend)."
    assert caught.value.message == message


def test_a_store_cannot_be_called_as_the_setting_is(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="The store name cannot be loaded"):
        manager(catalog).set(Choice("name"))
    with catalog.begin() as writer:
        writer.set_setting("store", {"name": {}})
    with catalog.read() as snapshot:
        assert registry.read_choice(snapshot) == Choice()


SCORES, ROWS = np.full((2, 3), 0.5, np.float32), np.array([[0, 2, 4], [4, 2, -1]])
ALLOW = np.array([0, 2, 4, 9])
WRONG = {
    "nothing": None,
    "one row": (SCORES[:1], ROWS[:1]),
    "fewer": (SCORES[:, :2], ROWS[:, :2]),
    "rows that are no numbers": (SCORES, ROWS.astype(np.float32)),
    "not finite": (np.where(ROWS == 4, np.nan, SCORES), ROWS),
    "out of range": (SCORES, np.where(ROWS == 4, 10, ROWS)),
    "not allowed": (SCORES, np.where(ROWS == 4, 3, ROWS)),
    "not allowed, after the last": (SCORES, np.where(ROWS == 4, 9, ROWS)),
}


def checked(answer: Any) -> CheckedStore:
    store: Any = SimpleNamespace(search=lambda queries, k, allow=None: answer)
    return CheckedStore(store, LABEL, rows=10)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_not_used(name: str) -> None:
    with pytest.raises(StoreRefused, match=f"^{LABEL} returned "):
        checked(WRONG[name]).search(unit_rows(2), 3, ALLOW[:3])


class Sized(ExactStore):
    """Exact, and false where a truth value is asked for."""

    def __len__(self) -> int:
        return 0


def test_a_store_of_length_0_is_checked_too(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with catalog.read() as snapshot:
        space = snapshot.spaces()[0]
        monkeypatch.setattr(OddBackend, "answers", {"open": Sized(snapshot, space.space_id)})
        opened = registry.backend(Choice("odd"), space).open(snapshot, space)
        assert isinstance(opened, CheckedStore)


def test_a_right_answer_is_used_as_it_is() -> None:
    empty = np.where(ROWS < 0, -np.inf, SCORES).astype(np.float32)
    for allow in (None, ALLOW):
        scores, rows = checked((empty, ROWS)).search(unit_rows(2), 3, allow)
        assert scores is empty
        assert rows is ROWS
    with pytest.raises(StoreRefused, match="not allowed"):
        checked((empty, ROWS)).search(unit_rows(2), 3, ALLOW[:0])


def test_a_system_that_has_no_more_files_to_give_is_no_fault_of_a_store_or_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"whole")

    def refuse(*_: Any) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(derived, "read_own", refuse)
    with pytest.raises(OSError, match="Too many open files"), sentence("The store toy", "tried"):
        derived.read_file(tmp_path / "file", 10)
