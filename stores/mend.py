"""What `anyseek doctor` puts right. Nothing is lost that the next `anyseek index` would not make again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anyseek.stores import faiss_file
from anyseek.stores.catalog import Catalog
from anyseek.stores.check import SHOULD_BE_VISIBLE, Finding, examine, unused_vector_files
from anyseek.stores.database import Database, connect, translated
from anyseek.stores.locking import WriterLock
from anyseek.stores.records import SpaceRecord

# Taking the lock, opening the catalog and letting both go mends these.
_MENDED_BY_LOOKING = {"lock-left", "log-left"}


def examined(folder: Path, *, mend_it: bool) -> list[Finding]:
    """What is wrong with the index in `folder`, whatever its state; with `mend_it`, what still is after mending."""
    findings = examine(folder)
    if mend_it and findings:
        mend(folder, findings)
        return examine(folder)
    return findings


def mend(folder: Path, findings: Sequence[Finding]) -> list[Finding]:
    """Mend what `findings` names, as far as it can be; returns what was mended.

    Takes the writer lock and looks again first, so that only what is still wrong is touched.
    Raises IndexLocked, ReadOnlyIndex, DiskFull, IndexDamaged.
    """
    wanted = {finding.code for finding in findings if finding.mendable}
    mended = [finding for finding in findings if finding.code in _MENDED_BY_LOOKING]
    with WriterLock(folder, "doctor"):
        # Mending one thing can bring another to light (a damaged table index hides rows), hence the rounds.
        for _ in range(3):
            todo = [finding for finding in examine(folder, is_alone=True) if finding.code in wanted]
            if not todo:
                break
            for finding in todo:
                _mend(folder, finding)
            mended += todo
    return mended


def _mend(folder: Path, finding: Finding) -> None:
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
    if finding.code == "store-damaged":
        for space in spaces:
            told = faiss_file.read_description(folder, space)
            if told is not None and not faiss_file.is_whole(folder, told, thorough=True):
                faiss_file.remove(folder, space.space_id)
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
    """Vector files as long as the catalog counts; what is missing is zeros that no segment owns."""
    from anyseek.stores.vectors import VectorAppender, vector_path

    for space in spaces:
        path = vector_path(folder, space.space_id, space.generation)
        appender = VectorAppender(path, space.card.dim, space.rows)
        try:
            appender.lengthen()
        finally:
            appender.close()
