"""What every adapter does: one question to an index, answered with words and facts that a program can hand on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseek import workspace

if TYPE_CHECKING:
    from anyseek.contracts import Hit
    from anyseek.index import Index


@dataclass(frozen=True, slots=True)
class Found:
    """text: the passage, the caption, or what is there and where. facts: JSON values about the hit."""

    text: str
    facts: dict[str, Any]
    hit: Hit


def opened(index: str) -> Index:
    """The index in a folder, or of the folder it lies in. Raises IndexNotFound, IndexDamaged, NewerFormat."""
    is_itself = os.path.isfile(os.path.join(index, workspace.CATALOG_NAME))
    return workspace.open(index=index) if is_itself else workspace.open(index)


def ask(index: Index, words: str, k: int, to: str | None, where: str, min_match: float) -> list[Found]:
    """The best k over all modalities that were asked for, in one list. Raises what `Index.search` raises."""
    is_one = to is not None and "," not in to
    hits = index.search(words, to=to, k=k, where=where, merge=not is_one, min_match=min_match)
    return [_found(index, hit) for hit in hits]


def _found(index: Index, hit: Hit) -> Found:
    path = hit.path.encode("utf-8", "backslashreplace").decode()
    facts = {
        "path": path,
        "modality": str(hit.modality),
        "score": hit.score,
        "match": hit.match,
        "start": hit.span.start,
        "end": hit.span.end,
        "unit": str(hit.span.unit),
        "segment_id": hit.segment_id,
    }
    return Found(index.written(hit.segment_id) or f"{hit.modality}: {os.path.basename(path)}", facts, hit)
