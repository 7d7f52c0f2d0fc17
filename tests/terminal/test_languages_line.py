"""The one line that proposes `mini-languages`: shown once, to people, by `anyseek index` and `anyseek search`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ran import Ran

Run = Callable[..., Ran]

ENGLISH = "The doctor said to take one tablet twice a day after meals for a week."
FOREIGN = [
    "Der Zug in die Berge fährt um acht Uhr ab, und wir sind nicht vor dem Abend zurück.",
    "Le loyer de l'appartement est dû le premier de chaque mois et comprend le chauffage.",
    "Врач велел принимать по одной таблетке два раза в день.",
]


def notes(folder: Path, texts: list[str]) -> Path:
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def test_index_proposes_the_model_once(tmp_path: Path, shell: Run) -> None:
    folder = notes(tmp_path / "notes", [*FOREIGN, ENGLISH])
    first = shell("index", folder, "--workers", "1")
    said = [line for line in first.err.splitlines() if "mini-languages" in line]
    assert said == [
        "Most texts here are not in English, which mini hardly understands: anyseek reindex --model mini-languages"
    ]
    (folder / "more.txt").write_text(FOREIGN[0] + " Es regnet.")
    assert "mini-languages" not in shell("index", folder, "--workers", "1").err
    assert "mini-languages" not in shell("search", "ein Hund im Schnee", cwd=folder).err


def test_neither_quiet_nor_json_nor_a_dry_run_says_or_uses_it_up(tmp_path: Path, shell: Run) -> None:
    folder = notes(tmp_path / "notes", FOREIGN)
    for option in ("--quiet", "--json", "--dry-run"):
        ran = shell("index", folder, "--workers", "1", option)
        assert "mini-languages" not in ran.out + ran.err
    assert "mini-languages" in shell("index", folder).err


def test_search_proposes_it_once_for_words_of_another_language(tmp_path: Path, shell: Run) -> None:
    folder = notes(tmp_path / "notes", [ENGLISH])
    assert "mini-languages" not in shell("index", folder, "--workers", "1").err
    assert "mini-languages" not in shell("search", "a dog in the snow", cwd=folder).err
    assert "mini-languages" not in shell("search", "ein Hund im Schnee", "--json", cwd=folder).err
    first = shell("search", "ein Hund im Schnee", cwd=folder)
    assert "These words are not English" in first.err
    assert "anyseek reindex --model mini-languages" in first.err
    assert "mini-languages" not in shell("search", "un chien dans la neige", cwd=folder).err
