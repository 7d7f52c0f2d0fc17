"""Names and values of any kind can be shown, sent and put into a message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anyseek.printable import json_path, printable, short_repr, typed

any_text = st.text(st.characters())  # lone surrogates too


@given(any_text)
def test_any_text_can_be_shown_and_sent(text: str) -> None:
    assert printable(text).isprintable()
    json_path(text).encode()


def test_a_value_in_a_message_is_short_and_never_an_error() -> None:
    assert short_repr("dog") == "'dog'"
    assert short_repr(10**5000) == short_repr(-(10**5000)) == "<int too long to show>"
    assert short_repr([10**5000]) == "<list too long to show>"
    assert len(short_repr("x" * 10**6)) < 300


def test_what_was_typed_is_utf_8_whatever_the_locale() -> None:
    assert typed("käse →") == "käse →"
    assert typed("bad \udcff") == "bad \ufffd"
    assert typed("lone \ud800") == "lone ?"
