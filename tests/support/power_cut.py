"""What a power cut may leave of files, from a record of the operations upon them (`faults.c` writes it).

The rules are POSIX's, which promise little. What was written is certain after a sync of the file; a name (made,
removed, renamed) is certain after a sync of its folder. Until then each write may be there or not, whatever the order;
names come in their order, as far as the disk had got with them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = -1
_SEEN_ONLY_BY_THE_LIVING = "-shm"  # SQLite makes it anew when nobody has the database open


@dataclass(frozen=True)
class Operation:
    """A line of the record, with what was written."""

    what: str
    path: str
    second: str
    offset: int
    data: bytes


@dataclass
class _File:
    """Its certain content, and the writes and resizes since its last sync."""

    certain: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def content(self, without: int = -1) -> bytes:
        """With all that is pending, or all but one."""
        data = bytearray(self.certain)
        for number, (offset, piece) in enumerate(self.pending):
            if number == without:
                continue
            data.extend(bytes(max(0, offset - len(data))))
            if piece is None:
                del data[offset:]
            else:
                data[offset : offset + len(piece)] = piece
        return bytes(data)


Names = dict[str, int]
"""Paths, each with the number of its file, or FOLDER."""

Image = dict[str, bytes | None]
"""A file system: contents by path, None for a folder."""


class Disk:
    """The files as the record goes on: what the living see, and what is certain."""

    def __init__(self, start: Path) -> None:
        """start: a folder that is on the disk, with all that is in it."""
        self._files: list[_File] = []
        self._live: Names = {str(start): FOLDER}
        for path in sorted(start.rglob("*")):
            self._live[str(path)] = FOLDER if path.is_dir() else self._new(path.read_bytes())
        self._certain = dict(self._live)
        self._changes: list[Operation] = []  # of names, not yet certain
        self._made: dict[int, int] = {}  # the file that the change of this identity makes

    def _new(self, content: bytes = b"") -> int:
        self._files.append(_File(content))
        return len(self._files) - 1

    def apply(self, operation: Operation) -> None:
        """The next line of the record."""
        what, path = operation.what, operation.path
        if what == "sync":
            self._sync(path)
        elif what == "write" and path in self._live:
            self._files[self._live[path]].pending.append((operation.offset, operation.data))
        elif what in ("resize", "truncate") and path in self._live:
            self._files[self._live[path]].pending.append((operation.offset, None))
        elif what in ("create", "mkdir", "remove", "rename", "exchange"):
            if what == "create":
                self._made[id(operation)] = self._new()
            self._changes.append(operation)
            self._change(self._live, operation)

    def _sync(self, path: str) -> None:
        number = self._live.get(path)
        if number == FOLDER:
            own = [one for one in self._changes if os.path.dirname(one.path) == path]
            for change in own:
                self._change(self._certain, change)
            self._changes = [one for one in self._changes if one not in own]
        elif number is not None:
            file = self._files[number]
            file.certain, file.pending = file.content(), []

    def _change(self, names: Names, operation: Operation) -> None:
        path, second = operation.path, operation.second
        if operation.what == "create":
            names[path] = self._made[id(operation)]
        elif operation.what == "mkdir":
            names[path] = FOLDER
        elif operation.what == "remove":
            names.pop(path, None)
        elif path in names:
            moved = _taken(names, path)
            if operation.what == "exchange":
                names.update(_renamed(_taken(names, second), second, path))
            names.update(_renamed(moved, path, second))

    # ------------------------------------------------------------ what a cut may leave

    def images(self) -> Iterator[Image]:
        """What a cut may leave now: of the changes of names the first few, none or all; with each of these, none or all
        of the pending writes; with all names, all writes but one."""
        for n_changes in range(len(self._changes) + 1):
            names = dict(self._certain)
            for change in self._changes[:n_changes]:
                self._change(names, change)
            yield self._image(names, lambda number: self._files[number].certain)
            whole = self._image(names, lambda number: self._files[number].content())
            yield whole
        for path in [path for path, content in whole.items() if content is not None]:
            file = self._files[names[path]]
            for number in range(len(file.pending)):
                yield {**whole, path: file.content(without=number)}

    def _image(self, names: Names, content: Callable[[int], bytes]) -> Image:
        return {
            path: None if number == FOLDER else content(number)
            for path, number in sorted(names.items())
            if not path.endswith(_SEEN_ONLY_BY_THE_LIVING)
        }


def _taken(names: Names, path: str) -> Names:
    """Remove a name, with all below it."""
    below = {name: names[name] for name in names if name == path or name.startswith(path + "/")}
    for name in below:
        del names[name]
    return below


def _renamed(names: Names, old: str, new: str) -> Names:
    return {new + name.removeprefix(old): number for name, number in names.items()}


def record(log: Path) -> list[Operation]:
    """The operations, in their order."""
    data, operations, place = log.read_bytes(), [], 0
    while place < len(data):
        end = data.index(b"\n", place)
        what, path, second, offset, length = data[place:end].decode().split("\t")
        place = end + 1 + int(length)
        operations.append(Operation(what, path, second, int(offset), data[end + 1 : place]))
    return operations


def lay_out(image: Image, start: Path, target: Path, only: str = "") -> None:
    """Make in `target` what `start` is in the image, or of its entries those that begin with `only`."""
    for path, content in image.items():
        relative = os.path.relpath(path, start)
        folders = [str(folder) for folder in Path(path).parents if folder.is_relative_to(start)]
        if relative.startswith(".." if only else (".", "..")) or not relative.startswith(only):
            continue
        if not all(folder in image for folder in folders):
            continue  # a name in a folder that is not there
        if content is None:
            (target / relative).mkdir(parents=True, exist_ok=True)
        else:
            (target / relative).write_bytes(content)


def cuts(start: Path, log: Path) -> Iterator[tuple[int, Image]]:
    """Each different image that a cut may leave, with how many marks had been made by then."""
    disk, n_marks = Disk(start), 0
    known: set[tuple[int, int]] = set()
    for operation in record(log):
        n_marks += operation.what == "mark"
        # What is pending grows until one of these.
        if operation.what in ("mark", "sync", "rename", "exchange", "remove"):
            for image in disk.images():
                key = n_marks, hash(tuple(image.items()))
                if key not in known:
                    known.add(key)
                    yield n_marks, image
        disk.apply(operation)
