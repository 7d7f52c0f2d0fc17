"""Whether the parts of an index can be trusted and agree (`anyseek doctor`). Changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from anyseek import modalities
from anyseek.catalog import migrations
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.database import CATALOG_NAME, Database, connect, files_of, what_is_lost
from anyseek.catalog.failures import translated
from anyseek.catalog.findings import REBUILD, Check, Finding, about_files
from anyseek.catalog.locking import is_locked, read_holder, what_is_not_a_lock
from anyseek.catalog.moved_catalog import where_catalog_lies
from anyseek.catalog.numbers import damaged_numbers
from anyseek.catalog.schema import FORMAT
from anyseek.catalog.segment_writer import PARTIAL
from anyseek.catalog.snapshot import Snapshot
from anyseek.catalog.space_records import is_of_missing_package, space_rows
from anyseek.catalog.vector_checks import unembedded, unused_files, vectors, wrong_counts
from anyseek.errors import IndexDamaged, IndexLocked, MissingExtra, NewerFormat, ReadOnlyIndex
from anyseek.opening import what_is_not_a_file
from anyseek.printable import printable
from anyseek.system_errors import as_anyseek, is_absent

_OF_MADE_INDEX = re.compile(r" index (segments|embeddings)_\w+$")


def check(folder: Path, *, is_alone: bool | None = None, more: Sequence[Check] = ()) -> list[Finding]:
    """What is wrong with the index, worst first; [] for a healthy one. Readers and writers may go on.

    more: checks of what is derived from the catalog. is_alone: whether the caller knows that nobody else writes (it
    holds the lock); None to find out. While there is a writer, what it may be in the middle of is not a finding.
    Reads every vector, and takes every text apart: a minute for a million. Raises IndexNotFound, NewerFormat;
    MissingExtra for a modality whose package is gone; ReadOnlyIndex, DiskFailed and SystemRefused where something
    cannot be read, which says nothing about what is stored. Damage is a finding.
    """
    from anyseek.catalog.other_values import unlike_words

    modalities.load_plugins()  # their names are no damage
    has_lock = is_alone is True
    if is_alone is None:
        is_alone = not is_locked(folder)
    # Opening the catalog already tidies the log, so this is looked at first.
    left_over = [*_not_a_lock(folder), *(_left_over(folder) if is_alone else [])]
    if in_the_way := list(_not_files(folder)):
        return [*in_the_way, *left_over]
    try:
        if has_lock:
            migrations.check_is_current(folder)
        with Catalog.open(folder) as catalog, catalog.read() as snapshot:
            damage = _catalog_damage(snapshot.database)
            if damage:
                return [damage, *left_over]
            checks = [*_CHECKS, *more, *(_CHECKS_ALONE if is_alone else [])]
            findings = _all(snapshot, checks)
            words = unlike_words(snapshot.database)
            numbers = [*_numbers(snapshot.database)]
        words += _unreadable_words(folder) if is_alone else []
        # First what every other repair needs: numbers to write with, and whole words where a segment is to be dropped.
        return [*numbers, *_about_words(words), *findings, *left_over]
    except NewerFormat:
        raise
    except IndexDamaged as error:
        return [_unopened(folder, error), *left_over]


def _unopened(folder: Path, error: IndexDamaged) -> Finding:
    from anyseek.catalog.rebuild import can_be_rebuilt

    if lies := where_catalog_lies(folder):
        message = (
            f"The catalog of {printable(str(folder))} is not in its place: {printable(lies)} is a catalog."
        )
        return Finding(
            "catalog-moved", message, 1, False, f"exchange the names of {printable(lies)} and {CATALOG_NAME}"
        )
    if what_is_lost(folder) is not None:
        instead = f"if there is a backup, put {CATALOG_NAME} back from it"
        return Finding("catalog-gone", error.message, 1, True, "start anew", instead=instead)
    with suppress(IndexDamaged):
        if migrations.has_lost_its_format(folder):
            remedy = f"take it for format {FORMAT}, whose tables it has"
            return Finding("format-damaged", error.message, 1, True, remedy)
    if can_be_rebuilt(folder):
        return Finding("catalog-damaged", error.message, 1, True, REBUILD)
    return Finding("catalog-damaged", error.message, 1, False, error.hint)


def _all(snapshot: Snapshot, checks: Sequence[Check]) -> list[Finding]:
    """What the checks find. One that damage keeps from its work counts only where no other one says what it is."""
    findings: list[Finding] = []
    stopped: list[IndexDamaged | MissingExtra] = []
    for find in checks:
        try:
            findings += find(snapshot)
        except (IndexDamaged, MissingExtra) as error:
            stopped.append(error)
    extra = next((error for error in stopped if isinstance(error, MissingExtra)), None)
    if extra and any(is_of_missing_package(snapshot, row) for row in space_rows(snapshot)):
        raise extra  # no damage, so no repair
    if findings or not stopped:
        return findings
    return [Finding("catalog-damaged", stopped[0].message, 1, True, REBUILD)]


def _not_a_lock(folder: Path) -> Iterator[Finding]:
    with translated(folder):
        if why := what_is_not_a_lock(folder):
            yield Finding("lock-not-a-file", why, 1, False, "look at what it is, and move it away")


def _not_files(folder: Path) -> Iterator[Finding]:
    """What nothing can be read of, and nobody but a person may remove."""
    with translated(folder):
        vectors = folder / "vectors"
        files = files_of(folder / CATALOG_NAME)
        if is_absent(files[0].stat):  # of a link that leads nowhere, the link
            files[0] = folder / CATALOG_NAME
        wrong = [why for path in files if (why := what_is_not_a_file(path))]
        wrong += [why for path in sorted(vectors.glob("*.f16")) if (why := what_is_not_a_file(path))]
        messages = [as_anyseek(why, f"the index in {printable(str(folder))}").message for why in wrong]
        if vectors.exists() and not vectors.is_dir():
            messages.append(f"{printable(str(vectors))} is a folder in an index, and here it is none.")
    for message in messages:
        remedy = "look at what it is, and move it away; then look again"
        yield Finding("not-a-file", message, 1, False, remedy)


def _left_over(folder: Path) -> Iterator[Finding]:
    holder = read_holder(folder)
    if holder is None or holder.pid == os.getpid():
        return
    yield Finding("lock-left", f"The lock still names {holder}, which is gone.", 1, True, "clear it")
    # Without a name in the lock, a log is normal: some connection is open.
    wal = folder / f"{CATALOG_NAME}-wal"
    with suppress(FileNotFoundError):
        if wal.stat().st_size:
            message = "The process that is gone left its log beside the catalog."
            yield Finding("log-left", message, 1, True, "move the log into the catalog")


def _catalog_damage(database: Database) -> Finding | None:
    if names := migrations.damaged_schema(database):
        message = f"Parts of the catalog's schema are not what Anyseek wrote: {', '.join(sorted(names))}."
        return Finding("catalog-damaged", message, len(names), True, REBUILD)
    messages = [text for (text,) in database.rows("PRAGMA integrity_check")]
    if messages == ["ok"]:
        return None
    faults = [line for text in messages for line in text.splitlines() if not line.startswith("***")]
    message = f"SQLite finds faults in the catalog: {len(faults)}, the first: {faults[0]}."
    # What is made of files has its indices made again from the table. Of what people made, and of the files that have
    # it, an index may be right where the table is wrong.
    if all(_OF_MADE_INDEX.search(text) for text in faults):
        return Finding("table-index-damaged", message, len(faults), True, "rebuild the table indices")
    return Finding("catalog-damaged", message, len(faults), True, REBUILD)


def _numbers(database: Database) -> Iterator[Finding]:
    if tables := damaged_numbers(database):
        message = f"Numbers that no record can have, or that would be given twice: {', '.join(tables)}."
        yield Finding(
            "numbers-damaged", message, len(tables), True, "number on from the records that are there"
        )


def _orphans(snapshot: Snapshot) -> Iterator[Finding]:
    cases = [
        (
            "orphan-files",
            "Files that belong to no root: {}.",
            "SELECT f.file_id FROM files f WHERE root NOT IN (SELECT root FROM roots)",
            "give them the folder again that they lie in; one that is not found then: give it to `anyseek index`",
        ),
        (
            "orphan-segments",
            "Segments that belong to no file: {}.",
            "SELECT s.segment_id FROM segments s WHERE s.file_id NOT IN (SELECT file_id FROM files)",
            "remove them",
        ),
        (
            "orphan-rows",
            "Rows of vectors that belong to no segment or no space: {}.",
            "SELECT e.row FROM embeddings e WHERE e.segment_id NOT IN (SELECT segment_id FROM segments)"
            " OR e.space_id NOT IN (SELECT space_id FROM spaces)",
            "remove them",
        ),
    ]
    for code, message, sql, remedy in cases:
        (count,) = snapshot.database.first(f"SELECT count(*) FROM ({sql})")
        if count:
            yield Finding(code, message.format(count), count, True, remedy)


def _values(snapshot: Snapshot) -> Iterator[Finding]:
    from anyseek.catalog import other_values, values

    database = snapshot.database
    cases = [
        (
            "records-damaged",
            "Files whose record holds what was never written there: {}.",
            values.damaged_files,
        ),
        (
            "segments-damaged",
            "Files that have a text, a span or a caption that is not what was stored: {}.",
            values.damaged_segments,
        ),
        (
            "files-without-segments",
            "Files marked as indexed that have no segments: {}.",
            values.files_without_segments,
        ),
    ]
    for code, message, find in cases:
        yield from about_files(code, message, ((number,) for number in find(database)))
    if places := other_values.damaged_places(database):
        message = f"Folders whose record holds what was never written there: {places}."
        remedy = "keep what can be read; a folder that is not found then: give it to `anyseek index`"
        yield Finding("places-damaged", message, places, True, remedy)
    if tags := len(values.damaged_tags(database)) + other_values.damaged_kept_tags(database):
        message = f"Tags that are not a text, or of no file: {tags}."
        yield Finding("tags-damaged", message, tags, True, "keep what can be read of them")
    if not other_values.has_time_of_creation(database):
        message = "The index does not say when it was made."
        yield Finding("creation-damaged", message, 1, True, "take this moment")
    if settings := values.damaged_settings(database):
        message = f"Settings that cannot be read: {', '.join(settings)}."
        yield Finding("settings-damaged", message, len(settings), True, "forget them: give them again")
    if runs := values.damaged_runs(database):
        yield Finding(
            "runs-damaged", f"Runs whose report cannot be read: {len(runs)}.", len(runs), True, "forget them"
        )


def hashes_of(n_bytes: int) -> Check:
    """The check that hashes of contents have this length: one that no content has hides its file for ever."""

    def find(snapshot: Snapshot) -> Iterator[Finding]:
        rows = snapshot.database.rows(
            "SELECT file_id FROM files WHERE length(content_hash) NOT IN (0, ?)", [n_bytes]
        )
        yield from about_files("hashes-damaged", "Files with an invalid content hash: {}.", rows)

    return find


def _about_words(tables: Sequence[str]) -> Iterator[Finding]:
    if damaged := sorted(set(tables)):
        message = f"The text index does not agree with its texts: {', '.join(damaged)}."
        yield Finding("words-damaged", message, len(damaged), True, "make the index of words again")


def _unreadable_words(folder: Path) -> list[str]:
    """Indices of words that do not agree with themselves. It takes a connection that may write, though it writes
    nothing."""
    from anyseek.catalog.word_index import word_tables

    damaged = []
    try:
        database = connect(folder, writable=True)
    except (ReadOnlyIndex, IndexLocked):
        return []
    try:
        for table in word_tables(database):
            try:
                database.run("BEGIN IMMEDIATE")
                database.run(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
            except IndexLocked:
                return []
            except IndexDamaged:
                damaged.append(table)
            finally:
                database.rollback()
    finally:
        database.close()
    return damaged


def _half_indexed(snapshot: Snapshot) -> Iterator[Finding]:
    (count,) = snapshot.database.first("SELECT count(*) FROM files WHERE state = ?", [PARTIAL])
    if count:
        message = f"Files that were being indexed when a run was killed: {count}."
        yield Finding(
            "half-indexed", message, count, True, "have the next `anyseek index` begin with them anew"
        )


_CHECKS: tuple[Check, ...] = (
    vectors,
    _values,
    _orphans,
    unembedded,
    wrong_counts,
)
_CHECKS_ALONE = (_half_indexed, unused_files)
