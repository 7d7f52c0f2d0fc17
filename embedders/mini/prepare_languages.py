"""Texts, made ready for the body of `mini-languages`, which has a tokenizer of its own."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from anyseek.contracts import DecodeHint

MOST_CHARACTERS = 1_200  # some 300 tokens of English; a passage of `hint` is whole


@dataclass(frozen=True, slots=True)
class PrepareLanguages:
    """str -> str: NFKC, as the tokenizer was trained, without control characters, blanks in a row, and what is beyond
    `most_characters`.

    The body's own normalisation knows no combined characters, and its memory no U+FDFA, which stands for eighteen.
    """

    most_characters: int = MOST_CHARACTERS

    @property
    def hint(self) -> DecodeHint:
        """Passages as `mini` takes them."""
        return DecodeHint(passage_chars=1_000)

    def __call__(self, data: Any) -> str:
        """See the class."""
        text = unicodedata.normalize("NFKC", str(data))
        clean = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
        return " ".join(clean.split())[: self.most_characters].rstrip()
