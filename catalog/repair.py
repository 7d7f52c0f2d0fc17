"""Repairs (`anyseek doctor --repair`). Nothing is lost that the next `anyseek index` would not make again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import SHOULD_BE_VISIBLE, Check, Finding, check, unused_vector_files
from anyseek.catalog.database import Database, connect
from anyseek.catalog.failures import translated
from anyseek.catalog.locking import WriterLock
from anyseek.catalog.records import SpaceRecord

# Taking the lock, opening the catalog and closing both repairs these.
_REPAIRED_BY_OPENING = {"lock-left", "log-left"}


def repair(
    folder: Path,
    findings: Sequence[Finding],
    *,
    more: Sequence[Check] = (),
    repair_derived: Callable[[Path, Finding], bool] = lambda folder, finding: False,
) -> list[Finding]:
    """Repair what `findings` name, as far as it can be; returns what was repaired.

    more: as for `check`. repair_derived: repairs a finding of one of `more` and returns True; False for others.
    Takes the writer lock and checks again first, so that only what is still wrong is touched.
    Raises IndexLocked, ReadOnlyIndex, DiskFull, IndexDamaged.
    """
    codes = {finding.code for finding in findings if finding.is_repairable}
    repaired = [finding for finding in findings if finding.code in _REPAIRED_BY_OPENING]
    with WriterLock(folder, "doctor"):
        # One repair can uncover another fault (a damaged table index hides rows), hence the rounds.
        for _ in range(3):
            todo = [finding for finding in check(folder, is_alone=True, more=more) if finding.code in codes]
            if not todo:
                break
            for finding in todo:
                if not repair_derived(folder, finding):
                    _repair(folder, finding)
            repaired += todo
    return repaired


def _repair(folder: Path, finding: Finding) -> None:
    if finding.code == "table-index-damaged":
        _rebuild_table_indices(folder)
        return
    with Catalog.open(folder) as catalog:
        with catalog.begin() as writer:
            writer.delete(finding.file_ids)
            _remove_orphans(writer.database)
            _count_again(writer.database)
        with catalog.read() as snapshot:
            spaces = snapshot.spaces()
    if finding.code == "vectors-cut-off":
        _lengthen(folder, spaces)
    if finding.code == "unused-files":
        with translated(folder):
            for path in unused_vector_files(folder, spaces):
                path.unlink()


def _rebuild_table_indices(folder: Path) -> None:
    database = connect(folder, writable=True)
    try:
        database.run("REINDEX")
    finally:
        database.close()


def _remove_orphans(database: Database) -> None:
    database.run("DELETE FROM segments WHERE file_id NOT IN (SELECT file_id FROM files)")
    database.run(
        "DELETE FROM embeddings WHERE segment_id NOT IN (SELECT segment_id FROM segments)"
        " OR space_id NOT IN (SELECT space_id FROM spaces)"
    )


def _count_again(database: Database) -> None:
    database.run(
        f"UPDATE embeddings SET visible = {SHOULD_BE_VISIBLE}, modality = s.modality"
        " FROM segments s JOIN files f ON f.file_id = s.file_id WHERE s.segment_id = embeddings.segment_id"
        f" AND (visible != {SHOULD_BE_VISIBLE} OR embeddings.modality != s.modality)"
    )
    database.run(
        "UPDATE spaces SET live ="
        " (SELECT count(*) FROM embeddings e WHERE e.space_id = spaces.space_id AND e.visible = 1)"
    )


def _lengthen(folder: Path, spaces: Sequence[SpaceRecord]) -> None:
    """Make vector files as long as the catalog counts; what was missing is zeros that no segment owns."""
    from anyseek.catalog.vectors import VectorAppender, vector_path

    for space in spaces:
        path = vector_path(folder, space.space_id, space.generation)
        appender = VectorAppender(path, space.card.dim, space.rows)
        try:
            appender.lengthen()
        finally:
            appender.close()
