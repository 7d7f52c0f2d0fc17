"""Words beside vectors: file names, captions, sidecar texts and passages that hold what was typed, ranked by BM25.

The ranks of several lists are fused (see fusion). A phrase in quotes has to be there; of other words any may be. What a
word is in each script: tokens.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from anyseek import tokens
from anyseek.catalog.full_text import is_anywhere, ranked_rows
from anyseek.search.fusion import reciprocal_rank

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot
    from anyseek.contracts import Modality
    from anyseek.search.embedding import EmbeddedQuery

# Words that are in most texts and say nothing about a file.
_STOP_WORDS = frozenset(
    "a an and are as at be by for from has in is it its of on or that the there this to was were with".split()
)
_PHRASE = re.compile(r'"([^"]*)"')
MOST_WORDS = 1000
"""Of one query: an expression of FTS5 has a largest size."""


def keywords_of(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The quoted phrases and the other keywords in a query's texts; words that say nothing are left out."""
    phrases: list[str] = []
    words: list[str] = []
    for text in texts:
        phrases += [phrase for phrase in _PHRASE.findall(text) if tokens.phrase(phrase)]
        words += tokens.keywords(_PHRASE.sub(" ", text))
    keywords = [word for word in dict.fromkeys(words) if word not in _STOP_WORDS]
    return tuple(phrases), tuple(keywords[:MOST_WORDS])


def rows(snapshot: Snapshot, space_id: int, query: EmbeddedQuery, target: Modality) -> list[int]:
    """Rows of one modality whose file or passage has the phrases or keywords, best first, one a file."""
    expression = _match_expression(snapshot, query)
    return reciprocal_rank(ranked_rows(snapshot, space_id, expression, target)) if expression else []


def _match_expression(snapshot: Snapshot, query: EmbeddedQuery) -> str:
    """For MATCH of FTS5: every part a quoted string, so that nothing in it is an operator."""
    if query.phrases:
        return " AND ".join(tokens.phrase(phrase) for phrase in query.phrases)
    return " OR ".join(part for word in query.keywords for part in _expressions(snapshot, word))


def _expressions(snapshot: Snapshot, keyword: str) -> list[str]:
    """A word is looked for as it is; a Chinese or Japanese run that no file has, by its parts."""
    whole = tokens.phrase(keyword)
    parts = tokens.parts_of(keyword)
    if not parts or is_anywhere(snapshot, whole):
        return [whole]
    return [tokens.phrase(part) for part in parts]
