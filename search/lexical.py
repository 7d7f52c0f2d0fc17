"""Words beside vectors: file names, captions, sidecar texts and passages that hold what was typed, ranked by BM25.

The ranks of several lists are fused (see fusion). A phrase in quotes has to be there; of other words any may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.catalog.full_text import ranked_rows
from anyseek.search.fusion import reciprocal_rank

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot
    from anyseek.contracts import Modality

# Words that are in most texts and say nothing about a file.
_STOP_WORDS = frozenset(
    "a an and are as at be by for from has in is it its of on or that the there this to was were with".split()
)
_PHRASE = re.compile(r'"([^"]*)"')
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class KeywordQuery:
    """The words of a query, for FTS5. phrases: all have to be there. any_of: one is enough, without phrases."""

    phrases: tuple[str, ...]
    any_of: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.phrases or self.any_of)

    @property
    def expression(self) -> str:
        """For MATCH: every part a quoted string, so that nothing in it is an operator."""
        phrases = [f'"{phrase}"' for phrase in self.phrases]
        loose = " OR ".join(f'"{word}"' for word in self.any_of)
        if not phrases:
            return loose
        return " AND ".join(phrases)


NO_KEYWORDS = KeywordQuery((), ())


def keywords_of(texts: Iterable[str]) -> KeywordQuery:
    """The keywords and quoted phrases in a query's texts; words that say nothing are left out."""
    phrases: list[str] = []
    words: list[str] = []
    for text in texts:
        phrases += [" ".join(_WORD.findall(phrase)) for phrase in _PHRASE.findall(text)]
        words += [word.lower() for word in _WORD.findall(_PHRASE.sub(" ", text))]
    keywords = [word for word in words if word not in _STOP_WORDS]
    return KeywordQuery(tuple(filter(None, phrases)), tuple(dict.fromkeys(keywords)))


def rows(snapshot: Snapshot, space_id: int, query: KeywordQuery, target: Modality) -> list[int]:
    """Rows of one modality whose file or passage has the words, best first, one a file."""
    return reciprocal_rank(ranked_rows(snapshot, space_id, query.expression, target)) if query else []
