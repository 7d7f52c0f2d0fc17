"""Our WordPiece against rows that the `tokenizers` library made (golden/make_wordpiece.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyseek.embedders.mini.prepare_text import VOCABULARY
from anyseek.embedders.mini.wordpiece import WordPiece

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("wordpiece.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cutter() -> WordPiece:
    return WordPiece(VOCABULARY)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: repr(case["text"][:20]))
def test_rows_equal_the_library(case: dict, cutter: WordPiece) -> None:
    assert cutter.rows(case["text"], 256) == case["rows"]


def test_the_reference_covers_every_kind_of_text() -> None:
    assert len(GOLDEN) >= 200


def test_the_vocabulary_is_the_whole_one(cutter: WordPiece) -> None:
    assert len(cutter.row) == 30_522
    assert (cutter.row["[PAD]"], cutter.unknown, cutter.first, cutter.last) == (0, 100, 101, 102)
