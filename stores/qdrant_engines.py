"""The two ways to a Qdrant: a server or cluster by qdrant-client, and the embedded engine by qdrant-edge-py.

Both keep one point a row (the point's id is the row) with its modality as payload, and answer with rows alone: scores
come from our own vectors afterwards. Point payloads hold nothing else, because every other filter is answered by the
catalog, which is always at hand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from anyseek.contracts import Modality
from anyseek.errors import AnyseekError, MissingExtra, StoreRefused, StoreUnreachable

if TYPE_CHECKING:
    from anyseek.contracts import Floats, Rows

FIELD = "modality"
TRIES = 4
FIRST_PAUSE_S = 0.25

# Quantised candidates are scored again from the full vectors; three times as many keep the recall of text
# queries, which lie apart from what the codes were fitted to.
OVERSAMPLING = 3.0


@dataclass(frozen=True, slots=True)
class QdrantOptions:
    """Where Qdrant is and how a collection is made.

    url: of a server (http, https), or "" for the embedded engine. api_key_env: the environment variable that holds the
    key; the key itself is never stored. shards, replicas, write_consistency: 0 for the server's defaults.
    quantisation: int8 keeps recall; binary loses it on unit vectors with a modality gap. on_disk: vectors are mapped,
    not held in memory. m, ef_construct, ef: of the HNSW graph (Malkov and Yashunin 2018).
    """

    url: str = ""
    api_key_env: str = ""
    grpc: bool = False
    shards: int = 0
    replicas: int = 0
    write_consistency: int = 0
    quantisation: Literal["none", "int8", "binary"] = "none"
    on_disk: bool = False
    m: int = 32
    ef_construct: int = 200
    ef: int = 256
    timeout_s: int = 30


class Engine(Protocol):
    """A Qdrant that holds one collection of rows."""

    def ensure(self, dim: int) -> None:
        """Make the collection, with its payload index, unless it is there. Raises StoreRefused for another size."""

    def count(self) -> int:
        """How many points it holds."""

    def upsert(self, rows: Rows, vectors: Floats, modalities: Sequence[Modality]) -> None:
        """Return when all of them are durable; again for the same rows does no harm."""

    def delete(self, rows: Rows) -> None:
        """Rows that are not there are passed over."""

    def candidates(self, queries: Floats, k: int, modalities: frozenset[Modality] | None) -> list[list[int]]:
        """For each query, up to k rows that are near it, best first."""

    def settle(self) -> None:
        """Called after the last upsert: build what makes searching fast."""

    def drop(self) -> None:
        """Remove the collection."""

    def close(self) -> None:
        """Let go; safe to call twice."""


class Server:
    """A collection on a server or a cluster; also the client's own in-memory engine, for tests (url ":memory:")."""

    def __init__(self, options: QdrantOptions, collection: str) -> None:
        try:
            import qdrant_client
        except ImportError as error:
            raise MissingExtra("qdrant-client is not installed.", "pip install 'anyseek[qdrant]'") from error
        self.collection = collection
        self._options = options
        self._models = qdrant_client.models
        key = os.environ.get(options.api_key_env) if options.api_key_env else None
        if options.api_key_env and not key:
            raise StoreRefused(
                f"The environment variable {options.api_key_env} is not set.",
                f"Put Qdrant's key there: export {options.api_key_env}=...",
            )
        with told(options.url):
            if options.url == ":memory:":
                self._client = qdrant_client.QdrantClient(":memory:")
            else:
                self._client = qdrant_client.QdrantClient(
                    url=options.url,
                    api_key=key,
                    prefer_grpc=options.grpc,
                    timeout=options.timeout_s,
                    check_compatibility=False,
                )

    def ensure(self, dim: int) -> None:
        """See Engine."""
        models, options = self._models, self._options
        with told(options.url):
            if self._client.collection_exists(self.collection):
                params = self._client.get_collection(self.collection).config.params.vectors
                size = getattr(params, "size", dim)
                if size != dim:
                    raise StoreRefused(
                        f"The collection {self.collection} at {options.url} holds vectors of {size} numbers, "
                        f"not {dim}.",
                        "Remove it there, or name another server.",
                    )
                return
            self._client.create_collection(
                self.collection,
                vectors_config=models.VectorParams(
                    size=dim,
                    distance=models.Distance.DOT,
                    datatype=models.Datatype.FLOAT16,
                    on_disk=options.on_disk,
                ),
                hnsw_config=models.HnswConfigDiff(m=options.m, ef_construct=options.ef_construct),
                quantization_config=self._quantisation(),
                shard_number=options.shards or None,
                replication_factor=options.replicas or None,
                write_consistency_factor=options.write_consistency or None,
            )
            # Before the first point: a payload index made after the graph ruins filtered recall (qdrant#6937).
            if options.url != ":memory:":
                self._client.create_payload_index(
                    self.collection, FIELD, models.PayloadSchemaType.KEYWORD, wait=True
                )

    def _quantisation(self) -> Any:
        models = self._models
        if self._options.quantisation == "int8":
            return models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
            )
        if self._options.quantisation == "binary":
            return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
        return None

    def count(self) -> int:
        """See Engine."""
        with told(self._options.url):
            return int(self._client.count(self.collection, exact=True).count)

    def upsert(self, rows: Rows, vectors: Floats, modalities: Sequence[Modality]) -> None:
        """See Engine; a batch that fails is sent again, with longer and longer pauses."""
        batch = self._models.Batch(
            ids=[int(row) for row in rows],
            vectors=vectors.tolist(),
            payloads=[{FIELD: str(modality)} for modality in modalities],
        )
        with told(self._options.url):
            again(lambda: self._client.upsert(self.collection, batch, wait=True))

    def delete(self, rows: Rows) -> None:
        """See Engine."""
        chosen = self._models.PointIdsList(points=[int(row) for row in rows])
        with told(self._options.url):
            again(lambda: self._client.delete(self.collection, chosen, wait=True))

    def candidates(self, queries: Floats, k: int, modalities: frozenset[Modality] | None) -> list[list[int]]:
        """See Engine; one request for all queries."""
        models, wanted = self._models, None
        if modalities is not None:
            match = models.MatchAny(any=sorted(str(modality) for modality in modalities))
            wanted = models.Filter(must=[models.FieldCondition(key=FIELD, match=match)])
        quantisation = None
        if self._options.quantisation != "none":
            quantisation = models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        params = models.SearchParams(hnsw_ef=max(self._options.ef, k), quantization=quantisation)
        if self._options.url == ":memory:":
            params = None  # its engine is exact, and warns that it heeds none
        requests = [
            models.QueryRequest(query=query.tolist(), filter=wanted, limit=k, params=params)
            for query in queries
        ]
        with told(self._options.url):
            found = self._client.query_batch_points(self.collection, requests)
        return [[int(point.id) for point in answer.points] for answer in found]

    def settle(self) -> None:
        """See Engine: a server builds its graph by itself, in the background."""

    def drop(self) -> None:
        """See Engine."""
        with told(self._options.url):
            self._client.delete_collection(self.collection)

    def close(self) -> None:
        """See Engine."""
        self._client.close()


class Edge:
    """The engine of Qdrant inside this process; its files lie in `folder`. One process at a time may hold it."""

    def __init__(self, options: QdrantOptions, folder: Path) -> None:
        try:
            import qdrant_edge
        except ImportError as error:
            raise MissingExtra("qdrant-edge-py is not installed.", "pip install 'anyseek[qdrant]'") from error
        self._edge, self._options, self._folder = qdrant_edge, options, folder
        self._shard: Any = None

    def ensure(self, dim: int) -> None:
        """See Engine."""
        edge = self._edge
        if self._folder.exists() and any(self._folder.iterdir()):
            self._opened()
            return
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(
                size=dim, distance=edge.Distance.Dot, datatype=edge.VectorStorageDatatype.Float16
            ),
            hnsw_config=edge.HnswIndexConfig(
                m=self._options.m, ef_construct=self._options.ef_construct, full_scan_threshold=10_000
            ),
        )
        with told(str(self._folder)):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._shard = edge.EdgeShard.create(str(self._folder), config)
            self._shard.update(edge.UpdateOperation.create_field_index(FIELD, edge.PayloadSchemaType.Keyword))

    def _opened(self) -> Any:
        if self._shard is None:
            with told(str(self._folder)):
                self._shard = self._edge.EdgeShard.load(str(self._folder))
        return self._shard

    def count(self) -> int:
        """See Engine."""
        return int(self._opened().count(self._edge.CountRequest(exact=True)))

    def upsert(self, rows: Rows, vectors: Floats, modalities: Sequence[Modality]) -> None:
        """See Engine; the write-ahead log makes it durable."""
        points = [
            self._edge.Point(int(row), vector.tolist(), {FIELD: str(modality)})
            for row, vector, modality in zip(rows, vectors, modalities, strict=True)
        ]
        with told(str(self._folder)):
            self._opened().update(self._edge.UpdateOperation.upsert_points(points))

    def delete(self, rows: Rows) -> None:
        """See Engine."""
        with told(str(self._folder)):
            self._opened().update(self._edge.UpdateOperation.delete_points([int(row) for row in rows]))

    def candidates(self, queries: Floats, k: int, modalities: frozenset[Modality] | None) -> list[list[int]]:
        """See Engine."""
        edge, wanted = self._edge, None
        if modalities is not None:
            match = edge.MatchAny(sorted(str(modality) for modality in modalities))
            wanted = edge.Filter(must=[edge.FieldCondition(FIELD, match=match)])
        params = edge.SearchParams(hnsw_ef=max(self._options.ef, k))
        found = []
        for query in queries:
            request = edge.QueryRequest(
                limit=k, query=edge.Query.Nearest(query.tolist()), filter=wanted, params=params
            )
            with told(str(self._folder)):
                found.append([int(point.id) for point in self._opened().query(request)])
        return found

    def settle(self) -> None:
        """See Engine: builds the graph."""
        with told(str(self._folder)):
            self._opened().optimize()
            self._opened().flush()

    def drop(self) -> None:
        """See Engine."""
        import shutil

        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """See Engine."""
        if self._shard is not None:
            self._shard.close()
            self._shard = None


def again(send: Any) -> Any:
    """What `send` returns; after a failure that may pass (no answer, too busy) it is called up to TRIES times."""
    for attempt in range(TRIES):
        try:
            return send()
        except Exception as error:
            if attempt == TRIES - 1 or not _may_pass(error):
                raise
            time.sleep(FIRST_PAUSE_S * 2**attempt)
    raise AssertionError("unreachable")


def _status(error: BaseException) -> int:
    """The HTTP status that the server answered with, 0 when it did not answer."""
    return int(getattr(error, "status_code", 0) or 0)


def _may_pass(error: BaseException) -> bool:
    name = type(error).__name__
    return _status(error) in (429, 500, 502, 503, 504) or name in (
        "ResponseHandlingException",
        "ConnectError",
    )


@contextmanager
def told(where: str) -> Iterator[None]:
    """Errors of Qdrant and of the way to it in one sentence. Raises StoreUnreachable, StoreRefused."""
    try:
        yield
    except AnyseekError:
        raise
    except Exception as error:
        status, text = _status(error), " ".join(str(error).split())[:200]
        if status in (401, 403):
            raise StoreRefused(
                f"Qdrant at {where} refused the key.", "Check what --api-key-env names."
            ) from error
        if status == 507 or "disk" in text.lower():
            raise StoreRefused(f"Qdrant at {where} has no space left: {text}", "Make room there.") from error
        if 400 <= status < 500 and status != 429:
            raise StoreRefused(f"Qdrant at {where} refused the request: {text}", "") from error
        if "WouldBlock" in text:
            raise StoreUnreachable(
                f"Another process has the Qdrant files in {where} open.", "Wait until it has ended."
            ) from error
        raise StoreUnreachable(
            f"Qdrant at {where} does not answer as it should: {text or type(error).__name__}",
            "Is it running? Nothing is lost: the catalog has everything, and the next run goes on.",
        ) from error
