"""WordPiece tokens, as BERT's uncased models cut them; standard library only, so that a cold search starts fast.

Source: Devlin et al. 2019 (BERT), section 3; the greedy longest match is Wu et al. 2016, section 4.1.
Held equal to the `tokenizers` library by a test.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

LONGEST_WORD = 100  # characters; a longer word is unknown as a whole
IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """Text -> rows of the vocabulary.

    vocabulary: a file with a token a line, its row the number of the line from 0; `##` starts a token inside a word.
    [PAD] is row 0; [UNK], [CLS] and [SEP] are anywhere. Raises OSError.
    """

    def __init__(self, vocabulary: Path) -> None:
        tokens = vocabulary.read_text(encoding="utf-8").split("\n")
        self.row = {token: row for row, token in enumerate(tokens) if token}
        self.longest = max(map(len, tokens))
        self.unknown, self.first, self.last = (self.row[mark] for mark in ("[UNK]", "[CLS]", "[SEP]"))

    def rows(self, text: str, most: int) -> list[int]:
        """At most `most` rows, the start and end marks included; an empty text is just the two marks."""
        rows = [self.first]
        for word in text.translate(_PLAIN).split():
            rows += self._pieces(word)
            if len(rows) >= most:
                break
        return [*rows[: most - 1], self.last]

    def _pieces(self, word: str) -> list[int]:
        whole = self.row.get(word)
        if whole is not None:
            return [whole]
        if len(word) > LONGEST_WORD:
            return [self.unknown]
        pieces: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(min(len(word), start + self.longest), start, -1):
                row = self.row.get(mark + word[start:end])
                if row is not None:
                    pieces.append(row)
                    start = end
                    break
            else:
                return [self.unknown]
        return pieces


class _Plain(dict[int, str]):
    """What each character enters the text as, for `str.translate`: lower case without accents; white space is a space;
    punctuation and ideographs are words of their own; controls are nothing. Worked out when first met.
    """

    def __missing__(self, code: int) -> str:
        self[code] = plain = "".join(map(_lowered, _cleaned(chr(code))))
        return plain


_PLAIN = _Plain()


def _cleaned(character: str) -> str:
    """Decomposed; an ideograph between spaces."""
    code = ord(character)
    if character in "\t\n\r":
        return " "
    if code in (0, 0xFFFD) or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if character.isspace():
        return " "
    parts = unicodedata.normalize("NFD", character)
    return f" {parts} " if any(low <= code <= high for low, high in IDEOGRAPHS) else parts


def _lowered(part: str) -> str:
    """One character of a decomposition: nothing for an accent, punctuation between spaces."""
    if unicodedata.category(part) == "Mn":
        return ""
    return "".join(f" {c} " if _is_punctuation(c) else c for c in part.lower())


def _is_punctuation(character: str) -> bool:
    """BERT counts every ASCII symbol as punctuation, `$` and `^` too."""
    is_symbol = (
        character.isascii() and character.isprintable() and not character.isalnum() and character != " "
    )
    return is_symbol or unicodedata.category(character).startswith("P")
