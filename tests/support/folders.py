"""Runs of the indexer for tests: a folder, its index, and a pool that reads without a process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes import WordEmbedder
from indexes import contents

from anyseek import indexer
from anyseek.catalog.catalog import Catalog
from anyseek.contracts import FileRecord, Modality, Preparer, Problem, Report, SegmentData, Span
from anyseek.errors import MediaError
from anyseek.indexer import IndexOptions, Progress
from anyseek.media.source import HASH_BYTES, Facts, Source
from anyseek.media.worker import PreparedFile
from anyseek.opening import AnyFile


@dataclass
class Indexed:
    """A folder and its index; `run` updates it in this process. The index lies beside the folder."""

    folder: Path
    catalog: Catalog
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    events: list[Progress] = field(default_factory=list)
    read: list[str] = field(default_factory=list)  # what the pool was asked to read, when it is plain

    def run(self, *, plain: bool = False, roots: list[Path] | None = None, **options: Any) -> Report:
        """plain: every file is text, read in this process."""
        self.events.clear()
        self.read.clear()
        return indexer.update(
            self.catalog,
            self.embedder,
            roots=roots or [],
            options=IndexOptions(**{"workers": 1, **options}),
            progress=self.events.append,
            pool_factory=self._plain_pool if plain else None,
        )

    def _plain_pool(self, preparers: Mapping[Modality, Preparer], options: IndexOptions) -> Any:
        return PlainPool(self.read)

    @property
    def problems(self) -> dict[str, str]:
        """Told in the last run: path -> code."""
        return {path: problem.code for path, problem in self.told}

    @property
    def told(self) -> list[tuple[str, Problem]]:
        return [told for event in self.events for told in event.problems]

    @property
    def planned(self) -> set[tuple[str, str]]:
        """(what, path below the folder) of a dry run."""
        stem = f"{self.folder}/"
        return {(what, path.removeprefix(stem)) for event in self.events for what, path in event.planned}

    @property
    def searchable(self) -> dict[str, list[bytes]]:
        """path -> vectors, of every file with any."""
        with self.catalog.read() as snapshot:
            return {path: rows for path, rows in contents(snapshot).items() if rows}

    @property
    def records(self) -> dict[str, FileRecord]:
        with self.catalog.read() as snapshot:
            return {record.path: record for record in snapshot.files()}

    @property
    def n_embedded(self) -> int:
        return sum(self.embedder.embedded.values())


@contextmanager
def indexed(folder: Path, index: Path, *more: Path) -> Iterator[Indexed]:
    """A new index over folders, in `index`."""
    folder.mkdir(exist_ok=True)
    with Catalog.create(index, [folder, *more]) as catalog:
        yield Indexed(folder, catalog)


class PlainPool:
    """Does what DecodePool does, here and at once, for a world in which every file is a text."""

    def __init__(self, read: list[str]) -> None:
        self._read = read

    def __enter__(self) -> PlainPool:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def submit(
        self,
        path: AnyFile,
        *,
        first: int = 0,
        modality: Modality | None = None,
        seen: Facts | None = None,
    ) -> Future[PreparedFile]:
        self._read.append(os.fspath(path))
        future: Future[PreparedFile] = Future()
        try:
            with Source.open(path) as source:
                source.check_same(seen)
                data = source.rewound().read()
                segment = SegmentData(Modality.TEXT, Span(), data.decode("utf-8", "replace"))
                digest = hashlib.sha256(data).digest()[:HASH_BYTES]
                future.set_result(PreparedFile(Modality.TEXT, digest, (segment,), 0, False, source.facts))
        except MediaError as error:
            future.set_exception(error)
        return future
