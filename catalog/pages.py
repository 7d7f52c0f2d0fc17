"""The pages of an SQLite database, read without SQLite: all that is whole in a file which SQLite does not take.

The format is https://www.sqlite.org/fileformat2.html. Every number in a damaged file may be anything, so none is
believed: what cannot be is counted as a fault and passed over.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from anyseek.catalog import descriptors
from anyseek.catalog.failures import translated
from anyseek.opening import open_own
from anyseek.system_errors import ABSENT

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]
"""A record; where the first column is the number of the row, that number is in its place. Bytes of a text that are not
UTF-8 are surrogates."""

LEAF_TABLE, INNER_TABLE, LEAF_INDEX, INNER_INDEX = 0x0D, 0x05, 0x0A, 0x02
_KINDS = {LEAF_TABLE, INNER_TABLE, LEAF_INDEX, INNER_INDEX}
_USUAL_SIZE = 4096
_LARGEST_RECORD = 1 << 30
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)


class Pages:
    """The pages of a database file with what its log holds of them, numbered from 1. A context manager.

    Raises DiskFailed, ReadOnlyIndex where the file cannot be read: that is no damage.
    """

    def __init__(self, path: Path, log: Path) -> None:
        """Either may be absent: a log alone has pages too."""
        self._folder = path.parent
        self._descriptor = -1
        with translated(self._folder):
            self._log = _Log(log)
        try:
            with translated(self._folder), suppress(*ABSENT):
                self._descriptor = descriptors.open_file(path)
            self._measure()
        except BaseException:
            self.close()
            raise

    def _measure(self) -> None:
        with translated(self._folder):
            length = os.fstat(self._descriptor).st_size if self._descriptor >= 0 else 0
        self.size = self._page_size()
        with translated(self._folder):
            self._in_log = _pages_of_log(self._log, self.size)
        self.count = (
            max(-(-length // self.size), *self._in_log, 0) if self._in_log else -(-length // self.size)
        )

    @property
    def has_log(self) -> bool:
        """Whether the log holds anything that counts."""
        return bool(self._in_log)

    def numbers(self) -> Iterator[int]:
        """Of all pages that may hold anything, ascending. What a file says of its length costs nothing: it may be a
        hole of a terabyte."""
        last = 0
        for first, end in self._stretches():
            yield from range(max(first, last + 1), end)
            last = max(last, end - 1)

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """From a page until before another one, ascending by their first."""
        with translated(self._folder):
            stretches = list(_stretches_of_data(self._descriptor)) if self._descriptor >= 0 else []
        in_file = [(start // self.size + 1, -(-end // self.size) + 1) for start, end in stretches]
        yield from sorted([*in_file, *((number, number + 1) for number in self._in_log)])

    def get(self, number: int) -> bytes:
        """Its bytes, zeros where the file ends before; b"" for a page that there is not."""
        if not 1 <= number <= self.count:
            return b""
        if number in self._in_log:
            start = self._in_log[number]
            with translated(self._folder):
                return self._log.read(start, self.size)
        return self._read((number - 1) * self.size, self.size).ljust(self.size, b"\0")

    def _read(self, offset: int, n_bytes: int) -> bytes:
        if self._descriptor < 0:
            return b""
        with translated(self._folder):
            return os.pread(self._descriptor, n_bytes, offset)

    def _page_size(self) -> int:
        """What the header says, unless the pages look more like those of the usual size."""
        (stored,) = struct.unpack(">H", self._read(16, 2).ljust(2, b"\0"))
        size = 65536 if stored == 1 else stored
        if size < 512 or size & (size - 1) or self._likeness(_USUAL_SIZE) > self._likeness(size):
            return _USUAL_SIZE
        return int(size)

    def _likeness(self, size: int) -> float:
        starts = [self._read(number * size, 1) for number in range(1, 65)]
        known = [start[0] in _KINDS for start in starts if start]
        return sum(known) / max(1, len(known))

    def close(self) -> None:
        """Safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            descriptors.close_file(descriptor)
        self._log.close()

    def __enter__(self) -> Pages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stretches_of_data(descriptor: int) -> Iterator[tuple[int, int]]:
    """Where a file holds bytes: (from, until) between its holes. Raises OSError."""
    end, length = 0, os.fstat(descriptor).st_size
    while end < length:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
            start, end = end, length  # a file system that does not tell
        yield start, end


class _Log:
    """A write-ahead log, which may be absent: then it is empty. Read where it is asked for, however long it is. Raises
    OSError."""

    def __init__(self, path: Path) -> None:
        self._descriptor = -1
        with suppress(*ABSENT):
            self._descriptor = open_own(str(path))
        self.length = os.fstat(self._descriptor).st_size if self._descriptor >= 0 else 0

    def read(self, start: int, n_bytes: int) -> bytes:
        return os.pread(self._descriptor, n_bytes, start)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _pages_of_log(log: _Log, size: int) -> dict[int, int]:
    """Where the last committed state of each page in a write-ahead log begins."""
    if log.length < 32:
        return {}
    header = log.read(0, 32)
    magic, _, log_size, _, *salt_and_sum = struct.unpack(">8I", header)
    order = ">" if magic & 1 else "<"
    state = _summed(header[:24], order, (0, 0))
    if magic & ~1 != 0x377F0682 or log_size != size or state != tuple(salt_and_sum[2:]):
        return {}
    committed: dict[int, int] = {}
    pending: dict[int, int] = {}
    for start in range(32, log.length - size - 23, size + 24):
        frame = log.read(start, 24 + size)
        if len(frame) < 24 + size:  # cut off meanwhile
            break
        page, n_pages, *stored = struct.unpack(">6I", frame[:24])
        state = _summed(frame[:8], order, state)
        state = _summed(frame[24:], order, state)
        if stored != [*salt_and_sum[:2], *state]:
            break
        pending[page] = start + 24
        if n_pages:
            committed.update(pending)
            pending.clear()
    return committed


def _summed(data: bytes, order: str, state: tuple[int, int]) -> tuple[int, int]:
    one, two = state
    numbers = struct.unpack(f"{order}{len(data) // 4}I", data)
    for i in range(0, len(numbers), 2):
        one = (one + numbers[i] + two) & 0xFFFFFFFF
        two = (two + numbers[i + 1] + one) & 0xFFFFFFFF
    return one, two


@dataclass(slots=True)
class Tree:
    """What is to be had of a table or an index. pages: in their order, inner ones too; faults: what could not be
    read on the way."""

    pages: list[int] = field(default_factory=list)
    faults: int = 0


def walk(pages: Pages, root: int) -> Tree:
    """The pages below a root."""
    tree, seen = Tree(), set[int]()
    todo = [root]
    while todo:
        number = todo.pop()
        data = pages.get(number)
        kind = _kind(data, number)
        if number in seen or kind not in _KINDS:
            tree.faults += 1
            continue
        seen.add(number)
        tree.pages.append(number)
        if kind in (INNER_TABLE, INNER_INDEX):
            starts, faults = _cells(data, number)
            tree.faults += faults
            children = [int.from_bytes(data[at : at + 4], "big") for at in starts]
            header = _header(number)
            children.append(int.from_bytes(data[header + 8 : header + 12], "big"))
            todo += reversed(children)
    return tree


def free_pages(pages: Pages) -> Tree:
    """Those that hold what was deleted."""
    tree = Tree()
    trunk, stored = struct.unpack(">2I", pages.get(1)[32:40].ljust(8, b"\0"))
    seen = set[int]()
    while trunk:
        data = pages.get(trunk)
        if not data or trunk in seen:
            tree.faults += 1
            break
        (following, n_leaves) = struct.unpack(">2I", data[:8])
        most = len(data) // 4 - 2
        tree.faults += n_leaves > most
        leaves = struct.unpack(f">{min(n_leaves, most)}I", data[8 : 8 + 4 * min(n_leaves, most)])
        seen.update((trunk, *leaves))
        trunk = following
    tree.pages = sorted(seen)
    tree.faults += len(seen) != stored
    return tree


def rows(pages: Pages, number: int, tree: Tree) -> Iterator[tuple[int, Row]]:
    """The records that one page holds, each with the page's kind. What cannot be read is a fault of the tree."""
    data = pages.get(number)
    kind = _kind(data, number)
    if kind not in _KINDS or kind == INNER_TABLE:
        return
    starts, faults = _cells(data, number)
    tree.faults += faults
    for at in starts:
        row = _row(pages, data, at + 4 if kind == INNER_INDEX else at, kind)
        if row is None:
            tree.faults += 1
        else:
            yield kind, row


def _header(number: int) -> int:
    return 100 if number == 1 else 0


def _kind(data: bytes, number: int) -> int:
    return data[_header(number)] if data else 0


def _cells(data: bytes, number: int) -> tuple[list[int], int]:
    """Where the cells of a page begin, and how many of them cannot be there."""
    header = _header(number)
    n_cells = int.from_bytes(data[header + 3 : header + 5], "big")
    first = header + (12 if data[header] in (INNER_TABLE, INNER_INDEX) else 8)
    most = (len(data) - first) // 2
    stored = struct.unpack(f">{min(n_cells, most)}H", data[first : first + 2 * min(n_cells, most)])
    starts = [at for at in stored if first + 2 * len(stored) <= at <= len(data) - 4]
    return starts, n_cells - len(starts)


def _row(pages: Pages, data: bytes, at: int, kind: int) -> Row | None:
    try:
        n_bytes, at = _varint(data, at)
        rowid = None
        if kind == LEAF_TABLE:
            rowid, at = _varint(data, at)
            rowid -= (rowid >> 63) << 64
        payload = _payload(pages, data, at, n_bytes, kind)
        return None if payload is None else _record(payload, rowid)
    except (IndexError, struct.error):
        return None


def _payload(pages: Pages, data: bytes, at: int, n_bytes: int, kind: int) -> bytes | None:
    """A record's bytes, with those on overflow pages."""
    size = len(data)
    most = size - 35 if kind == LEAF_TABLE else (size - 12) * 64 // 255 - 23
    if n_bytes <= most:
        return data[at : at + n_bytes] if at + n_bytes <= size else None
    least = (size - 12) * 32 // 255 - 23
    n_local = least + (n_bytes - least) % (size - 4)
    n_local = n_local if n_local <= most else least
    if n_bytes > _LARGEST_RECORD or n_bytes > pages.count * size or at + n_local + 4 > size:
        return None
    payload = bytearray(data[at : at + n_local])
    following = int.from_bytes(data[at + n_local : at + n_local + 4], "big")
    while len(payload) < n_bytes:
        page = pages.get(following)
        if not page:
            return None
        payload += page[4 : 4 + n_bytes - len(payload)]
        following = int.from_bytes(page[:4], "big")
    return bytes(payload)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(8):
        byte = data[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return value << 8 | data[at + 8], at + 9


def _record(payload: bytes, rowid: int | None) -> Row | None:
    """None for bytes that are no record to their end."""
    end, at = _varint(payload, 0)
    types = []
    while at < end:
        kind, at = _varint(payload, at)
        types.append(kind)
    if at != end or not types:
        return None
    values: list[Value] = []
    for kind in types:
        n_bytes = _INTEGER_BYTES[kind] if kind < 7 else 8 if kind == 7 else max(0, (kind - 12) // 2)
        part = payload[at : at + n_bytes]
        if len(part) != n_bytes or kind in (10, 11):
            return None
        values.append(_value(kind, part))
        at += n_bytes
    if at != len(payload):
        return None
    if rowid is not None and values[0] is None:
        values[0] = rowid
    return tuple(values)


def _value(kind: int, part: bytes) -> Value:
    if kind == 0:
        return None
    if kind < 7:
        return int.from_bytes(part, "big", signed=True)
    if kind == 7:
        return float(struct.unpack(">d", part)[0])
    if kind < 10:
        return kind - 8
    return part if kind % 2 == 0 else part.decode("utf-8", "surrogateescape")
