"""Words beside vectors: names, captions, sidecar texts and passages that hold what was typed, or a word of its stem.

How much of it they hold is added to what the vectors say (see fusion). A phrase in quotes has to be there as it
stands; of other words any may be. What a word is in each script: tokens.py; its stem: stems.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from anyseek import tokens
from anyseek.catalog.full_text import Term, Terms, WordRow, covered_rows, is_anywhere, parts_with
from anyseek.stems import is_stemmed, stem

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot
    from anyseek.contracts import Modality, Rows
    from anyseek.search.embedding import EmbeddedQuery

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
    keywords = [word for word in dict.fromkeys(words) if word not in tokens.STOP_WORDS]
    return tuple(phrases), tuple(keywords[:MOST_WORDS])


def rows(
    snapshot: Snapshot,
    space_id: int,
    query: EmbeddedQuery,
    target: Modality,
    allow: Rows | None = None,
) -> list[WordRow]:
    """Rows of one modality whose file or passage has the phrases or keywords; allow: see `covered_rows`."""
    terms = _terms(snapshot, query)
    return covered_rows(snapshot, space_id, terms, target, allow) if terms.terms else []


def places(snapshot: Snapshot, query: EmbeddedQuery, rows: Iterable[WordRow]) -> dict[int, tuple[str, ...]]:
    """Where in the files of these rows words of the query are: "name", "folder", "caption", "text"."""
    in_text: dict[int, bool] = {}
    by_file: set[int] = set()
    for one in rows:
        in_text[one.file_id] = in_text.get(one.file_id, False) or one.in_text
        if one.in_file:
            by_file.add(one.file_id)
    parts = parts_with(snapshot, _terms(snapshot, query), by_file) if by_file else {}
    return {
        file_id: parts.get(file_id, ()) + (("text",) if is_in else ()) for file_id, is_in in in_text.items()
    }


def _terms(snapshot: Snapshot, query: EmbeddedQuery) -> Terms:
    """Every part a quoted string of FTS5, so that nothing in it is an operator. Phrases have to be there as typed."""
    if query.phrases:
        phrases = dict.fromkeys(tokens.phrase(phrase) for phrase in query.phrases)
        return Terms(tuple(Term(phrase) for phrase in phrases), are_needed=True)
    terms = [term for word in query.keywords for term in _terms_of(snapshot, word)]
    return Terms(tuple(dict.fromkeys(terms)))


def _terms_of(snapshot: Snapshot, keyword: str) -> list[Term]:
    """A word is looked for by its stem; one of parts by these, joined or not; a Chinese or Japanese run that no file
    has, by its parts."""
    whole = tokens.phrase(keyword)
    if "_" in keyword:
        joined = keyword.replace("_", "")
        stems = f'({whole} OR "{stem(joined)}")' if is_stemmed(joined) else ""  # PDFs: pdf
        return [Term(f"({whole} OR {tokens.phrase(joined)})", stems)]
    if is_stemmed(keyword):
        return [Term(whole, f'"{stem(keyword)}"')]
    parts = tokens.parts_of(keyword)
    if not parts or is_anywhere(snapshot, whole):
        return [Term(whole)]
    return [Term(tokens.phrase(part)) for part in parts]
