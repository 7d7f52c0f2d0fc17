"""The built-in model as shipped: its contract, and that it knows a dog from a guitar."""

from __future__ import annotations

import pickle
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from anyseek.contracts import Embedder, Modality
from anyseek.embedders import registry
from anyseek.embedders.mini import model, towers
from anyseek.embedders.mini.card_writer import current_fingerprint, write_card
from anyseek.errors import ModalityNotSupported, ModelNotFound
from anyseek.indexer.options import IndexOptions

HEADS = towers.WEIGHTS / "mini"
RNG = np.random.default_rng(0)
ITEMS = {
    Modality.TEXT: [
        "",
        "a dog",
        "two dogs running on a beach at sunset",
        "日本",
        "word " * 500,
        "\n",
        "a cat",
        "x" * 2000,
    ],
    Modality.IMAGE: [RNG.integers(0, 256, shape, np.uint8) for shape in [(9, 7, 3), (300, 200, 3), (1, 1, 3)]]
    + [np.zeros((40, 40, 3), np.uint8), np.full((40, 90, 3), 255, np.uint8)],
    Modality.AUDIO: [np.zeros(0, np.float32), np.zeros(320_000, np.float32)]
    + [RNG.uniform(-1, 1, n).astype(np.float32) for n in (1, 1_600, 16_000, 77_777, 320_000)],
    Modality.DEPTH: [np.full((30, 40), np.nan, np.float32), RNG.uniform(0.5, 9, (60, 80)).astype(np.float32)]
    + [np.full((5, 5), value, np.float32) for value in (0.01, 2.0, 1e6)],
}


@pytest.fixture(scope="module")
def mini() -> Embedder:
    return registry.load("mini")


def embed(mini: Embedder, modality: Modality, items: list) -> np.ndarray:
    prepare = mini.preparer(modality)
    return mini.embed(modality, [prepare(item) for item in items])


def test_the_card_tells_the_truth(mini: Embedder) -> None:
    card = mini.card
    assert set(card.modalities) == set(ITEMS)
    assert card.fingerprint == current_fingerprint(HEADS, "mini"), (
        "weights or preparation changed: run the `card` stage"
    )
    files = {path for modality in card.modalities for path in towers.files(HEADS, modality)}
    assert card.size_bytes == sum(path.stat().st_size for path in [*files, towers.VOCABULARY])
    assert card.commercial_use == "no"


def test_the_open_heads_are_a_model_of_their_own_that_may_be_used() -> None:
    card = registry.entry("mini-open").card
    assert set(card.modalities) == set(ITEMS)
    assert card.fingerprint == current_fingerprint(towers.WEIGHTS / "mini-open", "mini-open")
    assert card.commercial_use == "check"


def test_the_package_carries_at_most_60_megabytes_of_weights() -> None:
    assert sum(path.stat().st_size for path in towers.WEIGHTS.rglob("*") if path.is_file()) < 60e6


@pytest.mark.parametrize("modality", ITEMS)
def test_any_item_gives_a_unit_row(mini: Embedder, modality: Modality) -> None:
    rows = embed(mini, modality, ITEMS[modality])
    assert rows.shape == (len(ITEMS[modality]), mini.card.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("modality", ITEMS)
def test_a_row_does_not_depend_on_its_batch(mini: Embedder, modality: Modality) -> None:
    together = embed(mini, modality, ITEMS[modality] * 9)
    for place, item in enumerate(ITEMS[modality]):
        np.testing.assert_allclose(together[place], embed(mini, modality, [item])[0], atol=1e-5)


def test_texts_of_one_call_are_spread_over_the_cores(mini: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = [mini.preparer(Modality.TEXT)(f"{'word ' * n}end") for n in range(IndexOptions().batch)]
    both = threading.Barrier(2, timeout=60)
    run = model.run

    def together(*args: Any) -> Any:
        both.wait()  # broken, after a minute, where one core does everything
        return run(*args)

    expected = mini.embed(Modality.TEXT, prepared)
    spread = model.MiniEmbedder(mini.card, HEADS)
    monkeypatch.setattr(spread, "_cores", 2)
    monkeypatch.setattr(model, "run", together)
    np.testing.assert_allclose(spread.embed(Modality.TEXT, prepared), expected, atol=1e-5)


@pytest.mark.parametrize("modality", ITEMS)
def test_preparers_travel_to_workers(mini: Embedder, modality: Modality) -> None:
    preparer = mini.preparer(modality)
    again = pickle.loads(pickle.dumps(preparer))
    np.testing.assert_array_equal(again(ITEMS[modality][1]), preparer(ITEMS[modality][1]))


def test_no_items_give_no_rows(mini: Embedder) -> None:
    assert mini.embed(Modality.TEXT, []).shape == (0, mini.card.dim)


def test_a_modality_without_a_tower_is_refused(mini: Embedder) -> None:
    with pytest.raises(ModalityNotSupported) as caught:
        mini.preparer(Modality.THERMAL)
    assert "thermal" in caught.value.message
    assert "depth" in caught.value.hint


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("a puppy", "a small dog plays in the grass"),
        ("people dancing at a party", "a crowd moves to the music at a celebration"),
        ("sea", "waves roll onto the sandy shore"),
        ("how to bake bread", "Knead the dough, let it rise for an hour, then put the loaf in a hot oven."),
        ("car trouble", "The engine would not start, so we called a mechanic."),
    ],
)
def test_texts_find_what_means_the_same(mini: Embedder, query: str, right: str) -> None:
    passages = [
        "a small dog plays in the grass",
        "a crowd moves to the music at a celebration",
        "waves roll onto the sandy shore",
        "Knead the dough, let it rise for an hour, then put the loaf in a hot oven.",
        "The engine would not start, so we called a mechanic.",
        "The committee approved the budget for next year.",
        "Prime numbers have exactly two divisors.",
    ]
    scores = embed(mini, Modality.TEXT, passages) @ embed(mini, Modality.TEXT, [query])[0]
    assert passages[int(scores.argmax())] == right


def test_the_order_of_words_counts(mini: Embedder) -> None:
    """An encoder that averages token vectors cannot tell these apart: its cosine would be 1."""
    first, second = embed(mini, Modality.TEXT, ["a dog bites a man", "a man bites a dog"])
    assert first @ second < 0.9999


def test_nonsense_is_near_nothing(mini: Embedder) -> None:
    """A query about nothing here stays below queries that have an answer."""
    library = embed(
        mini, Modality.TEXT, ["a dog in the snow", "a street at night", "a plate of food", "a mountain lake"]
    )
    right = embed(
        mini, Modality.TEXT, ["a puppy in winter", "a road in the dark", "dinner", "water below the peaks"]
    )
    wrong = embed(
        mini,
        Modality.TEXT,
        ["quarterly tax return", "qwx zzkt plorf", "parliamentary procedure", "isotope decay"],
    )
    assert (right @ library.T).max(1).min() > (wrong @ library.T).max(1).max()


def test_towers_trained_elsewhere_are_a_model_of_their_own(tmp_path: Path, mini: Embedder) -> None:
    own = tmp_path / "own"
    shutil.copytree(HEADS, own)
    (own / "depth.onnx").unlink()
    write_card(own, open_only=True)
    found = registry.load(f"mini:{own}")
    assert found.card.name == f"mini:{own}"
    assert Modality.DEPTH not in found.card.modalities
    assert found.card.commercial_use == "check"
    assert found.card.fingerprint != mini.card.fingerprint
    words = [found.preparer(Modality.TEXT)("a dog")]
    assert (found.embed(Modality.TEXT, words) == mini.embed(Modality.TEXT, words)).all()


def test_a_card_that_is_not_of_its_towers_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(HEADS, own)
    (own / "depth.onnx").unlink()
    with pytest.raises(ModelNotFound, match="not the card of the heads"):
        registry.load(f"mini:{own}")


@pytest.mark.parametrize("card", [None, "", "{}", "[1]"])
def test_a_folder_without_a_card_of_towers_is_refused(tmp_path: Path, card: str | None) -> None:
    if card is not None:
        (tmp_path / "card.json").write_text(card)
    with pytest.raises(ModelNotFound, match="card"):
        registry.load(f"mini:{tmp_path}")


def test_threads_that_start_together_open_a_tower_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    really, start = model._session, threading.Barrier(6)

    def counted(path: Path) -> onnxruntime.InferenceSession:
        opened.append(path)
        return really(path)

    monkeypatch.setattr(model, "_session", counted)
    fresh = registry.load("mini")
    words = [fresh.preparer(Modality.TEXT)("a dog on the beach")]

    def one(_: int) -> np.ndarray:
        start.wait()
        return fresh.embed(Modality.TEXT, words)

    with ThreadPoolExecutor(6) as pool:
        rows = list(pool.map(one, range(6)))
    assert sorted(opened) == sorted(towers.files(HEADS, Modality.TEXT))
    assert all((row == rows[0]).all() for row in rows)
