"""The files a run has to look into, kept on disk: memory stays flat however many there are."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from anyseek.contracts import SeenFile
from anyseek.errors import DiskFull
from anyseek.indexer.diff import Kind

_IN_MEMORY_BYTES = 4 << 20
_PAGE_ITEMS = 256


@dataclass(frozen=True, slots=True)
class Item:
    """One file to look into. number: its place in the spool. file_id: its record's, None when it has none."""

    number: int
    kind: Kind
    file_id: int | None
    seen: SeenFile


class Spool:
    """Filled first, then read any number of times, from the start. A context manager. Raises DiskFull."""

    def __init__(self) -> None:
        # A file without a name, which nobody else can read and the system deletes with us.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        self._page: list[tuple[Any, ...]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, kind: Kind, file_id: int | None, seen: SeenFile) -> None:
        """Append one."""
        self._page.append(
            (self._count, kind.value, file_id, seen.root, seen.path, seen.size, seen.mtime_ns, seen.inode)
        )
        self._count += 1
        if len(self._page) == _PAGE_ITEMS:
            self._write_page()

    def _write_page(self) -> None:
        data = marshal.dumps(self._page)
        try:
            self._file.write(len(data).to_bytes(8, "little") + data)
        except OSError as error:
            raise DiskFull(
                f"The temporary folder {tempfile.gettempdir()} cannot be written ({error.strerror}).",
                "Free some space there, or set TMPDIR to another folder.",
            ) from error
        self._page.clear()

    def __iter__(self) -> Iterator[Item]:
        if self._page:
            self._file.seek(0, 2)
            self._write_page()
        at = 0
        while True:
            self._file.seek(at)  # another iterator may have moved it
            length = int.from_bytes(self._file.read(8), "little")
            if not length:
                return
            page = marshal.loads(self._file.read(length))
            at = self._file.tell()
            for number, kind, file_id, *facts in page:
                yield Item(number, Kind(kind), file_id, SeenFile(*facts))

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
