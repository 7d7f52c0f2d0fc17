"""The index behind a server: opened once, noticed and opened again when another one has taken its place."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek import workspace
from anyseek.catalog import descriptors
from anyseek.contracts import Segment
from anyseek.errors import NoSuchSegment
from anyseek.media.previews import Preview
from anyseek.opening import FileBelow
from anyseek.serve.batching import BatchingEmbedder, ConcurrencyLimit
from anyseek.serve.previews import Previews

if TYPE_CHECKING:
    from anyseek.index import Index


class Service:
    """Safe to share between threads; close it."""

    def __init__(self, folder: Path) -> None:
        """Raises IndexNotFound and what opening an index raises."""
        self.folder = folder
        # More threads at work only wait for one another: 4 on two cores took a sixth more processor time than 2.
        self.limit = ConcurrencyLimit(max(2, os.cpu_count() or 1))
        self._is_open = False
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        from anyseek.embedders import registry

        with workspace.open(index=self.folder) as first:
            name = first.model.name
        self._embedder = BatchingEmbedder(registry.load(name), self.limit)
        self._index = workspace.open(index=self.folder, model=self._embedder)
        self._previews = Previews(self._embedder, self._index.depth_unit)
        # Held open, so that no other file can get its number while we compare.
        self._catalog_file = descriptors.open_file(self.folder / workspace.CATALOG_NAME)
        self._is_open = True

    def _is_there(self) -> bool:
        """Whether the catalog at our place is still the one that was opened."""
        try:
            return self._is_open and os.path.samestat(
                os.fstat(self._catalog_file), os.stat(self.folder / workspace.CATALOG_NAME)
            )
        except OSError:
            return False

    @property
    def embedder(self) -> BatchingEmbedder:
        """The index's model."""
        return self._embedder

    @contextmanager
    def index(self) -> Iterator[Index]:
        """The index as it is now. Raises IndexNotFound when it is gone."""
        with self._lock:
            if not self._is_there():
                self.close()
                self._open()
        yield self._index

    def preview(self, segment_id: int, version: str = "") -> tuple[Preview | None, bool]:
        """Of a segment of this index, None where it has none; and whether the file is on the disk as it was indexed.

        version: see `segment`. Raises NoSuchSegment, MediaError.
        """
        segment, _ = self.segment(segment_id, version)
        with self.index() as index:
            preview = self._previews.of(segment, self.file(segment_id))
            return preview, index.is_as_indexed(segment.file_id)

    def segment(self, segment_id: int, version: str = "") -> tuple[Segment, str]:
        """The segment and its file's absolute path. version: of the file when it was found, "" for any.

        Raises NoSuchSegment, for a number of another index or of a file that has changed since, too.
        """
        with self.index() as index:
            record = index.segment(segment_id)
            if record is not None and version:
                file_id = record[0].file_id
                record = record if index.versions([file_id]).get(file_id) == version else None
        if record is None:
            raise _no_segment(segment_id)
        return record

    def file(self, segment_id: int) -> FileBelow:
        """The segment's file, to be opened. Raises NoSuchSegment."""
        with self.index() as index:
            file = index.file_of(segment_id)
        if file is None:
            raise _no_segment(segment_id)
        return file

    def close(self) -> None:
        """Let go of everything; safe to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        descriptors.close_file(self._catalog_file)
        self._index.close()
        self._previews.close()
        self._embedder.close()


def _no_segment(segment_id: int) -> NoSuchSegment:
    return NoSuchSegment(
        f"There is no segment {segment_id} in the index.", "Search again: it may have changed."
    )
