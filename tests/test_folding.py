"""One fold for names, folders, tags and words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseek.folding import folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BEACH.JPG", "beach.jpg"),
        ("É", "e\u0301"),
        ("МОСКВА", "москва"),
        ("straße", "STRASSE"),
        ("Ω", "\u2126"),  # the ohm sign
        ("ΌΣΟΣ", "όσος"),
        ("\u1fb3\u0301", "\u1fb4"),
        ("İSTANBUL", "istanbul"),
        ("ISPARTA", "ısparta"),
        ("İsparta", "ısparta"),
        ("I\u0307", "i"),
        ("I\u0307\u0307", "ı"),
        ("I\u0328\u0307", "į"),
        ("ﬁn", "FIN"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_equal_but_for_case_and_composition(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("e", "é"), ("и", "й"), ("1", "¹"), ("a b", "ab")])
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text())
def test_twice_is_once_and_composition_does_not_matter(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text)) == once


@given(st.text("iIıİ\u0307\u0323\u0328e\u0301"))
def test_twice_is_once_of_dots_too(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert folded(unicodedata.normalize("NFD", text)) == once
    assert folded(text.upper()) == once


def test_undecodable_bytes_of_a_name_stay() -> None:
    assert folded("CAF\udce9") == "caf\udce9"
