"""What a snapshot has of single files beside their records: words, tags, and the counts of a root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseek.catalog.snapshot import Snapshot


def passages(snapshot: Snapshot, segment_ids: Sequence[int]) -> dict[int, str]:
    """The whole texts of those of these segments that are text, by number."""
    texts: dict[int, str] = {}
    for i in range(0, len(segment_ids), 500):
        part = segment_ids[i : i + 500]
        texts.update(
            snapshot.database.rows(
                f"SELECT rowid, text FROM passages WHERE rowid IN ({', '.join('?' * len(part))})", part
            )
        )
    return texts


def caption(snapshot: Snapshot, file_id: int) -> str:
    """What a file says about itself; "" for nothing."""
    row = snapshot.database.first("SELECT caption FROM file_words WHERE rowid = ?", [file_id])
    return str(row[0]) if row else ""


def tags_of(snapshot: Snapshot, file_id: int) -> list[str]:
    """The tags of a file, as they were typed."""
    rows = snapshot.database.rows("SELECT tag FROM tags WHERE file_id = ? ORDER BY folded", [file_id])
    return [tag for (tag,) in rows]


def counts_of_root(snapshot: Snapshot, root: int) -> tuple[int, int, int]:
    """Of one indexed folder: files that were indexed or failed, their segments, and files with tags."""
    files = "FROM files f WHERE f.root = ? AND f.state != 'partial'"
    n_files, n_segments, n_tagged = snapshot.database.first(
        f"SELECT (SELECT count(*) {files} AND (f.modality IS NOT NULL OR f.problem_code IS NOT NULL)),"
        f" (SELECT count(*) FROM segments s WHERE s.file_id IN (SELECT f.file_id {files})),"
        f" (SELECT count(*) {files} AND f.file_id IN (SELECT file_id FROM tags))",
        [root, root, root],
    )
    return n_files, n_segments, n_tagged
