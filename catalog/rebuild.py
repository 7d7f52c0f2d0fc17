"""A damaged catalog: a new one made of all that can be read of it; or its tags alone, saved.

The new catalog takes the place of the damaged one, which stays beside it under another name. Killed at any moment, one
of the two is in its place, whole, and the next attempt begins anew.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from anyseek import atomic
from anyseek.catalog import descriptors, sql_functions
from anyseek.catalog.creation import build, make_tables
from anyseek.catalog.database import BESIDE, CATALOG_NAME, DAMAGED_NAME, INDEX_NAME, Database, connect
from anyseek.catalog.failures import translated
from anyseek.catalog.file_reader import FileReader
from anyseek.catalog.moved_catalog import HEADER, is_header_of_catalog
from anyseek.catalog.pages import Pages
from anyseek.catalog.refill import Refilled, refill
from anyseek.catalog.salvage import Salvage
from anyseek.catalog.tag_records import tag_lines
from anyseek.catalog.writer import Writer
from anyseek.errors import AnyseekError, IndexLocked


def can_be_rebuilt(folder: Path) -> bool:
    """Whether what lies in the catalog's place is not another program's database. Raises DiskFailed, ReadOnlyIndex."""
    with _pages(folder) as pages:
        first = pages.get(1)
        is_foreign = first.startswith(HEADER) and not is_header_of_catalog(first)
        return not is_foreign or Salvage(pages).is_ours


def rebuild(folder: Path) -> str:
    """Put a new catalog in the place of a damaged or lost one, with all that can be read of it, tags first.

    Returns a sentence on tags that are lost, "" where none are. For who holds the writer's lock.
    Raises DiskFull, ReadOnlyIndex, DiskFailed.
    """
    results: list[Refilled] = []

    def fill(database: Database) -> None:
        database.run("BEGIN IMMEDIATE")
        results.append(refill(database, Salvage(pages), all_of_it=True))
        database.run("COMMIT")
        if folder.name == INDEX_NAME and not database.first("SELECT 1 FROM roots"):
            with Writer(database, lambda kept: None) as writer:
                writer.add_root(folder.parent)

    with _without_writers(folder), _pages(folder) as pages, translated(folder):
        new = build(folder, fill)
        _keep_damaged(folder, pages)
        for end in BESIDE:
            (folder / f"{CATALOG_NAME}{end}").unlink(missing_ok=True)
        atomic.put_in_place(new, folder / CATALOG_NAME)
    return about(*results)


@contextmanager
def _without_writers(folder: Path) -> Iterator[None]:
    """Nobody writes (a tag, say) into what is about to be replaced, as far as SQLite still takes the damaged catalog.
    Where it does not, a commit meanwhile ends with an error. Raises IndexLocked."""
    with ExitStack() as stack:
        try:
            database = connect(folder, writable=True)
            stack.callback(database.close)
            database.run("BEGIN IMMEDIATE")
        except IndexLocked:
            raise
        except AnyseekError:
            pass
        yield


def saved_tags(folder: Path) -> tuple[list[bytes], str]:
    """The lines of `tag_lines` from a damaged catalog; and a sentence on what could not be read, "" where all could.

    Raises IndexNotFound, DiskFailed, ReadOnlyIndex.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    sql_functions.register(connection)
    database = Database(connection, folder)
    try:
        with _pages(folder) as pages:
            database.run("BEGIN")
            make_tables(database)
            result = refill(database, Salvage(pages), all_of_it=False)
            database.run("COMMIT")
        return list(tag_lines(FileReader(database))), about(result)
    finally:
        database.close()


def about(result: Refilled) -> str:
    """A sentence on what is lost; "" for nothing."""
    parts = []
    if result.unread:
        tables = f"table{'s' * (len(result.unread) != 1)} {', '.join(result.unread)}"
        parts.append(f"some records of the {tables} cannot be read")
    if result.tags:
        belong = "tag belongs to a file that is" if result.tags == 1 else "tags belong to files that are"
        parts.append(f"{result.tags:,} {belong} no longer known")
    return f"Tags may be missing: {'; '.join(parts)}." if parts else ""


@contextmanager
def _pages(folder: Path) -> Iterator[Pages]:
    with Pages(folder / CATALOG_NAME, folder / f"{CATALOG_NAME}-wal") as pages:
        yield pages


def _keep_damaged(folder: Path, pages: Pages) -> None:
    """The damaged catalog under another name, with what its log holds; in its own place too, so that the log is not
    needed there any more."""
    path, log = folder / CATALOG_NAME, folder / f"{CATALOG_NAME}-wal"
    if not pages.count:
        return
    names = (DAMAGED_NAME if n == 1 else f"{DAMAGED_NAME}-{n}" for n in count(1))
    aside = next(folder / name for name in names if not (folder / name).exists())
    if not pages.has_log:
        _link(path, aside)
        with suppress(FileNotFoundError):
            if log.stat().st_size:
                log.replace(aside.with_name(f"{aside.name}-wal"))
        return
    with atomic.replacing(aside) as file:
        for number in pages.numbers():
            file.seek((number - 1) * pages.size)
            file.write(pages.get(number))
    beside = atomic.partial(path)
    beside.unlink(missing_ok=True)
    _link(aside, beside)
    beside.replace(path)
    atomic.sync_folder(folder)


def _link(path: Path, name: Path) -> None:
    """The same file under another name; a copy where the file system has no such thing. Raises OSError."""
    try:
        os.link(path, name)
    except OSError:
        with (
            descriptors.reading(path) as descriptor,
            open(descriptor, "rb", closefd=False) as source,
            name.open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
    atomic.sync_folder(name.parent)
