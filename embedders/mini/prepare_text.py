"""Texts, made ready for `mini`'s tower: rows of the vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint
from anyseek.embedders.mini.towers import VOCABULARY
from anyseek.embedders.mini.wordpiece import WordPiece

MOST_TOKENS = 256


@cache
def _word_piece() -> WordPiece:
    return WordPiece(VOCABULARY)


@dataclass(frozen=True, slots=True)
class PrepareText:
    """str -> int64 (tokens,): at most `most_tokens` rows of the vocabulary, the two marks included."""

    most_tokens: int = MOST_TOKENS

    @property
    def hint(self) -> DecodeHint:
        """Passages of some 1,000 characters: below the limit of tokens in ordinary English."""
        return DecodeHint(passage_chars=1_000)

    def __call__(self, data: Any) -> npt.NDArray[np.int64]:
        """See the class."""
        return np.asarray(_word_piece().rows(str(data), self.most_tokens), np.int64)
