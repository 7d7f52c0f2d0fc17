"""Known answers: the figures are those of a count by hand, and a wrong line is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.errors import QueryFileError
from anyseek.library.evaluation import evaluate, lines, read

pytest.importorskip("ir_measures")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    folder = sample_files.fill(tmp_path_factory.mktemp("judged"))
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


def judged(index: anyseek.Index, name: str, text: str) -> Path:
    path = index.roots()[0] / name
    path.write_text(text)
    return path


def test_recall_and_reciprocal_rank_are_those_counted_by_hand(index: anyseek.Index) -> None:
    file = judged(
        index,
        "judged.tsv",
        "green\tpictures/green.png\nblue\tpictures/red.png\npictures/red.png\tsounds/red.wav\n\n",
    )
    found = {one.direction: one for one in evaluate(index, read(file))}
    assert set(found) == {"text to image", "image to audio"}
    text = found["text to image"]
    blue = [Path(hit.path).name for hit in index.search("blue", to="image", by="vectors")]
    rank = blue.index("red.png") + 1
    assert text.queries == 2
    assert text.values["R@1"][0] == 0.5
    assert text.values["R@5"][0] == 1.0
    assert text.values["RR"][0] == pytest.approx((1 + 1 / rank) / 2, abs=1e-4)
    assert text.values["R@1"][1] <= 0.5 <= text.values["R@1"][2]
    assert found["image to audio"].values["R@1"] == (1.0, 1.0, 1.0)
    assert any(
        line.startswith("text to image, 2 queries: R@1 50.0 (") for line in lines(list(found.values()))
    )


def test_json_lines_say_the_same(index: anyseek.Index) -> None:
    record = {"query": "green", "relevant": ["pictures/green.png", "sounds/green.wav"]}
    found = evaluate(index, read(judged(index, "judged.jsonl", json.dumps(record))))
    assert [(one.direction, one.values["R@1"][0]) for one in found] == [
        ("text to audio", 1.0),
        ("text to image", 1.0),
    ]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.tsv", "", "no queries"),
        ("a.tsv", "green\tpictures/green.png\nonly a query\n", "Line 2"),
        ("a.jsonl", '{"query": "a"}\n', "Line 1"),
        ("a.jsonl", "{\n", "Line 1"),
        ("a.jsonl", '{"query": "a", "relevant": "x", "query": "b"}\n', "Line 1"),
        ("a.tsv", "green\tnowhere.png\n", "nowhere.png is not in the index"),
    ],
)
def test_a_wrong_line_is_named(index: anyseek.Index, name: str, text: str, told: str) -> None:
    with pytest.raises(QueryFileError, match=told):
        evaluate(index, read(judged(index, name, text)))


def test_a_hit_whose_name_is_no_utf_8_is_measured_like_any_other(tmp_path: Path) -> None:
    sample_files.picture(tmp_path / "green.png", "green")
    sample_files.picture(tmp_path / "caf\udce9.png", "red")
    (tmp_path / "judged.tsv").write_text("green\tgreen.png\n")
    record = {"query": "red", "relevant": ["caf\udce9.png"]}
    (tmp_path / "judged.jsonl").write_text(json.dumps(record))
    with anyseek.create(tmp_path, model=WordEmbedder()) as made:
        made.add(workers=1)
        for name in ("judged.tsv", "judged.jsonl"):
            (measured,) = evaluate(made, read(tmp_path / name))
            assert measured.values["R@1"][0] == 1.0
