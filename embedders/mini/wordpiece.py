"""WordPiece tokens, as BERT's uncased models cut them; standard library only, so that a cold search starts fast.

Source: Devlin et al. 2019 (BERT), section 3; the greedy longest match is Wu et al. 2016, section 4.1.
Held equal to the `tokenizers` library by a test.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

PAD, UNKNOWN, FIRST, LAST = 0, 1, 2, 3  # rows of the four special tokens in the vocabulary
LONGEST_WORD = 100  # characters; a longer word is unknown as a whole


class WordPiece:
    """Text -> rows of the vocabulary. `vocabulary`: a token a line, the four special ones first, `##` inside words."""

    def __init__(self, vocabulary: Path) -> None:
        tokens = vocabulary.read_text(encoding="utf-8").split("\n")
        self.row = {token: row for row, token in enumerate(tokens) if token}

    def rows(self, text: str, most: int) -> list[int]:
        """At most `most` rows, the start and end marks included; an empty text is just the two marks."""
        rows = [FIRST]
        for word in _words(text[: 16 * most]):  # no token is longer than 16 characters on average
            rows += self._pieces(word)
            if len(rows) >= most:
                break
        return [*rows[: most - 1], LAST]

    def _pieces(self, word: str) -> list[int]:
        whole = self.row.get(word)
        if whole is not None:
            return [whole]
        if len(word) > LONGEST_WORD:
            return [UNKNOWN]
        pieces: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                row = self.row.get(mark + word[start:end])
                if row is not None:
                    pieces.append(row)
                    start = end
                    break
            else:
                return [UNKNOWN]
        return pieces


def _words(text: str) -> list[str]:
    """Lower case without accents, split at white space; punctuation and ideographs are words of their own."""
    if not text.isascii():
        text = "".join(_plain(c) for c in unicodedata.normalize("NFD", text.lower()))
    spaced = "".join(_separated(c) for c in text.lower())
    return spaced.split()


def _plain(character: str) -> str:
    return "" if unicodedata.category(character) == "Mn" else character


def _separated(character: str) -> str:
    """The character as it enters the text: dropped, a space, itself, or itself between spaces."""
    if character.isalnum() and character.isascii():
        return character
    if character.isspace():
        return " "
    code = ord(character)
    if code == 0 or code == 0xFFFD or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if _is_punctuation(character, code) or _is_ideograph(code):
        return f" {character} "
    return character


def _is_punctuation(character: str, code: int) -> bool:
    """BERT counts every ASCII symbol as punctuation, `$` and `^` too."""
    ascii_symbol = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_symbol or unicodedata.category(character).startswith("P")


def _is_ideograph(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2FA1F
    )
