"""The files that a run has to look into, kept on disk: memory stays flat however many there are."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from anyseek.contracts import SeenFile
from anyseek.indexer.diff import Kind
from anyseek.indexer.file_task import FileTask
from anyseek.printable import printable
from anyseek.system_errors import as_anyseek

_IN_MEMORY_BYTES = 4 << 20
_PAGE_TASKS = 256


class Spool:
    """Filled first, then read any number of times, from the start: new tasks each time. A context manager. Raises
    DiskFull, DiskFailed, SystemRefused."""

    def __init__(self) -> None:
        # A file without a name, which nobody else can read and the system deletes with us.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        self._page: list[tuple[Any, ...]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, kind: Kind, seen: SeenFile) -> None:
        """Append one."""
        self._page.append(
            (self._count, kind.value, seen.root, seen.path, seen.size, seen.mtime_ns, seen.inode)
        )
        self._count += 1
        if len(self._page) == _PAGE_TASKS:
            self._write_page()

    def _write_page(self) -> None:
        data = marshal.dumps(self._page)
        try:
            self._file.write(len(data).to_bytes(8, "little") + data)
        except OSError as error:
            raise as_anyseek(
                error, f"the temporary folder {printable(tempfile.gettempdir())} (TMPDIR)"
            ) from error
        self._page.clear()

    def __iter__(self) -> Iterator[FileTask]:
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
            for number, kind, *seen in page:
                yield FileTask(number, Kind(kind), SeenFile(*seen))

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
