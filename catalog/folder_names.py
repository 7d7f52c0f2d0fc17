"""Folders that a query names: what lies in `Norway 2019` is found by "norway 2019", also in "dogs in Norway 2019".

Any other word of a folder's name counts a quarter of one in the file's own (full_text.py): a folder `dog park` says
little about each of its pictures.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from anyseek.stems import stem
from anyseek.tokens import STOP_WORDS, parted, word_tokens

if TYPE_CHECKING:
    from anyseek.catalog.database import Database

ONE_WORD = 0.6
"""What a folder counts that is named by one word: many a folder is called by a word that is looked for elsewhere."""

_PATHS = "SELECT file_id, path FROM files WHERE file_id IN (SELECT value FROM json_each(?)) AND typeof(path) = 'blob'"


def named_folders(
    database: Database, file_ids: Collection[int], weights: Mapping[frozenset[str], float]
) -> dict[int, float]:
    """Of these files those that lie in folders which the query names as a whole, with the share of the query's weight
    that these names have, at most 1. weights: of the query's words, each by the stems of its tokens."""
    rows = database.all(_PATHS, [json.dumps(list(file_ids))])
    folders = {file_id: os.path.dirname(os.fsdecode(path)) for file_id, path in rows}
    in_query = frozenset[str]().union(*weights)
    shares = {folder: _share(folder, in_query, weights) for folder in set(folders.values())}
    return {file_id: shares[folder] for file_id, folder in folders.items() if shares[folder]}


def _share(folder: str, in_query: frozenset[str], weights: Mapping[frozenset[str], float]) -> float:
    words: set[str] = set()
    for name in folder.split("/"):
        words |= _named(name, in_query)
    named = sum(weight for tokens, weight in weights.items() if tokens <= words)
    return (1.0 if len(words) > 1 else ONE_WORD) * named / sum(weights.values())


def _named(name: str, in_query: frozenset[str]) -> frozenset[str]:
    """The words of a folder's name, where all of them are among those of the query."""
    for written in (name, parted(name)):
        words = frozenset(stem(one) for one in word_tokens(written).split() if one not in STOP_WORDS)
        if words <= in_query:
            return words
    return frozenset()


def tokens_of(phrase: str) -> frozenset[str]:
    """The stems of the tokens of the first string in an expression of FTS5; without words that say nothing, as in the
    names of folders, where it has others."""
    first = re.search('"([^"]*)"', phrase)
    written = first[1].split() if first else []
    return frozenset(stem(one) for one in [one for one in written if one not in STOP_WORDS] or written)
