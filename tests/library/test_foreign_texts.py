"""Texts that are not English, and the one line that proposes a model for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from indexes import sql

import anyseek
from anyseek.catalog import database
from anyseek.catalog.catalog import Catalog
from anyseek.library import foreign_texts
from anyseek.library.foreign_texts import is_foreign

FOREIGN = {
    "de": "Der Zug in die Berge fährt um acht Uhr ab, und wir sind nicht vor dem Abend zurück.",
    "fr": "Le loyer de l'appartement est dû le premier de chaque mois et comprend le chauffage.",
    "es": "El tren a las montañas sale a las ocho de la mañana del andén cuatro.",
    "it": "Il treno per le montagne parte alle otto e non ci sono più posti nella carrozza.",
    "pt": "O médico disse que não é grave e que devo tomar um comprimido por dia com água.",
    "nl": "De trein naar de bergen vertrekt om acht uur en het is niet ver naar het station.",
    "pl": "Lekarz powiedział, że nie jest to poważne, ale dwa razy dziennie po posiłku proszę brać tabletkę.",
    "tr": "Tren sabah saat sekizde kalkıyor ve bu akşam için bir oda daha gerekli.",
    "ru": "Врач велел принимать по одной таблетке два раза в день.",
    "zh": "公寓的房租每月一号交，包括暖气费。",
    "ja": "医者は一日二回、食後に飲むように言った。",
    "ar": "قال الطبيب أن أتناول حبة واحدة مرتين يوميًا.",
    "hi": "डॉक्टर ने दिन में दो बार दवा लेने को कहा।",
    "ko": "의사는 하루에 두 번 약을 먹으라고 했다.",
    "el": "Ο γιατρός είπε να παίρνω ένα χάπι δύο φορές την ημέρα.",
}
NOT_FOREIGN = {
    "English": "The doctor said to take one tablet twice a day after meals for a week.",
    "English with names": "The café in Malmö that Zoë and José from São Paulo told us of was closed by then.",
    "a title": "Café de Paris",
    "a name": "Ludwig van Beethoven",
    "numbers": "12,5 3.14 2024-01-01 0x1F 1e-9 100%",
    "formula": "α + β = γ, δ/ε ≤ ζ, ∑ xᵢ² ≤ ∞, 𝑓(𝑥) = ∫ 𝑔 d𝑥",
    "code": "def le(self, la): return self.el[la] if self.el else None  # del self.le\nfor i in range(n): x += 1",
    "a file name": "IMG_2023_de_la_001 (copia).jpg",
    "a table": "id,name,city\n1,Meier,Köln\n2,García,Málaga\n3,Świątek,Łódź",
    "one word": "Hund",
    "emoji": "🎂🎉 👩‍👩‍👧 ❤️",
    "phonetics": "ˈfəʊtəɡrɑːf",
    "nothing": "",
}


@pytest.mark.parametrize("language", FOREIGN)
def test_a_text_of_another_language_is_one(language: str) -> None:
    assert is_foreign(FOREIGN[language]) is True


@pytest.mark.parametrize("kind", NOT_FOREIGN)
@pytest.mark.parametrize("is_query", [False, True])
def test_english_names_numbers_code_and_short_texts_are_not(kind: str, is_query: bool) -> None:
    assert not is_foreign(NOT_FOREIGN[kind], is_query=is_query)


@pytest.mark.parametrize(
    "query",
    [
        "ein Hund im Schnee",
        "un chien dans la neige",
        "un perro en la nieve",
        "собака",
        "雪の犬",
        "كلب في الثلج",
    ],
)
def test_a_query_of_a_few_words_shows_its_language(query: str) -> None:
    assert is_foreign(query, is_query=True)


def test_english_queries_of_everyday_do_not(tmp_path: Path) -> None:
    lines = (Path(anyseek.__file__).parent / "search" / "background.txt").read_text("utf-8").splitlines()
    assert not [line for line in lines if is_foreign(line, is_query=True)]


# ---------------------------------------------------------------- the line


def notes(folder: Path, texts: list[str]) -> Path:
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def filled(folder: Path, texts: list[str]) -> Catalog:
    """An index of `mini` with these passages."""
    with anyseek.create(notes(folder, texts), model="mini") as index:
        index.add(workers=1)
        return Catalog.open(index.folder)


def test_a_few_foreign_texts_among_english_ones_are_no_reason(tmp_path: Path) -> None:
    texts = [NOT_FOREIGN["English"]] * 4 + [FOREIGN["de"], FOREIGN["fr"], FOREIGN["ru"]]
    with filled(tmp_path / "notes", [f"{n}. {text}" for n, text in enumerate(texts)]) as catalog:
        assert foreign_texts.propose_by_texts(catalog) == ""


def test_two_foreign_texts_are_too_few(tmp_path: Path) -> None:
    with filled(tmp_path / "notes", [FOREIGN["de"], FOREIGN["fr"]]) as catalog:
        assert foreign_texts.propose_by_texts(catalog) == ""


def test_an_index_of_another_model_is_left_alone(tmp_path: Path) -> None:
    folder = notes(tmp_path / "notes", [FOREIGN["de"], FOREIGN["fr"], FOREIGN["ru"]])
    with anyseek.create(folder, model="mini-open") as index:
        index.add(workers=1)
        assert index.library.proposal() == ""
        assert index.library.proposal(["ein Hund im Schnee"]) == ""


def test_without_the_package_the_line_begins_with_its_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_texts, "find_spec", lambda name: None)
    with filled(tmp_path / "notes", [FOREIGN["de"], FOREIGN["fr"], FOREIGN["ru"]]) as catalog:
        assert foreign_texts.propose_by_texts(catalog) == (
            "Most texts here are not in English, which mini hardly understands: "
            "pip install 'anyseek[languages]' && anyseek reindex --model mini-languages"
        )
        assert foreign_texts.propose_by_texts(catalog) == ""


def test_a_search_beside_a_writer_neither_waits_nor_proposes(tmp_path: Path) -> None:
    with filled(tmp_path / "notes", [NOT_FOREIGN["English"]]) as catalog:
        with catalog.lock("anyseek index"), Catalog.open(catalog.folder) as other:
            assert foreign_texts.propose_by_query(other, ["ein Hund im Schnee"]) == ""
        assert foreign_texts.propose_by_query(catalog, ["ein Hund im Schnee"])


def test_an_index_that_cannot_be_written_is_no_failure_and_gets_the_line_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled(tmp_path / "notes", [FOREIGN["de"], FOREIGN["fr"], FOREIGN["ru"]]) as catalog:
        monkeypatch.setattr(database, "BUSY_MS", 0)
        with Catalog.open(catalog.folder) as other, other.begin():
            assert foreign_texts.propose_by_texts(catalog) == ""
        assert foreign_texts.propose_by_texts(catalog)


def test_damaged_texts_are_of_no_language(tmp_path: Path) -> None:
    with filled(tmp_path / "notes", [*FOREIGN.values()]) as catalog:
        sql(
            catalog.folder,
            "DROP TRIGGER passages_changed",
            "UPDATE passages SET text = CAST(x'ff41' AS TEXT) WHERE segment_id = 1",
            "UPDATE passages SET text = x'ff41' WHERE segment_id = 2",
        )
        assert foreign_texts.propose_by_texts(catalog)
