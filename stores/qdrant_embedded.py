"""Qdrant inside this process, by qdrant-edge-py: the server's own engine over files of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Modality
from anyseek.errors import MissingExtra
from anyseek.stores import qdrant_files
from anyseek.stores.qdrant_engines import FIELD, QdrantOptions, translated_errors

if TYPE_CHECKING:
    from anyseek.contracts import Floats, Rows


@dataclass(slots=True)
class _Opened:
    """An engine that searches of this process share; the last of its users closes it. descriptor: its lock."""

    shard: Any
    descriptor: int
    users: int = 1


_lock = threading.Lock()
_opened: dict[Path, _Opened] = {}


class EmbeddedEngine:
    """The engine of Qdrant inside this process; its files lie in `folder`.

    One process at a time can have them open. Those that search share the engine between their threads, and raise
    StoreInUse where another process has it; who calls `ensure`, to write, holds `qdrant_files.opened_for_writing`.
    """

    def __init__(self, options: QdrantOptions, folder: Path) -> None:
        try:
            import qdrant_edge
        except ImportError as error:
            raise MissingExtra("qdrant-edge-py is not installed.", "pip install 'anyseek[qdrant]'") from error
        self.upsert_threads = 1
        self._edge, self._options, self._folder = qdrant_edge, options, folder
        self._shard: Any = None
        self._is_shared = False

    def ensure(self, dim: int) -> None:
        """See QdrantEngine."""
        edge = self._edge
        if self._folder.exists() and any(self._folder.iterdir()):
            self._shard = self._shard or self._load()
            return
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(
                size=dim, distance=edge.Distance.Dot, datatype=edge.VectorStorageDatatype.Float16
            ),
            hnsw_config=edge.HnswIndexConfig(
                m=self._options.m, ef_construct=self._options.ef_construct, full_scan_threshold=10_000
            ),
        )
        with translated_errors(str(self._folder)):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._shard = edge.EdgeShard.create(str(self._folder), config)
            self._shard.update(edge.UpdateOperation.create_field_index(FIELD, edge.PayloadSchemaType.Keyword))

    def _load(self) -> Any:
        with translated_errors(str(self._folder)):
            return self._edge.EdgeShard.load(str(self._folder))

    def _open(self) -> Any:
        """The engine that `ensure` opened, or the one that searches share."""
        if self._shard is not None:
            return self._shard
        with _lock:
            opened = _opened.get(self._folder)
            if opened is not None:
                opened.users += 1
            else:
                descriptor = qdrant_files.opened_for_reading(self._folder.parent)
                try:
                    opened = _opened[self._folder] = _Opened(self._load(), descriptor)
                except BaseException:
                    os.close(descriptor)
                    raise
            self._shard, self._is_shared = opened.shard, True
        return self._shard

    def count(self) -> int:
        """See QdrantEngine."""
        return int(self._open().count(self._edge.CountRequest(exact=True)))

    def upsert(self, rows: Rows, vectors: Floats, modalities: Sequence[Modality]) -> None:
        """See QdrantEngine; the write-ahead log makes it durable."""
        points = [
            self._edge.Point(int(row), vector.tolist(), {FIELD: str(modality)})
            for row, vector, modality in zip(rows, vectors, modalities, strict=True)
        ]
        with translated_errors(str(self._folder)):
            self._open().update(self._edge.UpdateOperation.upsert_points(points))

    def delete(self, rows: Rows) -> None:
        """See QdrantEngine."""
        with translated_errors(str(self._folder)):
            self._open().update(self._edge.UpdateOperation.delete_points([int(row) for row in rows]))

    def candidates(self, queries: Floats, k: int, modalities: frozenset[Modality] | None) -> list[list[int]]:
        """See QdrantEngine."""
        edge, condition = self._edge, None
        if modalities is not None:
            match = edge.MatchAny(sorted(str(modality) for modality in modalities))
            condition = edge.Filter(must=[edge.FieldCondition(FIELD, match=match)])
        params = edge.SearchParams(hnsw_ef=max(self._options.ef, k))
        answers = []
        for query in queries:
            request = edge.QueryRequest(
                limit=k, query=edge.Query.Nearest(query.tolist()), filter=condition, params=params
            )
            with translated_errors(str(self._folder)):
                answers.append([int(point.id) for point in self._open().query(request)])
        return answers

    def finish_building(self) -> None:
        """See QdrantEngine: builds the graph."""
        with translated_errors(str(self._folder)):
            self._open().optimize()
            self._open().flush()

    def close(self) -> None:
        """See QdrantEngine."""
        shard, self._shard = self._shard, None
        if shard is None:
            return
        if not self._is_shared:
            shard.close()
            return
        self._is_shared = False
        with _lock:
            opened = _opened[self._folder]
            opened.users -= 1
            if not opened.users:
                del _opened[self._folder]
                try:
                    opened.shard.close()
                finally:
                    os.close(opened.descriptor)
