"""Match in libraries of every size and kind: what is told is of the whole library, and always a chance."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import DIM, ask, library, meanings, measure, rows

from anyseek.catalog.catalog import Catalog
from anyseek.contracts import Modality
from anyseek.options import SearchOptions
from anyseek.search import calibration
from anyseek.search.answer import answer
from anyseek.search.background import asked_of, texts
from anyseek.search.embedding import EmbeddedQuery


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """800 pictures."""
    with library(tmp_path_factory.mktemp("measured"), meanings(800, 900)) as made:
        yield made


# ---------------------------------------------------------------- what is told does not depend on what is shown


def test_a_filter_leaves_the_match_of_a_hit_as_it_is(catalog: Catalog) -> None:
    asked = rows(Modality.TEXT, np.concatenate([meanings(800, 900)[:4], meanings(4, 31)]), 9)
    with catalog.read() as snapshot:
        for query in asked:
            for hit in ask(snapshot, query, to="image", k=8):
                name = Path(hit.path).name
                (alone,) = ask(snapshot, query, to="image", where=f'name = "{name}"')
                assert (alone.path, alone.match) == (hit.path, hit.match)


def test_a_filter_leaves_the_order_that_words_had_a_part_in(catalog: Catalog) -> None:
    """Of two pictures the nearer one comes first, though the other one has a word of the query: one of two rows is
    always a deviation above their mean, however little that is."""
    query = rows(Modality.TEXT, meanings(1, 31), 9)[0]
    words = ("700", "trip", "sunset", "hills")
    with catalog.read() as snapshot:
        (space,) = snapshot.spaces()

        def names(**how: str) -> list[str]:
            found = EmbeddedQuery(dict.fromkeys(Modality, query), "", keywords=words)
            shown = answer(snapshot, space, found, SearchOptions.of(to="image", k=800, **how))  # type: ignore[arg-type]
            return [Path(hit.path).name for hit in shown.hits]

        everything = names()
        place = everything.index("700")
        assert 0 < place < len(everything) - 1
        for other in (everything[place - 1], everything[place + 1]):
            pair = [name for name in everything if name in {"700", other}]
            assert names(where=f'name in ("700", "{other}")') == pair


# ---------------------------------------------------------------- libraries of every kind


def test_twenty_pictures_are_enough_to_tell_what_is_there(tmp_path: Path) -> None:
    shown = meanings(20, 60)
    with library(tmp_path, shown) as catalog, catalog.read() as snapshot:
        there, absent = (
            [ask(snapshot, query, to="image", k=10) for query in rows(Modality.TEXT, asked, 9)]
            for asked in (shown, meanings(60, 61))
        )
    best = [[max(hit.match or 0.0 for hit in hits) > 0.9 for hits in lists] for lists in (there, absent)]
    assert np.mean(best[0]) >= 0.75
    assert np.mean(best[1]) <= 0.2


def test_of_recordings_the_sounds_of_the_bank_alone_are_unrelated_queries(tmp_path: Path) -> None:
    """Sounds of the bank come nearer to recordings than its other lines do, so a match says more of them."""
    of_sounds = asked_of(Modality.AUDIO)
    assert "wolves howling" in texts()[of_sounds]
    assert "a platypus" not in texts()[of_sounds]
    assert texts()[asked_of(Modality.IMAGE)] == texts()
    near = meanings(1, 70)
    bank_meanings = meanings(len(texts()), 71)
    bank_meanings[of_sounds] += 0.5 * near
    bank = rows(Modality.TEXT, bank_meanings, 72)
    with library(tmp_path, near + meanings(100, 73), Modality.AUDIO) as catalog, catalog.read() as snapshot:
        (space,) = snapshot.spaces()
        calibration.forget(catalog.folder, space)
        calibration.refresh(snapshot, space, lambda: bank[None])
        known = calibration.read(snapshot.folder, space)
        heard = snapshot.vectors_at(space.space_id, np.arange(100))
    assert known is not None
    pair = known.pairs[Modality.TEXT, Modality.AUDIO]
    of_all = calibration.measured(bank, heard, 100)
    assert of_all is not None
    assert pair.place > of_all.place + 0.5 * of_all.scale


def test_rows_that_were_not_measured_are_reckoned_by_how_the_tops_grow() -> None:
    """Of two thousand rows the tops of sixteen thousand, which resemble each other as pictures of a library do."""
    topics = np.random.default_rng(80).normal(size=(40, DIM))
    own = 0.4 * np.random.default_rng(81).normal(size=(16_000, DIM))
    vectors = rows(Modality.IMAGE, topics[np.arange(16_000) % 40] + own, 82)
    bank = rows(Modality.TEXT, meanings(200, 83), 84)
    part = np.random.default_rng(85).permutation(vectors)[:2000]
    whole, reckoned, of_part = (
        calibration.measured(bank, some, n) for some, n in ((vectors, 16_000), (part, 16_000), (part, 2000))
    )
    assert whole is not None
    assert reckoned is not None
    assert of_part is not None
    assert abs(reckoned.place - whole.place) < 0.25
    assert whole.place > of_part.place
    assert of_part.place + of_part.scale * np.log(8) > whole.place + 0.5  # what independent rows would give


def test_a_change_of_the_bank_comes_with_a_new_version_of_what_is_measured() -> None:
    """Indexes keep the vectors of the bank. Another number here asks for another calibration._VERSION."""
    assert (calibration._VERSION, zlib.crc32("\n".join(texts()).encode())) == (3, 637_244_654)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(30, 45),
    st.integers(8, 40),
    st.integers(1, 4),
    st.integers(0, 10_000),
    st.sampled_from(["distinct", "some copies", "all copies", "of the queries"]),
)
def test_whatever_the_vectors_match_is_a_chance(m: int, n: int, dim: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    others, vectors = (rng.normal(size=(size, dim)).astype(np.float32) for size in (m, n))
    others, vectors = (
        x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6) for x in (others, vectors)
    )
    if kind == "some copies":
        vectors[: n // 2] = vectors[0]
    elif kind == "all copies":
        vectors[:] = vectors[0]
    elif kind == "of the queries":
        vectors = others[rng.integers(0, m, n)]
    pair = calibration.measured(others, vectors, 10 * n)
    if pair is None:
        return
    assert np.isfinite(dataclasses.astuple(pair)).all()
    known = calibration.Calibration({}, {(Modality.TEXT, Modality.IMAGE): pair}, others[None])
    for query in (others[0], vectors[0]):
        scores = vectors @ query
        lift = known.lift(Modality.TEXT, Modality.IMAGE, scores, vectors)
        assert lift is not None
        match = calibration.match(lift, pair)
        assert ((match >= 0) & (match <= 1)).all()
        order = np.argsort(lift)
        assert (np.diff(match[order]) >= 0).all()


@pytest.mark.filterwarnings("error")
def test_damaged_vectors_take_no_part_in_what_is_measured(tmp_path: Path) -> None:
    with library(tmp_path, meanings(100, 90)) as catalog:
        path = catalog.folder / "vectors/1.0.f16"
        stored = np.fromfile(path, np.float16).reshape(-1, DIM)
        stored[7] = np.nan
        stored[8] = np.inf
        stored.tofile(path)
        with catalog.read() as snapshot:
            (space,) = snapshot.spaces()
            calibration.forget(catalog.folder, space)
        measure(catalog)
        with catalog.read() as snapshot:
            known = calibration.read(snapshot.folder, space)
    assert known is not None
    assert set(known.pairs) == {(Modality.TEXT, Modality.IMAGE), (Modality.IMAGE, Modality.IMAGE)}
    assert all(np.isfinite(dataclasses.astuple(pair)).all() for pair in known.pairs.values())
