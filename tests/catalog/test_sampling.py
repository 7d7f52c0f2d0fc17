"""Vectors that are not those that were stored do not rank in silence."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from indexes import new_index, put, unit_rows

from anyseek.catalog import sampling
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.sampling import SAMPLE_ROWS, check_sample, damaged_rows, sample
from anyseek.errors import IndexDamaged

N_ROWS = 400


@pytest.fixture(autouse=True)
def all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine looks at as many rows as another."""
    monkeypatch.setattr(sampling, "BUDGET_S", 1e9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    catalog, _ = new_index(tmp_path, 40, segments=10)
    catalog.close()
    return catalog.folder


def foreign(data: bytes) -> bytes:
    return unit_rows(N_ROWS, 77).astype("<f2").tobytes()


def zeroed(data: bytes) -> bytes:
    return bytes(len(data))


def shifted(data: bytes) -> bytes:
    return data[32:] + data[:32]


def half_zeroed(data: bytes) -> bytes:
    return data[: len(data) // 4] + bytes(len(data) - len(data) // 4)


def changed(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = folder / "vectors/1.0.f16"
    path.write_bytes(change(path.read_bytes()))


def test_whole_vectors_pass(folder: Path) -> None:
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        (space,) = snapshot.spaces()
        found = sample(snapshot, space, random.Random(1))
        assert (found.n_rows > 0, found.n_damaged) == (True, 0)
        assert check_sample(snapshot, space) == ""


def test_a_vector_file_that_was_put_back_is_looked_at_again(folder: Path) -> None:
    whole = (folder / "vectors/1.0.f16").read_bytes()
    with Catalog.open(folder) as catalog:
        for data, is_whole in ((whole, True), (whole[:-3200] + bytes(3200), False), (whole, True)):
            (folder / "vectors/other").write_bytes(data)
            (folder / "vectors/other").rename(folder / "vectors/1.0.f16")
            with catalog.read() as snapshot:
                assert (check_sample(snapshot, snapshot.spaces()[0]) == "") is is_whole


@pytest.mark.parametrize("change", [foreign, zeroed, shifted, half_zeroed])
def test_another_vector_file_is_noticed_before_it_ranks(
    folder: Path, change: Callable[[bytes], bytes]
) -> None:
    changed(folder, change)
    with Catalog.open(folder) as catalog:
        for _ in range(2):  # the second search is no better than the first
            with catalog.read() as snapshot, pytest.raises(IndexDamaged, match="not those that were stored"):
                check_sample(snapshot, snapshot.spaces()[0])


def test_a_few_damaged_vectors_are_a_remark_on_each_search_and_looked_for_once_a_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(folder, lambda data: bytes(len(data) // 5) + data[len(data) // 5 :])
    looks: list[int] = []
    original = sampling.sample
    monkeypatch.setattr(
        sampling, "sample", lambda snapshot, space: looks.append(1) or original(snapshot, space)
    )

    def remark() -> str:
        with catalog.read() as snapshot:
            return check_sample(snapshot, snapshot.spaces()[0])

    with Catalog.open(folder) as catalog:
        for _ in range(3):
            assert "anyseek doctor --repair" in remark()
        assert len(looks) == 1
        with catalog.begin() as writer:
            writer.delete([1])
        remark()
        assert len(looks) == 2


def test_rows_that_nobody_owns_are_not_looked_at(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        with catalog.begin() as writer:
            writer.delete(range(1, 41))
            put(writer, 1, "last", unit_rows(1))
        changed(folder, lambda data: bytes(32 * N_ROWS) + data[32 * N_ROWS :])
        with catalog.read() as snapshot:
            found = sample(snapshot, snapshot.spaces()[0], random.Random(1))
            assert (found.n_rows > 0, found.n_damaged) == (True, 0)


def test_a_sample_is_bounded(folder: Path) -> None:
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        assert sample(snapshot, snapshot.spaces()[0]).n_rows <= SAMPLE_ROWS


def test_the_rows_that_answer_are_compared(folder: Path) -> None:
    values = np.fromfile(folder / "vectors/1.0.f16", np.uint16).reshape(N_ROWS, 16)
    values[[7, 300], 3] ^= 1
    values.tofile(folder / "vectors/1.0.f16")
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        assert damaged_rows(snapshot, 1, range(N_ROWS)) == {7, 300}
        assert damaged_rows(snapshot, 1, []) == set()


def test_a_vector_file_that_is_cut_off_is_damage(folder: Path) -> None:
    os.truncate(folder / "vectors/1.0.f16", 100)
    with (
        Catalog.open(folder) as catalog,
        catalog.read() as snapshot,
        pytest.raises(IndexDamaged, match="cut off"),
    ):
        check_sample(snapshot, snapshot.spaces()[0])


@pytest.mark.parametrize("seed", range(20))
def test_one_damaged_row_is_never_most_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Also where the time is used up at once, whichever row luck hits first."""
    monkeypatch.setattr(sampling, "BUDGET_S", 0)
    monkeypatch.setattr(sampling.random, "Random", lambda: luck(seed))
    catalog, _ = new_index(tmp_path / "small", 13)
    values = np.fromfile(catalog.folder / "vectors/1.0.f16", np.uint16).reshape(13, 16)
    values[4, 3] ^= 1
    values.tofile(catalog.folder / "vectors/1.0.f16")
    with catalog, catalog.read() as snapshot:
        check_sample(snapshot, snapshot.spaces()[0])
        damaged = sample(snapshot, snapshot.spaces()[0], Only(4))
        assert (damaged.n_rows, damaged.n_damaged) == (8, 1)


luck = random.Random


class Only(random.Random):
    """Luck that hits one row for ever."""

    def __init__(self, row: int) -> None:
        super().__init__(0)
        self._row = row

    def randrange(self, *args: int) -> int:  # type: ignore[override]
        return self._row


def test_most_of_few_rows_is_damage_however_little_time_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "BUDGET_S", 0)
    catalog, _ = new_index(tmp_path / "small", 3)
    path = catalog.folder / "vectors/1.0.f16"
    path.write_bytes(bytes(len(path.read_bytes())))
    with (
        catalog,
        catalog.read() as snapshot,
        pytest.raises(IndexDamaged, match="of 3 that were looked at, 3"),
    ):
        check_sample(snapshot, snapshot.spaces()[0])


def test_a_sample_that_failed_is_taken_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(folder, lambda data: bytes(len(data) // 5) + data[len(data) // 5 :])
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        space = snapshot.spaces()[0]
        with monkeypatch.context() as patch:
            patch.setattr(type(snapshot), "row_bytes", refused)
            with pytest.raises(OSError, match="refused"):
                check_sample(snapshot, space)
        assert check_sample(snapshot, space)


def refused(*_: object) -> bytes:
    raise OSError("refused")
