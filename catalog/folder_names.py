"""Folders that a query names: what lies in `Norway 2019` is found by "norway 2019", also in "dogs in Norway 2019".

Any other word of a folder's name counts a quarter of one in the file's own (full_text.py): a folder `dog park` says
little about each of its pictures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from anyseek.stems import stem
from anyseek.tokens import STOP_WORDS, name_tokens

if TYPE_CHECKING:
    from anyseek.catalog.database import Database

ONE_WORD = 0.6
"""What a folder counts that is named by one word: many a folder is called by a word that is looked for elsewhere."""

_FOLDERS = (
    "SELECT json_group_array(json_array(w.file_id, rtrim(w.path, replace(w.path, '/', ''))))"
    " FROM json_each(?) n CROSS JOIN file_words w ON w.file_id = n.value"
)


def named_folders(
    database: Database, file_ids: Collection[int], weights: Mapping[frozenset[str], float]
) -> dict[int, float]:
    """Of these files those that lie in folders which the query names as a whole, with the share of the query's weight
    that these names have, at most 1. weights: of the query's words, each by the stems of its tokens."""
    (found,) = database.first(_FOLDERS, [json.dumps(list(file_ids))])
    files: list[tuple[int, str]] = json.loads(found)
    asked = frozenset().union(*weights)
    shares = {folder: _share(folder, asked, weights) for folder in {folder for _, folder in files}}
    return {file_id: shares[folder] for file_id, folder in files if shares[folder]}


def _share(folder: str, asked: frozenset[str], weights: Mapping[frozenset[str], float]) -> float:
    words: set[str] = set()
    for name in folder.split("/"):
        words |= _named(name, asked)
    named = sum(weight for tokens, weight in weights.items() if tokens <= words)
    return (1.0 if len(words) > 1 else ONE_WORD) * named / sum(weights.values())


def _named(name: str, asked: frozenset[str]) -> frozenset[str]:
    """The words of a folder's name, where all of them are among those of the query."""
    words = frozenset(stem(one) for one in name_tokens(name).split() if one not in STOP_WORDS)
    return words if words <= asked else frozenset()


def tokens_of(phrase: str) -> frozenset[str]:
    """The stems of the tokens of the first string in an expression of FTS5."""
    first = re.search('"([^"]*)"', phrase)
    return frozenset(stem(one) for one in first[1].split()) if first else frozenset()
