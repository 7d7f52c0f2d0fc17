"""Where the indexed folders are, now that the index lies where it lies.

A root is recorded by its absolute path and by the way to it from the index folder. While the index lies where it lay,
both lead to the same place and nothing is looked at. Otherwise the index, or its whole drive, was moved or copied, and
the way leads to another folder than the path. That one is believed only when it shows files of the root:

- the folder that holds the index is the one around it, when that shows them: it was moved or copied with the index;
- any other root is at its path when that shows them, else where the way leads, when that does.

Without evidence a root is at its recorded path, there or not; never is another folder taken for it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from anyseek.catalog import codec
from anyseek.opening import FileBelow, stat_file

if TYPE_CHECKING:
    from anyseek.catalog.database import Database

_UP = b".."
_RIGHT_AROUND = _UP  # the way from an index to the folder that it lies right in
_SEEKS, _PER_SEEK = 4, 2  # at most that many times as many files are looked at

# Shares of them that have to be there: with the same size; or with that and the same time, which a copy need not keep.
_LEAST_ALIKE, _LEAST_SAME = 0.75, 0.5
_TICK_NS = 2_000_000_000  # the coarsest clock of a file system in use: FAT counts in steps of two seconds

_ABSOLUTE = "typeof(path) = 'blob' AND hex(substr(path, 1, 1)) = '2F' AND instr(path, x'00') = 0"


class RootRow(NamedTuple):
    """A row of `roots`, as it is stored."""

    number: Any
    path: Any
    relative: Any

    @property
    def is_readable(self) -> bool:
        """Whether there is an absolute path, and a way or none."""
        has_path = isinstance(self.path, bytes) and self.path.startswith(b"/") and b"\0" not in self.path
        is_bytes = isinstance(self.relative, bytes) and b"\0" not in self.relative
        return has_path and (is_bytes or self.relative is None)


def root_rows(database: Database) -> list[RootRow]:
    """All of them, by number."""
    return [RootRow(*row) for row in database.all("SELECT root, path, relative FROM roots ORDER BY root")]


def find_root(database: Database, row: RootRow) -> Path:
    """Where a root is now, or was when it is not there. Raises IndexDamaged for a row that says no path."""
    if not row.is_readable:
        raise codec.unreadable("an indexed folder", TypeError())
    return Path(os.fsdecode(_found(database, row)))


def _found(database: Database, row: RootRow) -> bytes:
    if row.relative is None or not _is_way(row.relative):
        return bytes(row.path)
    here = _real(database.folder)
    moved = os.path.normpath(os.path.join(here, row.relative))
    if moved == row.path:
        return moved
    if not _taken_apart(row.relative)[1]:  # it goes up only, so that folder holds the index
        is_it = shows_files(database, row.number, moved) or _is_empty_and_moved(database, row)
        return moved if is_it else bytes(row.path)
    if codec.path_below(moved, here) is not None or shows_files(database, row.number, row.path):
        return bytes(row.path)
    return moved if shows_files(database, row.number, moved) else bytes(row.path)


def _is_empty_and_moved(database: Database, row: RootRow) -> bool:
    """Whether a root of which no file is known was where nothing is now, and the index lies right in it."""
    is_gone = row.relative == _RIGHT_AROUND and not os.path.isdir(row.path)
    return is_gone and not _sampled(database, row.number)


# ---------------------------------------------------------------- the way from the index


def is_damaged(database: Database, row: RootRow) -> bool:
    """Whether path and way were never written together. That the way leads elsewhere is no damage by itself: the index
    may have been moved alone. It is damage where the path still has the same end, seen from the index, or another root
    says that the index was not moved; unless the root shows itself there."""
    if row.relative is None or not row.is_readable:
        return not row.is_readable
    here = _real(database.folder)
    if not _is_way(row.relative):
        return bool(row.relative != b"." or row.path != here)
    _, names = _taken_apart(row.relative)
    if names and row.path.split(b"/")[-len(names) :] != names:
        return True
    if _leads_right(here, row):
        return False
    below_same_folder = names == _taken_apart(os.path.relpath(row.path, here))[1]
    was_not_moved = below_same_folder or any(_leads_right(here, other) for other in root_rows(database))
    return was_not_moved and _found(database, row) == row.path


def _leads_right(here: bytes, row: RootRow) -> bool:
    is_way = row.is_readable and row.relative is not None and _is_way(row.relative)
    return is_way and os.path.normpath(os.path.join(here, row.relative)) == row.path


def make_readable(database: Database) -> None:
    """A root whose path cannot be read becomes one that is not there: it is recognised by its files when it is indexed
    again. One whose way cannot be read has none."""
    database.run(
        "UPDATE roots SET relative = NULL WHERE typeof(relative) != 'blob' OR instr(relative, x'00') > 0"
    )
    database.run(f"UPDATE OR IGNORE roots SET path = CAST(path AS BLOB) WHERE NOT ({_ABSOLUTE})")
    database.run(f"UPDATE roots SET path = CAST('/damaged-' || root AS BLOB) WHERE NOT ({_ABSOLUTE})")


def put_ways_right(database: Database) -> None:
    """Where path and way do not fit, both are what the root shows of itself; where it shows nothing, it has no way."""
    for row in root_rows(database):
        if row.is_readable and is_damaged(database, row):
            path = codec.with_one_slash(_found(database, row))
            values = [path, codec.relative_root(database.folder, Path(os.fsdecode(path))), row.number]
            database.run("UPDATE OR IGNORE roots SET path = ?, relative = ? WHERE root = ?", values)


def _is_way(way: bytes) -> bool:
    """Whether it is written as `relative_root` writes one: some folders up, then names; never to the index itself."""
    n_up, names = _taken_apart(way)
    return way != b"" and b"/".join([_UP] * n_up + names) == way


def _taken_apart(way: bytes) -> tuple[int, list[bytes]]:
    """How many folders up it begins with, and the names that follow."""
    steps = way.split(b"/")
    n_up = next((at for at, step in enumerate(steps) if step != _UP), len(steps))
    return n_up, [name for name in steps[n_up:] if name not in (b"", b".", _UP)]


def _real(folder: Path) -> bytes:
    return os.fsencode(os.path.realpath(folder))


# ---------------------------------------------------------------- evidence


def shows_files(database: Database, root: Any, folder: bytes) -> bool:
    """Whether a folder has a few files of the root, from all over it: where they were, and as large. False when none is
    known."""
    sample = _sampled(database, root)
    looks = [_look_at(os.fsdecode(folder), *facts) for facts in sample]
    n_same, n_alike = sum(is_same for _, is_same in looks), sum(is_alike for is_alike, _ in looks)
    return bool(sample) and (n_alike >= _LEAST_ALIKE * len(sample) or n_same >= _LEAST_SAME * len(sample))


def _sampled(database: Database, root: Any) -> list[tuple[bytes, int, int]]:
    """Path, size and mtime_ns of files: all of a few, else from all over, by some seeks in the index of paths."""
    files = _files_from(database, root, b"", "ASC", _SEEKS * _PER_SEEK)
    if len(files) < _SEEKS * _PER_SEEK:
        return files
    low, high = files[0][0], _files_from(database, root, b"", "DESC", 1)[0][0]
    common = low[: next((at for at in range(len(low)) if high[at : at + 1] != low[at : at + 1]), len(low))]
    first, last = low[len(common)] if len(low) > len(common) else 0, high[len(common)]
    spots = [common + bytes([first + (last - first) * at // (_SEEKS - 1)]) for at in range(_SEEKS)]
    return sorted({row for spot in spots for row in _files_from(database, root, spot, "ASC", _PER_SEEK)})


def _files_from(database: Database, root: Any, path: bytes, order: str, n: int) -> list[Any]:
    """The next files of a root, from a path on."""
    return database.all(
        "SELECT path, size, mtime_ns FROM files WHERE root = ? AND path >= ? AND typeof(path) = 'blob'"
        f" ORDER BY path {order} LIMIT ?",
        [root, path, n],
    )


def _look_at(folder: str, path: bytes, size: int, mtime_ns: int) -> tuple[bool, bool]:
    """Whether a file like that is there, and whether it is as old, too. An empty one is like any other; of a record
    that a repair has saved, no more than the place may be known."""
    try:
        facts = stat_file(FileBelow(folder, os.fsdecode(path)))
    except (OSError, ValueError):
        return False, False
    is_known = isinstance(mtime_ns, int) and (size, mtime_ns) != (0, 0)
    is_alike = stat.S_ISREG(facts.st_mode) and (facts.st_size == size or not is_known)
    is_same = is_known and is_alike and abs(facts.st_mtime_ns - mtime_ns) <= _TICK_NS
    return is_alike and (is_same or size != 0 or not is_known), is_same
