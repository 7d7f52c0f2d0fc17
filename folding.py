"""Caseless text: the one fold by which names, folders, tags and words are compared."""

from __future__ import annotations

import re
import unicodedata

# The i of Turkish, with a dot or without one, small or not: who types on another keyboard has one of each.
_DOTTED = re.compile("i([\u0316-\u0333]*)\u0307+")
_VARIANTS = re.compile("[\ufe00-\ufe0f]")  # selectors: of an emoji in colours, or as a letter


def folded(text: str) -> str:
    """The text without differences of case and of composition: "É", "é" and "e" + U+0301 become the same, and so
    do "I", "i", "İ" and "ı", and an emoji with a variation selector or without one.

    Canonical caseless matching (The Unicode Standard, section 3.13, D145), composed again (NFC). Lone surrogates, which
    stand for undecodable bytes of names, stay. A change of it is a new format of the catalog (catalog/migrations.py).
    """
    if text.isascii():
        return text.lower()
    caseless = unicodedata.normalize("NFD", _VARIANTS.sub("", text)).casefold().replace("\u0131", "i")
    return unicodedata.normalize("NFC", _DOTTED.sub(r"i\1", caseless))
