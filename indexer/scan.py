"""What lies in a folder: a walk that opens no file and follows no link.

Left out: hidden names, indexes, what the ignore rules exclude, and all but regular files. Symbolic links are
not followed, neither to folders nor to files: what they point at is indexed where it lies, if it lies in a
root. Everything comes in the order of the path's bytes, which is the catalog's order: the two can be
compared side by side, however many files there are.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from anyseek.catalog.codec import absolute_bytes
from anyseek.contracts import SeenFile
from anyseek.errors import UsageError
from anyseek.indexer.ignore import IGNORE_NAME, Rules
from anyseek.opening import FileBelow, open_folder
from anyseek.options import path_text
from anyseek.printable import printable

_INDEX_MARKS = {b"CACHEDIR.TAG", b"catalog.sqlite"}


@dataclass(frozen=True, slots=True)
class Unread:
    """A folder (`path` ends in "/", or is "": the root) or a file of which nothing can be said now."""

    root: int
    path: str
    reason: str

    def covers(self, path: str) -> bool:
        """Whether it is about this file of the same root."""
        return path == self.path or (self.path[-1:] in ("", "/") and path.startswith(self.path))


FolderFacts: TypeAlias = tuple[int, bool]
"""A folder's inode, and whether it is a mount point: on another device than the folder that it is in."""

_NO_RULES = Rules()


def scan(
    root: int,
    folder: str,
    rules: Rules = _NO_RULES,
    other_roots: Set[str] = frozenset(),
    folders: dict[bytes, FolderFacts] | None = None,
) -> Iterator[SeenFile | Unread]:
    """Every regular file below `folder`, and every place that could not be looked into, by bytes of the path.

    other_roots: folders below that are roots of their own ("a/b/", relative), and left out here. folders: is filled
    with those that were read, by their paths without a final "/"; not with `folder` itself.
    Raises UsageError for an ignore file that is not valid.
    """
    others = {os.fsencode(other) for other in other_roots}
    base = os.path.join(os.fsencode(folder), b"")
    here = _open(root, base, b"", rules)
    if isinstance(here, Unread):
        yield here
        return
    open_folders = [here]
    while open_folders:
        level = open_folders[-1]
        if not level.names:
            open_folders.pop()
            continue
        path = level.path + level.names.pop()
        if level.rules.names(os.fsdecode(path)):
            continue
        if not path.endswith(b"/"):
            if item := _seen(root, base, path):
                yield item
        elif path not in others:
            below = _open(root, base, path, level.rules)
            if isinstance(below, Unread):
                yield below
            else:
                open_folders.append(below)
                if folders is not None:
                    folders[path[:-1]] = below.inode, below.device != level.device


def reaches(folder: Path, below: str) -> bool:
    """Whether a scan of `folder` looks into the folder `below` it (relative): nothing on the way is hidden or ignored.

    Raises UsageError for an ignore file that is not valid.
    """
    rules, path = _NO_RULES, ""
    for name in below.split("/"):
        with contextlib.suppress(OSError):
            rules = rules.with_file(path, FileBelow(os.fspath(folder), path + IGNORE_NAME))
        path += f"{name}/"
        if name.startswith(".") or rules.names(path):
            return False
    return True


def is_empty(folder: str) -> bool:
    """Whether nothing that a scan would look at lies in a folder, as in the mount point of a drive that is not there:
    nothing at all, or only hidden names and an index.

    Raises OSError for what is no folder, or may not be listed or passed through.
    """
    os.stat(os.path.join(folder, "."))
    with os.scandir(folder) as entries:
        return all(entry.name.startswith(".") or _is_index(entry) for entry in entries)


def _is_index(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and all(
        os.path.lexists(os.path.join(entry.path, os.fsdecode(mark))) for mark in _INDEX_MARKS
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder on the way: what is still to be visited of it, last one first; folders end in "/"."""

    path: bytes
    names: list[bytes]
    rules: Rules
    device: int
    inode: int


def _open(root: int, base: bytes, path: bytes, rules: Rules) -> _Folder | Unread:
    try:
        names, is_index, has_rules, facts = _listing(base, path)
        if is_index and path:
            names = []
        elif has_rules:
            folder = os.fsdecode(path)
            rules = rules.with_file(folder, FileBelow(os.fsdecode(base), folder + IGNORE_NAME))
    except OSError as error:
        return Unread(root, os.fsdecode(path), error.strerror or str(error))
    # With the "/" a folder's name sorts where the paths below it do.
    names.sort(reverse=True)
    return _Folder(path, names, rules, facts.st_dev, facts.st_ino)


def _listing(base: bytes, path: bytes) -> tuple[list[bytes], bool, bool, os.stat_result]:
    """Visible names of files and folders; whether the folder is an index; whether it has an ignore file; its facts.

    Only names are stored, as bytes: a folder of a million files then costs some 60 MB, and directory entries 400.
    """
    names = []
    marks = set()
    has_rules = False
    folder = open_folder(os.fsdecode(base), os.fsdecode(path))
    try:
        # Refused where names may be listed, and nothing be reached by them.
        facts = os.stat(".", dir_fd=folder)
        with os.scandir(folder) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if name in _INDEX_MARKS:
                    marks.add(name)
                if name.startswith(b"."):
                    has_rules = has_rules or name == IGNORE_NAME.encode()
                elif entry.is_dir(follow_symlinks=False):
                    names.append(name + b"/")
                elif entry.is_file(follow_symlinks=False):
                    names.append(name)
    finally:
        os.close(folder)
    return names, marks == _INDEX_MARKS, has_rules, facts


def _seen(root: int, base: bytes, path: bytes) -> SeenFile | Unread | None:
    try:
        facts = os.lstat(base + path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Unread(root, os.fsdecode(path), error.strerror or str(error))
    if not stat.S_ISREG(facts.st_mode):  # swapped since the listing
        return None
    return SeenFile(root, os.fsdecode(path), facts.st_size, facts.st_mtime_ns, facts.st_ino)


def existing_folder(folder: str | os.PathLike[str]) -> Path:
    """The absolute path. Raises UsageError unless it is a folder."""
    path = Path(os.fsdecode(absolute_bytes(Path(path_text(folder)))))
    if not path.exists():
        raise UsageError(f"There is no folder {printable(os.fspath(folder))}.", "Check the path.")
    if not path.is_dir():
        raise UsageError(
            f"{printable(os.fspath(folder))} is a file, not a folder.",
            f"Index the folder that it is in: {printable(str(path.parent))}",
        )
    return path
