"""Repairs (`anyseek doctor --repair`). Nothing is lost that the next `anyseek index` would not make again.

No record of a file goes, nor what people gave it: what is wrong with a file's segments or vectors drops these alone,
and marks the file to be read again. Whatever can fail comes before anything is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from anyseek.catalog import migrations, numbers, other_values, values, vector_repair, word_index
from anyseek.catalog.catalog import Catalog, Writer
from anyseek.catalog.check import check
from anyseek.catalog.database import Database, connect
from anyseek.catalog.failures import LOST, translated
from anyseek.catalog.findings import REBUILD, Check, Finding
from anyseek.catalog.locking import WriterLock
from anyseek.catalog.places import put_missing_roots_right
from anyseek.catalog.rebuild import about, can_be_rebuilt, rebuild
from anyseek.catalog.refill import Refilled
from anyseek.catalog.vector_checks import SHOULD_BE_VISIBLE, unused_vector_files
from anyseek.catalog.vector_damage import is_whole, vector_damage
from anyseek.errors import IndexDamaged

LOG = logging.getLogger(__name__)

_MOST_ROUNDS = 8

_STRUCTURE = {"catalog-damaged", "catalog-gone"}

# Taking the lock, opening the catalog and closing both repairs these.
_REPAIRED_BY_OPENING = {"lock-left", "log-left"}


def repair(
    folder: Path,
    findings: Sequence[Finding],
    *,
    more: Sequence[Check] = (),
    repair_derived: Callable[[Path, Finding], bool] = lambda folder, finding: False,
) -> list[Finding]:
    """Repair what can be, where one of `findings` can; returns what was repaired.

    more: as for `check`. repair_derived: repairs a finding of one of `more` and returns True; False for others.
    Takes the writer lock and checks again first, so that only what is still wrong is touched. What cannot be had again
    of people's tags is a warning in the log.
    Raises IndexLocked, ReadOnlyIndex, DiskFull, IndexDamaged.
    """
    is_wanted = any(finding.is_repairable for finding in findings)
    repaired = [finding for finding in findings if finding.code in _REPAIRED_BY_OPENING]
    with WriterLock(folder, "doctor"):
        # One repair can uncover another fault (a damaged table index hides rows), hence the rounds; and the catalog is
        # made anew once.
        for _ in range(_MOST_ROUNDS):
            wrong = check(folder, is_alone=True, more=more) if is_wanted else []
            is_new = _STRUCTURE.intersection(finding.code for finding in repaired)
            todo = [one for one in wrong if one.is_repairable and not (is_new and one.code in _STRUCTURE)]
            if not todo:
                break
            try:
                for finding in todo:
                    if not repair_derived(folder, finding):
                        _repair(folder, finding)
            except IndexDamaged as error:
                if is_new or not can_be_rebuilt(folder):
                    raise
                # What a repair has to read is damaged itself.
                todo = [Finding("catalog-damaged", error.message, 1, True, REBUILD)]
                _repair(folder, todo[0])
            repaired += todo
    return repaired


def _repair(folder: Path, finding: Finding) -> None:
    if finding.code in _STRUCTURE:
        if lost := rebuild(folder):
            LOG.warning("%s", lost)
        return
    if finding.code in _BY_SQL:
        _run_sql(folder, _BY_SQL[finding.code])
        return
    with Catalog.open(folder) as catalog:
        if finding.code in _BY_FILES:
            _BY_FILES[finding.code](catalog, finding)
            return
        _put_right(catalog, finding)


def _put_right(catalog: Catalog, finding: Finding) -> None:
    with catalog.begin() as writer:
        _put_values_right(writer, finding)
        _count_again(writer.database)


def _read_lost_again(catalog: Catalog, finding: Finding) -> None:
    """Where no file has the vectors that are missing."""
    with catalog.read() as snapshot:
        if vector_repair.adopt(snapshot):
            return
        # First: where no vector can be written, nothing is dropped.
        vector_repair.check_writable(catalog.folder, snapshot.spaces())
    _put_right(catalog, finding)
    vector_repair.count_rows(catalog)


def _count_rows(catalog: Catalog, finding: Finding) -> None:
    vector_repair.count_rows(catalog)


def _delete_unused(catalog: Catalog, finding: Finding) -> None:
    with catalog.read() as snapshot:
        spaces = snapshot.spaces()
        if any(not is_whole(vector_damage(snapshot, one)) for one in spaces):
            return  # what is missing may be in them
    with translated(catalog.folder):
        for path in unused_vector_files(catalog.folder, spaces):
            path.unlink()


_BY_FILES: dict[str, Callable[[Catalog, Finding], None]] = {
    "vectors-cut-off": _read_lost_again,
    "rows-miscounted": _count_rows,
    "unused-files": _delete_unused,
}


def _put_values_right(writer: Writer, finding: Finding) -> None:
    database = writer.database
    if finding.code == "records-damaged":
        values.put_files_right(database, finding.file_ids)
    if finding.code == "hashes-damaged":
        database.run_many("UPDATE files SET content_hash = x'' WHERE file_id = ?", zip(finding.file_ids))
    writer.read_again(finding.file_ids, LOST)
    if finding.code == "segments-damaged":
        values.clear_captions(database, finding.file_ids)
    if finding.code == "orphan-files":
        put_missing_roots_right(database)
    if finding.code == "half-indexed":
        writer.delete(
            number for (number,) in database.run("SELECT file_id FROM files WHERE state = 'partial'")
        )
    if finding.code == "tags-damaged":
        if lost := values.put_tags_right(database):
            LOG.warning("%s", about(Refilled(lost, ())))
        other_values.put_kept_tags_right(database)
    if finding.code == "places-damaged":
        other_values.put_places_right(database)
    if finding.code == "creation-damaged":
        other_values.put_time_of_creation_right(database)
    for name in values.damaged_settings(database) if finding.code == "settings-damaged" else ():
        writer.set_setting(name, None)
    if finding.code == "runs-damaged":
        database.run_many("DELETE FROM runs WHERE run_id = ?", zip(values.damaged_runs(database)))
    _remove_orphans(database)


def _run_sql(folder: Path, statements: Callable[[Database], Iterable[str]]) -> None:
    """In one transaction, without a look at what is damaged."""
    database = connect(folder, writable=True)
    try:
        database.run("BEGIN IMMEDIATE")
        for statement in statements(database):
            database.run(statement)
        database.run("COMMIT")
    finally:
        database.rollback()
        database.close()


def _known_format(database: Database) -> Iterable[str]:
    migrations.put_format_right(database)
    return ()


def _numbers(database: Database) -> Iterable[str]:
    numbers.put_numbers_right(database)
    return ()


_BY_SQL: dict[str, Callable[[Database], Iterable[str]]] = {
    "table-index-damaged": lambda _: ["REINDEX"],
    "words-damaged": word_index.rebuilt,
    "format-damaged": _known_format,
    "numbers-damaged": _numbers,
}


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
