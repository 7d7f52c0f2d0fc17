"""Some of what an index has in words: passages and captions, evenly spread over all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseek.catalog.sql_functions import is_text_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseek.catalog.snapshot import Snapshot


def sampled_texts(snapshot: Snapshot, most: int) -> Iterator[str]:
    """At most so many passages, then as many captions; what damage has made no text is left out."""
    for table, column, number in (("passages", "text", "segment_id"), ("file_words", "caption", "file_id")):
        last = snapshot.database.first(f"SELECT coalesce(max({number}), 0) FROM {table}")[0]
        seen = -1
        for place in range(0, last + 1, last // most + 1):
            row = snapshot.database.first(
                f"SELECT {number}, CASE WHEN {is_text_sql(column)} THEN {column} END FROM {table}"
                f" WHERE {number} >= ? ORDER BY {number} LIMIT 1",
                [max(place, seen + 1)],
            )
            if row is None:
                break
            seen, text = row
            if text:
                yield text
