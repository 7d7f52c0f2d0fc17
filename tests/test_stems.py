"""Stems are those of SQLite's own algorithm of Porter, whatever the word; numbers and names with digits have none."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyseek.stems import is_stemmed, stem

SUFFIXES = (
    "s es ies sses ed eed ing ational tional enci anci izer logi bli alli entli eli ousli ization ation ator alism"
    " iveness fulness ousness aliti iviti biliti icate ative alize iciti ical ful ness al ance ence er ic able ible ant"
    " ement ment ent ion sion tion ou ism ate iti ous ive ize e y l ll"
).split()


@pytest.fixture(scope="module")
def sqlite() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(word, tokenize = 'porter ascii')")
    connection.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(words, 'row')")
    return connection


def stem_by(sqlite: sqlite3.Connection, word: str) -> str:
    sqlite.execute("DELETE FROM words")
    sqlite.execute("INSERT INTO words VALUES (?)", [word])
    (found,) = sqlite.execute("SELECT term FROM stems").fetchone()
    return str(found)


@given(st.builds(lambda start, ends: start + "".join(ends), st.text("abeilnorstvwyz", min_size=1, max_size=7),
                 st.lists(st.sampled_from(SUFFIXES), max_size=3)))  # fmt: skip
@example("photographs")
@example("generalizations")
@example("sky")
@example("happy")
@example("hopping")
@example("falling")
@example("controlling")
@example("rate")
def test_a_stem_is_that_of_sqlite(sqlite: sqlite3.Connection, word: str) -> None:
    assert stem(word) == stem_by(sqlite, word)


@pytest.mark.parametrize(
    "token", ["4711", "1980s", "img4711s", "b2", "as", "狐狸", "größen", "öfens", "x" * 65]
)
def test_numbers_names_with_digits_and_other_scripts_stay_as_they_are(token: str) -> None:
    assert not is_stemmed(token)
    assert stem(token) == token
