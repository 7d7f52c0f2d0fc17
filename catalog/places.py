"""Records of roots: kept to where the folders are; and made again where they are gone, while files say that they lie
in them. Such files are never forgotten for it."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

from anyseek.catalog import codec
from anyseek.catalog.root_places import find_root, root_rows, shows_files

if TYPE_CHECKING:
    from anyseek.catalog.database import Database
    from anyseek.catalog.writer import Writer

_WITHOUT_ROOT = "root NOT IN (SELECT root FROM roots)"


def record_places(writer: Writer) -> None:
    """Record where the roots have shown themselves: what is there now is what the next move begins from."""
    database = writer.database
    for row in root_rows(database):
        folder = find_root(database, row)
        if not os.path.isdir(folder):
            continue
        path, way = codec.absolute_bytes(folder), codec.relative_root(database.folder, folder)
        if (path, way) == (row.path, row.relative):
            continue
        is_free = all(path != other.path or other.number == row.number for other in root_rows(database))
        if is_free and (path != row.path or shows_files(database, row.number, path)):
            writer.move_root(row.number, folder)


def put_missing_roots_right(database: Database) -> None:
    """Every file has a root again: the one below which it lies on the disk; else one that is not there, which is
    recognised by its files when its folder is indexed again. Inside a transaction."""
    numbers = database.all(f"SELECT DISTINCT root FROM files WHERE {_WITHOUT_ROOT}")
    for (number,) in numbers:
        for root, folder in _roots(database).items():
            if shows_files(database, number, folder):
                database.run("UPDATE OR IGNORE files SET root = ? WHERE root = ?", [root, number])
                break
        if database.first("SELECT 1 FROM files WHERE root = ?", [number]):
            _make_root(database, number)


def _make_root(database: Database, number: Any) -> None:
    around = os.fsencode(
        os.path.abspath(database.folder.parent)
    )  # where an index lies unless another place is named
    if around not in _roots(database).values() and shows_files(database, number, around):
        relative = codec.relative_root(database.folder, database.folder.parent)
        database.run("INSERT OR IGNORE INTO roots VALUES (?, ?, ?)", [number, around, relative])
    root = number if isinstance(number, int) and number >= 0 else _free_number(database)
    if root != number:
        database.run("UPDATE OR IGNORE files SET root = ? WHERE root = ?", [root, number])
    for path in (b"/damaged-%d" % n for n in count(root)):
        if database.first("SELECT 1 FROM roots WHERE root = ?", [root]):
            return
        database.run("INSERT OR IGNORE INTO roots VALUES (?, ?, NULL)", [root, path])


def _free_number(database: Database) -> int:
    (number,) = database.first(
        "SELECT max(coalesce((SELECT max(root) FROM roots), -1), coalesce((SELECT max(root) FROM files), -1)) + 1"
    )
    return int(number)


def _roots(database: Database) -> dict[int, bytes]:
    return {
        row.number: os.fsencode(find_root(database, row)) for row in root_rows(database) if row.is_readable
    }
