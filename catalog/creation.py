"""Making a new index: a catalog that is there is complete; what a cut-off attempt left, the next one replaces.

The catalog is built under a name of its own (`.catalog.sqlite.new`), synced, and renamed into its place. So a process
killed at any moment, a disk that fills up or a power failure leaves a folder without a catalog, or with a whole one.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from anyseek import atomic
from anyseek.catalog import migrations
from anyseek.catalog.database import (
    BESIDE,
    CATALOG_NAME,
    DAMAGED_NAME,
    VECTOR_FILE,
    Database,
    connect,
    create_database,
    has_catalog,
    what_is_lost,
)
from anyseek.catalog.failures import translated
from anyseek.catalog.locking import LOCK_NAME, WriterLock
from anyseek.catalog.schema import APPLICATION_ID, FORMAT, KEPT, TABLES, WORDS
from anyseek.catalog.writer import Writer
from anyseek.errors import IndexNotFound, UsageError
from anyseek.opening import NotRegular, read_own

_NEW_NAME = f".{CATALOG_NAME}.new"
_CACHEDIR_TAG = """Signature: 8a477f597d28d172789f06886806bc55
# This folder is a search index made by Anyseek. It can be made again from the files it indexes.
# For information about cache directory tags see https://bford.info/cachedir/
"""
_MARKS = {".gitignore": "*\n", "CACHEDIR.TAG": _CACHEDIR_TAG}
_UNFINISHED = {
    *(f"{name}{end}" for name in (CATALOG_NAME, _NEW_NAME) for end in ("", *BESIDE)),
    *(atomic.partial(Path(name)).name for name in _MARKS),
}
_OURS = _UNFINISHED | {*_MARKS, LOCK_NAME, "vectors", "faiss", "qdrant", "stores", "calibration"}
# Whatever another store or a package's has in its folder is its own.
_OUR_FILES = {"vectors": VECTOR_FILE, "calibration": r"\.?\d+\.npz.*"}


def create(folder: Path, roots: Sequence[Path]) -> None:
    """A new index in `folder` (made when missing) over `roots`, on the disk when this returns.

    Raises UsageError when the folder holds an index or anything else, IndexLocked while another process makes one
    there, ReadOnlyIndex, DiskFull; NewerFormat and IndexDamaged for an index that cannot be opened,
    or whose catalog is gone.
    """
    with translated(folder):
        has_catalog(folder)  # one that was left aside comes back, and is in the way
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is not a folder.")
        _make_folder(folder)
        foreign = others_in(folder)
        if lost := what_is_lost(folder):
            raise lost
        if foreign:
            raise UsageError(
                f"{folder} contains other files ({foreign[0]!r}), so no index was made there.",
                "Name an empty or a new folder.",
            )
    with WriterLock(folder, "create"):
        if _is_there(folder):
            raise UsageError(f"There is already an index in {folder}.", "Open it, or name another folder.")
        with translated(folder):
            _clear(folder)
            for name, text in _MARKS.items():
                atomic.write(folder / name, text)
            new = build(folder, lambda database: _add_roots(database, roots))
            try:
                atomic.put_in_place(new, folder / CATALOG_NAME)
            except BaseException:
                new.unlink(missing_ok=True)
                raise


def others_in(folder: Path) -> list[str]:
    """What lies in the folder of an index, and in those of its vectors and calibration, and is none of an index's:
    paths from there. Raises OSError."""
    others = [name for name in os.listdir(folder) if not _is_ours(folder / name)]
    for name, ours in _OUR_FILES.items():
        if (folder / name).is_dir():
            others += [f"{name}/{one}" for one in os.listdir(folder / name) if not re.fullmatch(ours, one)]
    return sorted(others)


def is_marked(folder: Path) -> bool:
    """Whether we made this folder, for an index: it has our mark, which comes first. Raises OSError."""
    mark = folder / "CACHEDIR.TAG"
    return os.path.lexists(mark) and _is_ours(mark)


def _is_ours(path: Path) -> bool:
    """Whether an attempt to make an index may have left it. A person's own .gitignore is theirs."""
    if path.name not in _MARKS:
        return path.name in _OURS or path.name.startswith(DAMAGED_NAME)
    mark = _MARKS[path.name].encode()
    try:
        return read_own(str(path), len(mark)) == mark
    except NotRegular:
        return False
    except OSError as error:
        if error.errno == errno.EFBIG:
            return False
        raise


def _make_folder(folder: Path) -> None:
    """It and those above it, with their names on the disk."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        atomic.sync_folder(one.parent)


def _is_there(folder: Path) -> bool:
    """Whether there is a catalog. A database without a table is what an older Anyseek left when it was killed."""
    try:
        database = connect(folder, writable=False)
    except IndexNotFound:
        return False
    try:
        migrations.read_format(database)
    except IndexNotFound:
        return False
    finally:
        database.close()
    return True


def _clear(folder: Path) -> None:
    for name in _UNFINISHED:
        (folder / name).unlink(missing_ok=True)
    atomic.sync_folder(folder)


def build(folder: Path, fill: Callable[[Database], None]) -> Path:
    """A new catalog, beside where it belongs: whole, and not synced. fill: what to put into its tables."""
    new = folder / _NEW_NAME
    for end in ("", *BESIDE):
        (folder / f"{_NEW_NAME}{end}").unlink(missing_ok=True)
    database = create_database(new, folder)
    try:
        database.run("BEGIN IMMEDIATE")
        make_tables(database)
        database.run("COMMIT")
        fill(database)
        # Last, so that everything is in the one file that is renamed: closing could leave a log behind it.
        database.run("PRAGMA journal_mode = WAL")
    except BaseException:
        database.close()
        new.unlink(missing_ok=True)
        raise
    database.close()
    return new


def make_tables(database: Database) -> None:
    """The tables of a new catalog, inside a transaction."""
    database.run(f"PRAGMA application_id = {APPLICATION_ID}")
    database.run(f"PRAGMA user_version = {FORMAT}")
    database.script(TABLES)
    for statement in (*WORDS, *KEPT):
        database.run(statement)
    database.run(
        "INSERT INTO index_info VALUES ('format', ?), ('created', ?)", [str(FORMAT), str(time.time())]
    )


def _add_roots(database: Database, roots: Sequence[Path]) -> None:
    with Writer(database, lambda kept: None) as writer:
        for root in roots:
            writer.add_root(root)
