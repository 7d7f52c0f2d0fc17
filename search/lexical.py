"""Words beside vectors: file names, captions, sidecar texts and passages that hold what was typed, ranked by BM25.

The ranks of several lists are fused (see fusion). A phrase in quotes has to be there; of other words any may be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.contracts import Modality
from anyseek.search.fusion import reciprocal_rank

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot

MOST = 200
"""Files and passages that each list gives at most."""

# Passages ranked by FTS5 alone, before anything is joined: a common word is in most passages of a library.
_PASSAGES = f"SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT {5 * MOST}"
_ROWS_OF_PASSAGES = (
    "SELECT s.file_id, e.row FROM json_each(?) p CROSS JOIN segments s ON s.segment_id = p.value"
    " CROSS JOIN embeddings e ON e.segment_id = p.value"
)
# Files by their names, with captions counting double.
_NAMES = (
    "SELECT rowid AS file_id, bm25(file_words, 1.0, 2.0) AS rank FROM file_words WHERE file_words MATCH ?"
    f" ORDER BY rank LIMIT {MOST}"
)
# What photo.jpg.txt says is about photo.jpg.
_PICTURED = (
    "SELECT pictured.file_id, p.key AS rank FROM json_each(?) p CROSS JOIN segments s ON s.segment_id = p.value"
    " CROSS JOIN files beside ON beside.file_id = s.file_id CROSS JOIN files pictured"
    " ON pictured.root = beside.root AND pictured.path = substr(beside.path, 1, length(beside.path) - 4)"
    " WHERE lower(CAST(beside.path AS TEXT)) LIKE '%.txt'"
)

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
    if not query:
        return []
    here = "e.space_id = ? AND e.visible = 1 AND e.modality = ?"
    first_row = (
        "SELECT min(e.row) FROM segments s JOIN embeddings e ON e.segment_id = s.segment_id"
        f" WHERE s.file_id = found.file_id AND {here}"
    )
    of_files = f"SELECT found.file_id, ({first_row}) FROM (%s) found ORDER BY found.rank LIMIT {MOST}"
    place = [space_id, str(target)]
    passages = json.dumps([one for (one,) in snapshot.database.rows(_PASSAGES, [query.expression])])
    lists = [_first(snapshot, of_files % _NAMES, [*place, query.expression])]
    lists.append(_first(snapshot, of_files % _PICTURED, [*place, passages]))
    if target is Modality.TEXT:
        lists.insert(
            0, _first(snapshot, f"{_ROWS_OF_PASSAGES} WHERE {here} LIMIT {MOST}", [passages, *place])
        )
    return reciprocal_rank(lists)


def _first(snapshot: Snapshot, sql: str, values: Sequence[object]) -> list[int]:
    """The first row of each file, in order."""
    found: dict[int, int] = {}
    for file_id, row in snapshot.database.rows(sql, values):
        if row is not None:
            found.setdefault(file_id, row)
    return list(found.values())
