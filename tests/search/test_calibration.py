"""Match: the same chance means the same number in every modality, and unrelated queries are known as such."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import card, put
from measured import CENTRES, DIM, ask, meanings, measure, rows

from anyseek.catalog.catalog import Catalog
from anyseek.contracts import Hit, Modality, Span
from anyseek.errors import UsageError
from anyseek.options import SearchOptions
from anyseek.search import calibration
from anyseek.search.background import embedded, texts
from anyseek.search.fusion import select


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """800 pictures and 300 sounds, a file each."""
    folder = tmp_path_factory.mktemp("calibrated")
    with Catalog.create(folder / "index", [folder]) as made:
        with made.begin() as writer:
            space = writer.ensure_space(dataclasses.replace(card(dim=DIM), modalities=tuple(CENTRES)))
            for kind, n in ((Modality.IMAGE, 800), (Modality.AUDIO, 300)):
                for i, row in enumerate(rows(kind, meanings(n, 100 + n), n)):
                    put(writer, space, f"{kind}{i:03}", row[None], kind)
        measure(made)
        yield made


# ---------------------------------------------------------------- the formula


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 5), st.floats(0.2, 3), st.integers(0, 99))
def test_the_fit_finds_the_distribution_that_the_tops_came_from(
    place: float, scale: float, seed: int
) -> None:
    tops = np.random.default_rng(seed).gumbel(place, scale, 2000)
    found = calibration.gumbel(tops)
    assert found[0] == pytest.approx(place, abs=0.15 * scale)
    assert found[1] == pytest.approx(scale, rel=0.15)


def test_the_fit_is_not_moved_by_queries_that_have_an_answer() -> None:
    tops = np.random.default_rng(1).gumbel(3, 0.4, 1000)
    with_answers = np.concatenate([tops[:800], np.full(200, 12.0)])
    assert calibration.gumbel(with_answers)[0] == pytest.approx(calibration.gumbel(tops)[0], abs=0.3)


def test_match_is_one_minus_the_chance_of_the_gumbel_distribution() -> None:
    strengths = np.array([-np.log(-np.log(0.5)), -np.log(-np.log(0.9)), 60.0, -60.0])
    pair = calibration.Pair(3.0, 0.5, 100, 0.0, 1.0)
    np.testing.assert_allclose(calibration.match(0.5 * strengths + 3.0, pair), [0.5, 0.9, 1, 0], atol=1e-12)


# ---------------------------------------------------------------- the promise of a false-positive rate


@pytest.mark.thorough
@pytest.mark.parametrize("target", [Modality.IMAGE, Modality.AUDIO])
@pytest.mark.parametrize("least", [0.5, 0.9])
def test_unrelated_queries_pass_as_often_as_was_said(
    catalog: Catalog, target: Modality, least: float
) -> None:
    with catalog.read() as snapshot:
        fresh = rows(Modality.TEXT, meanings(300, 77), 78)
        passed = [bool(ask(snapshot, query, to=str(target), k=10, min_match=least)) for query in fresh]
    assert np.mean(passed) == pytest.approx(1 - least, abs=0.08)


@pytest.mark.parametrize("target", [Modality.IMAGE, Modality.AUDIO])
def test_queries_with_an_answer_pass(catalog: Catalog, target: Modality) -> None:
    n = {Modality.IMAGE: 800, Modality.AUDIO: 300}[target]
    asked = rows(Modality.TEXT, meanings(n, 100 + n)[:60], 9)
    with catalog.read() as snapshot:
        firsts = [ask(snapshot, query, to=str(target), k=1)[0] for query in asked]
    right = [hit for i, hit in enumerate(firsts) if hit.path.endswith(f"{target}{i:03}")]
    assert len(right) > 50
    assert np.mean([hit.match > 0.9 for hit in right if hit.match is not None]) > 0.7


def test_what_most_of_the_library_shows_is_found_and_what_is_not_there_is_not(tmp_path: Path) -> None:
    """Four of five pictures have one meaning: asked for, it is not far above the library's mean, and it is there."""
    dog, *absent = meanings(31, 50)
    shown = np.concatenate([dog + 0.7 * meanings(400, 51), meanings(100, 52)])
    with Catalog.create(tmp_path / "index", [tmp_path]) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(dataclasses.replace(card(dim=DIM), modalities=tuple(CENTRES)))
            for i, row in enumerate(rows(Modality.IMAGE, shown, 53)):
                put(writer, space, f"{i:03}", row[None], Modality.IMAGE)
        measure(catalog)
        with catalog.read() as snapshot:
            (there,) = ask(snapshot, rows(Modality.TEXT, dog[None], 54)[0], to="image", k=1)
            not_there = [
                ask(snapshot, query, to="image", k=1)[0]
                for query in rows(Modality.TEXT, np.array(absent), 55)
            ]
    assert there.match is not None
    assert there.match > 0.9
    assert np.mean([hit.match is not None and hit.match > 0.9 for hit in not_there]) < 0.2


def test_background_queries_are_measured_as_any_other_query_is() -> None:
    """Each against all others: the lifts that the fit sees, by the formula itself."""
    rng = np.random.default_rng(4)
    others, vectors = (rng.normal(size=(n, 8)).astype(np.float32) for n in (40, 60))
    others, vectors = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (others, vectors))
    vectors[3] = others[5]  # itself: no answer to it
    pair = calibration.measured(others, vectors, len(vectors))
    assert pair is not None
    tops = []
    for i, query in enumerate(others):
        rest = calibration.Calibration(
            {}, {(Modality.TEXT, Modality.IMAGE): pair}, np.delete(others, i, 0)[None]
        )
        lift = rest.lift(Modality.TEXT, Modality.IMAGE, vectors @ query, vectors)
        assert lift is not None
        best = np.argsort(-(vectors @ query))
        tops.append(lift[best[1:11] if i == 5 else best[:10]].max())
    assert (pair.place, pair.scale) == pytest.approx(calibration.gumbel(np.array(tops)), abs=1e-3)


# ---------------------------------------------------------------- one list


def test_a_merged_list_begins_with_the_answer_and_holds_both_modalities(catalog: Catalog) -> None:
    kinds = set()
    with catalog.read() as snapshot:
        for i in range(20):
            query = rows(Modality.TEXT, meanings(300, 400)[i : i + 1], 3)[0]  # has a sound, and no picture
            merged = ask(snapshot, query, merge=True)
            assert [hit.rank for hit in merged] == [1, 2, 3, 4, 5]
            assert all(hit.lift is not None for hit in merged)
            for kind in (Modality.IMAGE, Modality.AUDIO):
                scores = [hit.score for hit in merged if hit.modality is kind]
                assert scores == sorted(scores, reverse=True)
            assert merged[0].path.endswith(f"audio{i:03}")
            kinds |= {hit.modality for hit in merged}
    assert kinds == {Modality.IMAGE, Modality.AUDIO}


def test_lift_is_the_inverted_softmax_over_the_background_queries() -> None:
    rng = np.random.default_rng(0)
    bank, vectors, query = (rng.normal(size=(n, 5)).astype(np.float32) for n in (40, 3, 1))
    bank, vectors, query = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (bank, vectors, query))
    bank[7] = vectors[1]  # itself: not counted among the others
    pair = calibration.Pair(0.0, 1.0, 100, 0.1, 0.25)
    known = calibration.Calibration({}, {(Modality.TEXT, Modality.IMAGE): pair}, bank[None])
    found = known.lift(Modality.TEXT, Modality.IMAGE, vectors @ query[0], vectors)
    assert found is not None
    for i, vector in enumerate(vectors):
        odds = [
            np.exp(float(vector @ other) / 0.25) if (i, j) != (1, 7) else 0.0 for j, other in enumerate(bank)
        ]
        assert found[i] == pytest.approx(
            np.log(np.exp(float(vector @ query[0]) / 0.25) / np.mean(odds)), abs=1e-4
        )
    assert known.lift(Modality.AUDIO, Modality.IMAGE, vectors @ query[0], vectors) is None


@pytest.mark.filterwarnings("error")
def test_a_library_of_copies_is_measured_by_words_alone(tmp_path: Path) -> None:
    copies = np.tile(rows(Modality.IMAGE, meanings(1, 3), 3), (60, 1))
    with Catalog.create(tmp_path / "index", [tmp_path]) as made:
        with made.begin() as writer:
            space = writer.ensure_space(dataclasses.replace(card(dim=DIM), modalities=tuple(CENTRES)))
            for i, row in enumerate(copies):
                put(writer, space, f"{i:03}", row[None], Modality.IMAGE)
        measure(made)
        with made.read() as snapshot:
            known = calibration.read(snapshot.folder, snapshot.spaces()[0])
            assert known is not None
            assert (Modality.IMAGE, Modality.IMAGE) not in known.pairs  # nothing there is unrelated
            assert (Modality.TEXT, Modality.IMAGE) in known.pairs
            pair = known.pairs[Modality.TEXT, Modality.IMAGE]
    alone = calibration.Calibration(
        {Modality.IMAGE: copies}, {(Modality.IMAGE, Modality.IMAGE): pair}, known.bank
    )
    lift = alone.lift(Modality.IMAGE, Modality.IMAGE, copies @ copies[0], copies)
    assert lift is not None
    assert np.isfinite(lift).all()
    assert (lift > 0).all()


def test_what_is_near_every_query_comes_after_what_is_near_this_one() -> None:
    """A hub has a high cosine with all; a level that a whole modality has is the same thing."""
    bank = (
        np.stack([[1.0, np.cos(t), np.sin(t)] for t in np.linspace(0, 6.2, 60)]).astype(np.float32) / 2**0.5
    )
    hub, own = np.array([1.0, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    query = np.array([1.0, 0.98, 0], np.float32) / np.linalg.norm([1, 0.98])
    vectors = np.stack([hub, own])
    assert (vectors @ query).argmax() == 0
    pair = calibration.Pair(0.0, 1.0, 100, 0.1, 0.25)
    known = calibration.Calibration({}, {(Modality.TEXT, Modality.IMAGE): pair}, bank[None])
    lift = known.lift(Modality.TEXT, Modality.IMAGE, vectors @ query, vectors)
    assert lift is not None
    assert lift.argmax() == 1


def listed(*told: tuple[Modality, float, float | None]) -> tuple[Hit, ...]:

    return tuple(
        Hit(1, score, modality, str(i), Span(), i, i, "m", "", 0.7, False, lift)
        for i, (modality, score, lift) in enumerate(told)
    )


def test_hits_without_a_lift_come_last_in_a_merged_list() -> None:
    hits = listed(
        (Modality.IMAGE, 0.9, None),
        (Modality.IMAGE, 0.8, None),
        (Modality.AUDIO, 0.2, 3.0),
        (Modality.TEXT, 0.3, 4.0),
    )
    merged = select(hits, SearchOptions.of(k=3, merge=True))
    assert [(hit.rank, hit.path) for hit in merged] == [(1, "3"), (2, "2"), (3, "0")]


def test_a_modality_keeps_its_own_order_which_words_had_a_part_in() -> None:
    hits = listed(
        (Modality.TEXT, 0.1, 1.0),  # has the words, and little lift
        (Modality.TEXT, 0.4, 4.0),
        (Modality.IMAGE, 0.3, 3.0),
        (Modality.IMAGE, 0.2, 0.5),
    )
    merged = select(hits, SearchOptions.of(k=4, merge=True))
    assert [hit.path for hit in merged] == ["0", "1", "2", "3"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Modality.TEXT, Modality.IMAGE]),
            st.floats(-1, 1),
            st.none() | st.floats(-1e4, 1e4),
            st.none() | st.floats(0, 1),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_relevance_falls_along_every_list(facts: list[Any], merge: bool) -> None:
    hits = [
        Hit(1, score, modality, str(i), Span(), i, i, "m", "", match, False, lift)
        for i, (modality, score, lift, match) in enumerate(facts)
    ]
    shown = select(hits, SearchOptions.of(k=99, merge=merge))
    lists = [shown] if merge else [[hit for hit in shown if hit.modality is one] for one in Modality]
    for one in lists:
        numbers = [hit.relevance for hit in one]
        assert numbers == sorted(numbers, reverse=True)


def test_relevance_is_the_match_where_the_order_is_its_own() -> None:
    matches = [0.9, 0.5, 0.1]
    hits = [
        Hit(i, 0.2, Modality.IMAGE, str(i), Span(), i, i, "m", "", match)
        for i, match in enumerate(matches, 1)
    ]
    assert [hit.relevance for hit in select(hits, SearchOptions.of(k=9))] == matches
    worded = [replace(hits[2], rank=1, has_words=True), replace(hits[0], rank=2), replace(hits[1], rank=3)]
    assert [hit.relevance for hit in select(worded, SearchOptions.of(k=9))] == [0.9, 0.9, 0.5]


def test_hits_below_the_least_match_are_left_out() -> None:

    hits = tuple(
        Hit(1, 0.5, Modality.IMAGE, str(i), Span(), i, i, "m", "", match)
        for i, match in enumerate([None, 0.2, 0.7, 0.7])
    )
    assert [hit.path for hit in select(hits, SearchOptions.of(k=9, min_match=0.5))] == [
        "0",
        "2",
        "3",
    ]


def test_a_hit_with_the_words_is_kept_below_the_least_match() -> None:
    hits = [
        Hit(rank, 0.5, Modality.IMAGE, str(rank), Span(), rank, rank, "m", "", 0.1, has_words)
        for rank, has_words in ((1, False), (2, True), (3, False))
    ]
    for merge in (False, True):
        shown = select(hits, SearchOptions.of(k=9, min_match=0.5, merge=merge))
        assert [hit.path for hit in shown] == ["2"]


@pytest.mark.parametrize("merge", [False, True])
def test_after_an_offset_come_the_next_ranks(merge: bool) -> None:
    hits = [
        Hit(rank, 1 - rank / 10, Modality.IMAGE, str(rank), Span(), rank, rank, "m") for rank in range(1, 7)
    ]
    shown = select(hits, SearchOptions.of(k=3, offset=2, merge=merge))[:3]
    assert [(hit.rank, hit.path) for hit in shown] == [(3, "3"), (4, "4"), (5, "5")]


@pytest.mark.parametrize("least", [-0.1, 1.5, float("nan")])
def test_a_match_that_does_not_exist_is_refused(least: float) -> None:
    with pytest.raises(UsageError):
        SearchOptions.of(k=3, min_match=least)


# ---------------------------------------------------------------- kept up to date


def test_without_its_file_hits_have_no_match_and_the_next_run_measures_again(tmp_path: Path) -> None:
    query = rows(Modality.TEXT, meanings(1, 1), 1)[0]
    with Catalog.create(tmp_path / "index", [tmp_path]) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(dataclasses.replace(card(dim=DIM), modalities=tuple(CENTRES)))
            put(writer, space, "few", rows(Modality.IMAGE, meanings(7, 1), 1), Modality.IMAGE)
        measure(catalog)
        path = catalog.folder / "calibration/1.npz"
        assert not path.exists()  # too few to tell
        with catalog.begin() as writer:
            put(writer, space, "more", rows(Modality.IMAGE, meanings(100, 2), 1), Modality.IMAGE)
        for damage in (None, b"", b"PK\x03\x04 no archive"):
            if damage is not None:
                path.write_bytes(damage)
            with catalog.read() as snapshot:
                assert [hit.match for hit in ask(snapshot, query, k=1)] == [None]
            measure(catalog)
            with catalog.read() as snapshot:
                assert ask(snapshot, query, k=1)[0].match is not None


def test_what_an_older_version_measured_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = rows(Modality.TEXT, meanings(1, 1), 1)[0]
    with Catalog.create(tmp_path / "index", [tmp_path]) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(dataclasses.replace(card(dim=DIM), modalities=tuple(CENTRES)))
            put(writer, space, "some", rows(Modality.IMAGE, meanings(100, 2), 1), Modality.IMAGE)
        measure(catalog)
        monkeypatch.setattr(calibration, "_VERSION", 99)
        calibration._read.cache_clear()
        with catalog.read() as snapshot:
            assert ask(snapshot, query, k=1)[0].match is None
            assert not calibration.is_damaged(snapshot.folder, snapshot.spaces()[0])
        measure(catalog)
        with catalog.read() as snapshot:
            assert ask(snapshot, query, k=1)[0].match is not None


def test_it_is_measured_again_when_the_library_has_grown(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "index", [tmp_path]) as catalog:
        stamps = []
        for i, n in enumerate((100, 10, 40)):
            with catalog.begin() as writer:
                space = writer.ensure_space(card(dim=DIM))
                put(writer, space, f"f{i}", rows(Modality.IMAGE, meanings(n, i), i), Modality.IMAGE)
            measure(catalog)
            stamps.append((catalog.folder / "calibration/1.npz").stat().st_mtime_ns)
    assert stamps[0] == stamps[1] < stamps[2]


def test_the_bank_is_varied_and_any_model_with_text_can_embed_it() -> None:
    from fakes import WordEmbedder

    assert len(set(texts())) == len(texts()) >= 500
    vectors = embedded(WordEmbedder())[0]
    assert vectors.shape == (len(texts()), WordEmbedder().card.dim)
    assert embedded(WordEmbedder(modalities=(Modality.IMAGE,))).shape[1] == 0
