"""What every adapter does: one question to an index, answered with words and facts that a program can hand on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek import workspace
from anyseek.catalog.database import has_catalog
from anyseek.errors import UsageError
from anyseek.options import SearchOptions, option_fields
from anyseek.printable import json_path

if TYPE_CHECKING:
    from anyseek.contracts import Hit
    from anyseek.index import Index


@dataclass(frozen=True, slots=True)
class Retrieved:
    """text: the passage, the caption, or what is there and where. facts: JSON values about the hit."""

    text: str
    facts: dict[str, Any]
    hit: Hit


def open_index(folder: str) -> Index:
    """The index in a folder, or of the folder it lies in. Raises IndexNotFound, IndexDamaged, NewerFormat."""
    return workspace.open(index=folder) if has_catalog(Path(folder)) else workspace.open(folder)


def search_options(keywords: Mapping[str, Any]) -> SearchOptions:
    """The options that an adapter was given, None for what was not: one list over all modalities unless `to` names one.

    Raises UsageError, and TypeError for a keyword that is not an option.
    """
    unknown = keywords.keys() - option_fields().keys()
    if unknown:
        raise TypeError(
            f"unexpected keyword argument {min(unknown)!r}: options are {', '.join(option_fields())}"
        )
    given = {name: value for name, value in keywords.items() if value is not None}
    options = SearchOptions.of(**given)
    is_one = options.to is not None and len(options.to) == 1
    return options if "merge" in given else replace(options, merge=not is_one)


def retrieve(index: Index, words: str, options: SearchOptions) -> list[Retrieved]:
    """The best hits. Raises what `Index.search` raises, and UsageError for a least match that cannot be applied."""
    results = index.search(words, options=options)
    if results.unmeasured:
        raise UsageError(
            f"min_match cannot be applied to {' and '.join(results.unmeasured)}: {results.why_unmeasured}.",
            "Leave min_match out; or run `anyseek index`."
            if results.is_unread
            else "Leave min_match out, or index more.",
        )
    return [_retrieved(index, hit) for hit in results]


def _retrieved(index: Index, hit: Hit) -> Retrieved:
    path = json_path(hit.path)
    facts = {
        "path": path,
        "modality": str(hit.modality),
        "score": hit.score,
        "match": hit.match,
        "relevance": hit.relevance,
        "start": hit.span.start,
        "end": hit.span.end,
        "unit": str(hit.span.unit),
        "segment_id": hit.segment_id,
    }
    text = index.text_of(hit.segment_id) or f"{hit.modality}: {os.path.basename(path)}"
    return Retrieved(text, facts, hit)
