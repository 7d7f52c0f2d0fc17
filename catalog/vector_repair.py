"""Vector files and the numbers of their rows, put right: what doctor's repair does to them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from anyseek.atomic import sync_folder
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.failures import translated
from anyseek.catalog.records import SpaceRecord
from anyseek.catalog.snapshot import Snapshot
from anyseek.catalog.vector_checks import spare_vector_files
from anyseek.catalog.vector_damage import is_whole, rows_in_file, rows_to_count, vector_damage
from anyseek.catalog.vectors import VectorAppender, vector_path
from anyseek.catalog.writer import Writer


def adopt(snapshot: Snapshot) -> bool:
    """Give spaces that lack vectors the file that has them all, whatever it is called; whether there was one."""
    is_adopted = False
    for space in snapshot.spaces():
        if is_whole(vector_damage(snapshot, space)):
            continue
        for path in spare_vector_files(snapshot.folder, snapshot.spaces()):
            if is_whole(vector_damage(snapshot, space, path)):
                _rename(path, vector_path(snapshot.folder, space.space_id, space.generation))
                is_adopted = True
                break
    return is_adopted


def check_writable(folder: Path, spaces: Sequence[SpaceRecord]) -> None:
    """Raises ReadOnlyIndex, DiskFull, UsageError, SystemRefused where no vector can be written."""
    for space in spaces:
        path = vector_path(folder, space.space_id, space.generation)
        VectorAppender(path, space.card.dim, 0).close()


def count_rows(catalog: Catalog) -> None:
    """Count the rows of each space again, by its file and its segments, in a transaction of its own.

    Fewer rows are a new generation: no row's number is given twice in one, so that what is derived from the vectors
    need not be held against them.
    """
    renamed: dict[Path, Path] = {}
    with catalog.read() as snapshot, catalog.begin() as writer:
        for space in snapshot.spaces():
            n_rows = rows_to_count(writer.database, space, rows_in_file(catalog.folder, space))
            if n_rows != space.rows:
                is_fewer = n_rows < space.rows
                counted = replace(space, rows=n_rows, generation=space.generation + is_fewer)
                _write_counts(writer, counted)
                renamed[_path(catalog.folder, space)] = _path(catalog.folder, counted)
    # Killed before this, the file is one of another generation, that `adopt` takes.
    for before, after in renamed.items():
        with suppress(FileNotFoundError):
            _rename(before, after)


def _write_counts(writer: Writer, space: SpaceRecord) -> None:
    writer.database.run(
        "UPDATE spaces SET rows = ?, generation = ? WHERE space_id = ?",
        [space.rows, space.generation, space.space_id],
    )


def _path(folder: Path, space: SpaceRecord) -> Path:
    return vector_path(folder, space.space_id, space.generation)


def _rename(before: Path, after: Path) -> None:
    if before == after:
        return
    with translated(after.parent.parent):
        before.replace(after)
        sync_folder(after.parent)
