"""How well a model answers queries in other languages: pictures by everyday queries, and short notes by questions.

    python benchmarks/languages.py --media PACK PACK [--model NAME] [--documents NAME] [--json OUT]

`languages_queries.tsv` has everyday queries in thirteen languages beside English, `languages_notes.tsv` notes and
questions in seven: all translations were written by hand, for this file, and none was ever trained on.

Pictures are those of the packs' `val` split and of the sources held out. Which of them a query means is decided by
their captions and labels: one of these has a word, or its plural, of every group (`right`: groups between `+`).
R@10: how many of the first ten are right, of as many as there could be; the mean over the queries, in percent. Any of
ten: the share of queries with one that is right among the first ten.

Notes: for how many questions of one language the note of its subject is the first of all in another language; and with
the notes of all languages together, how many of the first eight are of the subject (there are eight).
--documents: pictures and notes by this model, as an index that it made holds them.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import Modality
from anyseek.embedders import registry

sys.path.append(str(Path(__file__).resolve().parents[1]))  # training/ is no part of the package
sys.path.append(str(Path(__file__).resolve().parent))
from mini_quality import Model, read_images

from training import data
from training.measure import Floats

HERE = Path(__file__).resolve().parent
K = 10


def rows_of(name: str) -> list[dict[str, str]]:
    """The lines of a table beside this file, by the names in its first line."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def languages_of(rows: Sequence[dict[str, str]]) -> list[str]:
    """English first."""
    return [name for name in rows[0] if len(name) == 2]


def meant(rule: str, records: Sequence[data.Record]) -> npt.NDArray[np.bool_]:
    """Which of the records the query of this rule means, bool (len(records),)."""
    groups = [re.compile(rf"\b({'|'.join(_words(group))})s?\b", re.IGNORECASE) for group in rule.split("+")]
    return np.array(
        [any(all(group.search(text) for group in groups) for text in record.texts) for record in records]
    )


def _words(group: str) -> list[str]:
    two = {"living room": "living.room", "traffic light": "traffic.light"}
    for plain, joined in two.items():
        group = group.replace(plain, joined)
    return [word.replace(".", " ") for word in group.split()]


def recall(scores: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """R@10 and any of ten, as above; scores and right: (queries, pictures)."""
    first = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    hits = np.take_along_axis(right, first, axis=1).sum(1)
    return 100.0 * float((hits / np.minimum(K, right.sum(1))).mean()), 100.0 * float((hits > 0).mean())


def queries(model: Model, texts: Sequence[str]) -> Floats:
    """Unit rows of what is asked."""
    prepare = model.embedder.preparer(Modality.TEXT)
    return model.embedder.embed(Modality.TEXT, [prepare(text) for text in texts], role="query")


def pictures(model: Model, images: Floats, records: Sequence[data.Record]) -> dict[str, Any]:
    """R@10 of every language, and what share that is of English."""
    rows = rows_of("languages_queries.tsv")
    right = np.stack([meant(row["right"], records) for row in rows])
    found = {
        language: recall(queries(model, [row[language] for row in rows]) @ images.T, right)
        for language in languages_of(rows)
    }
    return {
        "pictures": len(records),
        "queries": len(rows),
        "right pictures of a query": [int(right.sum(1).min()), int(np.median(right.sum(1)))],
        "R@10": {language: round(value, 1) for language, (value, _) in found.items()},
        "of English": {
            language: round(100 * value / found["en"][0]) for language, (value, _) in found.items()
        },
        "any of ten": {language: round(value) for language, (_, value) in found.items()},
    }


def notes(model: Model, documents: Model) -> dict[str, Any]:
    """Questions of one language, notes of another, and all together."""
    rows = rows_of("languages_notes.tsv")
    languages = languages_of(rows)
    told, asked = ([row for row in rows if row["part"] == part] for part in ("note", "question"))
    held = {language: documents.texts([row[language] for row in told]) for language in languages}
    given = {language: queries(model, [row[language] for row in asked]) for language in languages}
    every = np.concatenate([held[language] for language in languages])
    subject = np.tile(np.arange(len(told)), len(languages))
    out: dict[str, Any] = {"notes": len(told)}
    for language in languages:
        first = np.argsort(-given[language] @ every.T, axis=1, kind="stable")[:, : len(languages)]
        out[language] = {
            "question to English note": _first(given[language], held["en"]),
            "English question to note": _first(given["en"], held[language]),
            "question to note": _first(given[language], held[language]),
            "among all languages": round(
                100 * float((subject[first] == np.arange(len(told))[:, None]).mean())
            ),
        }
    return out


def _first(asked: Floats, told: Floats) -> int:
    return round(100 * float(((asked @ told.T).argmax(1) == np.arange(len(told))).mean()))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--media", type=Path, nargs="+", required=True, help="packs, larger copies first")
    parser.add_argument("--model", default="mini-languages")
    parser.add_argument("--documents", help="default: the same")
    parser.add_argument("--held-out", nargs="*", default=list(data.HELD_OUT))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    model = Model(registry.load(given.model))
    documents = Model(registry.load(given.documents)) if given.documents else model
    records = [
        record
        for record in data.read_records(given.media, "image")
        if record.split == "val" or record.source in given.held_out
    ]
    images = documents.of(Modality.IMAGE, read_images(records))
    result = {
        "model": model.embedder.card.fingerprint,
        "documents": documents.embedder.card.fingerprint,
        "pictures": pictures(model, images, records),
        "notes": notes(model, documents),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
