"""Full-text search of names, captions and passages (SQLite FTS5, ranked by BM25): ranked lists of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anyseek import modalities

if TYPE_CHECKING:
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Modality

MOST = 200
"""Files and passages that each list gives at most."""

# Passages ranked by FTS5 alone, before anything is joined: a common word is in most passages of a library. As one
# value: with every row Python's lock is given up and waited for, which is dear where many search at once.
_PASSAGES = (
    "SELECT json_group_array(rowid) FROM"
    f" (SELECT rowid FROM passage_index WHERE passage_index MATCH ? ORDER BY rank LIMIT {5 * MOST})"
)
_ROWS_OF_PASSAGES = (
    "SELECT s.file_id, e.row FROM json_each(?) p CROSS JOIN segments s ON s.segment_id = p.value"
    " CROSS JOIN embeddings e ON e.segment_id = p.value"
)
# Files by their names, with captions counting double.
_NAMES = (
    "SELECT rowid AS file_id, bm25(file_index, 1.0, 2.0) AS rank FROM file_index WHERE file_index MATCH ?"
    f" ORDER BY rank LIMIT {MOST}"
)
# What photo.jpg.txt says is about photo.jpg.
_DESCRIBED = (
    "SELECT described.file_id, p.key AS rank FROM json_each(?) p CROSS JOIN segments s ON s.segment_id = p.value"
    " CROSS JOIN files beside ON beside.file_id = s.file_id CROSS JOIN files described"
    " ON described.root = beside.root AND described.path = substr(beside.path, 1, length(beside.path) - 4)"
    " WHERE lower(CAST(beside.path AS TEXT)) LIKE '%.txt'"
)
_SEARCHABLE = "e.space_id = ? AND e.visible = 1 AND e.modality = ?"


def ranked_rows(snapshot: Snapshot, space_id: int, match: str, modality: Modality) -> list[list[int]]:
    """Rows of one modality whose words match: by passage (texts alone), by name and caption, and by what a text file
    beside them says. Each list is best first, with one row a file and at most MOST.

    match: an expression of FTS5.
    """
    first_row = (
        "SELECT min(e.row) FROM segments s JOIN embeddings e ON e.segment_id = s.segment_id"
        f" WHERE s.file_id = ranked.file_id AND {_SEARCHABLE}"
    )
    of_files = f"SELECT ranked.file_id, ({first_row}) FROM (%s) ranked ORDER BY ranked.rank LIMIT {MOST}"
    place = [space_id, str(modality)]
    (passages,) = snapshot.database.first(_PASSAGES, [match])
    lists = [
        _first_rows(snapshot, of_files % _NAMES, [*place, match]),
        _first_rows(snapshot, of_files % _DESCRIBED, [*place, passages]),
    ]
    if modalities.info(modality).is_text:
        by_passage = f"{_ROWS_OF_PASSAGES} WHERE {_SEARCHABLE} LIMIT {MOST}"
        lists.insert(0, _first_rows(snapshot, by_passage, [passages, *place]))
    return lists


def is_anywhere(snapshot: Snapshot, match: str) -> bool:
    """Whether any passage, name or caption of the index matches. match: an expression of FTS5."""
    return any(
        snapshot.database.first(f"SELECT 1 FROM {index} WHERE {index} MATCH ? LIMIT 1", [match])
        for index in ("passage_index", "file_index")
    )


def _first_rows(snapshot: Snapshot, sql: str, values: Sequence[object]) -> list[int]:
    """The first row of each file, in order."""
    rows: dict[int, int] = {}
    for file_id, row in snapshot.database.rows(sql, values):
        if row is not None:
            rows.setdefault(file_id, row)
    return list(rows.values())
