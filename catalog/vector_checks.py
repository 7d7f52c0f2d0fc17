"""Doctor's checks of vectors: whether each segment has its own, and each model as many as it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from anyseek.catalog.database import VECTOR_FILE
from anyseek.catalog.findings import READ_AGAIN, Finding, about_files
from anyseek.catalog.records import SpaceRecord
from anyseek.catalog.segment_writer import PARTIAL
from anyseek.catalog.snapshot import Snapshot

# A row may be searched when its file has no problem and is not in the middle of being indexed.
SHOULD_BE_VISIBLE = f"(f.problem_code IS NULL AND f.state != '{PARTIAL}')"


def vectors(snapshot: Snapshot) -> Iterator[Finding]:
    """Vectors that are not there, not what was stored, not counted, or of another segment than their own."""
    from anyseek.catalog.vector_damage import misplaced, rows_to_count, vector_damage

    for space in snapshot.spaces():
        found = vector_damage(snapshot, space)
        if found.lost:
            message = f"Files that have vectors in a part of {_name(space)} that is gone: {len(found.lost)}."
            message += f" {found.shortage}" if found.shortage else ""
            yield Finding("vectors-cut-off", message, len(found.lost), True, READ_AGAIN, found.lost)
        elif rows_to_count(snapshot.database, space, found.n_rows) != space.rows:
            message = (
                f"{_name(space)[0].upper()}{_name(space)[1:]} counts {space.rows:,} vectors, which is wrong."
            )
            message += f" {found.shortage}" if found.shortage else ""
            yield Finding("rows-miscounted", message, 1, True, "count again")
        yield from about_files(
            "vectors-damaged",
            f"Files that have a damaged vector in {_name(space)}: {{}}.",
            zip(found.damaged),
        )
        yield from about_files(
            "vectors-misplaced",
            f"Files that have the vectors of others, or several for one segment, in {_name(space)}: {{}}.",
            zip(misplaced(snapshot, space, found.n_rows)),
        )


def unembedded(snapshot: Snapshot) -> Iterator[Finding]:
    """Segments without a vector."""
    yield from about_files(
        "segments-without-vector",
        "Files that have segments without a vector: {}.",
        snapshot.database.rows(
            "SELECT DISTINCT s.file_id FROM segments s LEFT JOIN embeddings e ON e.segment_id = s.segment_id"
            " WHERE e.row IS NULL AND s.file_id IN (SELECT file_id FROM files)"
        ),
    )


def wrong_counts(snapshot: Snapshot) -> Iterator[Finding]:
    """What says of rows, once more, that a search may find them."""
    (wrongly_shown,) = snapshot.database.first(
        "SELECT count(*) FROM embeddings e JOIN segments s ON s.segment_id = e.segment_id"
        f" JOIN files f ON f.file_id = s.file_id WHERE e.visible != {SHOULD_BE_VISIBLE}"
        " OR e.modality != s.modality"
    )
    (miscounted,) = snapshot.database.first(
        "SELECT count(*) FROM spaces WHERE live !="
        " (SELECT count(*) FROM embeddings e WHERE e.space_id = spaces.space_id AND e.visible = 1)"
    )
    if wrongly_shown or miscounted:
        message = (
            f"Rows wrongly shown or hidden: {wrongly_shown}; spaces that miscount their rows: {miscounted}."
        )
        yield Finding("wrong-counts", message, wrongly_shown + miscounted, True, "count again")


def unused_files(snapshot: Snapshot) -> Iterator[Finding]:
    """Vector files that no space has."""
    unused = unused_vector_files(snapshot.folder, snapshot.spaces())
    if unused:
        message = f"Vector files that belong to no space: {len(unused)} ({unused[0].name})."
        yield Finding("unused-files", message, len(unused), True, "delete them")


def unused_vector_files(folder: Path, spaces: Sequence[SpaceRecord]) -> list[Path]:
    """Generations that a compaction left behind: what is named otherwise somebody else may have put there."""
    return [path for path in spare_vector_files(folder, spaces) if re.fullmatch(VECTOR_FILE, path.name)]


def spare_vector_files(folder: Path, spaces: Sequence[SpaceRecord]) -> list[Path]:
    """Files that may hold vectors and are no space's, whatever they are called."""
    used = {f"{space.space_id}.{space.generation}.f16" for space in spaces}
    return sorted(path for path in (folder / "vectors").glob("*.f16") if path.name not in used)


def _name(space: SpaceRecord) -> str:
    return f"the space of {space.card.name}"
