"""Caseless text: the one fold by which names, folders, tags and words are compared."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """The text without differences of case and of composition: "É", "é" and "e" + U+0301 become the same.

    Canonical caseless matching (The Unicode Standard, section 3.13, D145), composed again (NFC). Lone surrogates, which
    stand for undecodable bytes of names, stay.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
