"""Qdrant on a server or in a cluster, by qdrant-client."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Modality
from anyseek.errors import MissingExtra, StoreRefused
from anyseek.stores.qdrant_engines import FIELD, QdrantOptions, retry, translated_errors

if TYPE_CHECKING:
    from anyseek.contracts import Floats, Rows

UPSERT_THREADS = 4
"""Batches sent at once: a server writes one while the next is being made into JSON."""

# Quantised candidates are scored again from the full vectors; three times as many keep the recall of text
# queries, which lie apart from what the codes were fitted to.
OVERSAMPLING = 3.0


class ServerEngine:
    """A collection on a server or a cluster."""

    def __init__(self, options: QdrantOptions, collection: str) -> None:
        """Raises MissingExtra, StoreRefused without the key that was named, StoreUnreachable."""
        try:
            import qdrant_client
        except ImportError as error:
            raise MissingExtra("qdrant-client is not installed.", "pip install 'anyseek[qdrant]'") from error
        self.collection = collection
        self.upsert_threads = UPSERT_THREADS
        self._options = options
        self._models = qdrant_client.models
        key = os.environ.get(options.api_key_env) if options.api_key_env else None
        if options.api_key_env and not key:
            raise StoreRefused(
                f"The environment variable {options.api_key_env} is not set.",
                f"Put Qdrant's key there: export {options.api_key_env}=...",
            )
        with translated_errors(options.url):
            self._client = qdrant_client.QdrantClient(
                url=options.url,
                api_key=key,
                prefer_grpc=options.grpc,
                timeout=options.timeout_s,
                check_compatibility=False,
            )

    def ensure(self, dim: int) -> None:
        """See QdrantEngine."""
        models, options = self._models, self._options
        with translated_errors(options.url):
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
        """See QdrantEngine."""
        with translated_errors(self._options.url):
            return int(self._client.count(self.collection, exact=True).count)

    def upsert(self, rows: Rows, vectors: Floats, modalities: Sequence[Modality]) -> None:
        """See QdrantEngine; a batch that fails is sent again, with longer and longer pauses."""
        batch = self._models.Batch(
            ids=[int(row) for row in rows],
            vectors=vectors.tolist(),
            payloads=[{FIELD: str(modality)} for modality in modalities],
        )
        with translated_errors(self._options.url):
            retry(lambda: self._client.upsert(self.collection, batch, wait=True))

    def delete(self, rows: Rows) -> None:
        """See QdrantEngine."""
        chosen = self._models.PointIdsList(points=[int(row) for row in rows])
        with translated_errors(self._options.url):
            retry(lambda: self._client.delete(self.collection, chosen, wait=True))

    def candidates(self, queries: Floats, k: int, modalities: frozenset[Modality] | None) -> list[list[int]]:
        """See QdrantEngine; one request for all queries."""
        models, condition = self._models, None
        if modalities is not None:
            match = models.MatchAny(any=sorted(str(modality) for modality in modalities))
            condition = models.Filter(must=[models.FieldCondition(key=FIELD, match=match)])
        quantisation = None
        if self._options.quantisation != "none":
            quantisation = models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        params = models.SearchParams(hnsw_ef=max(self._options.ef, k), quantization=quantisation)
        requests = [
            models.QueryRequest(query=query.tolist(), filter=condition, limit=k, params=params)
            for query in queries
        ]
        with translated_errors(self._options.url):
            answers = self._client.query_batch_points(self.collection, requests)
        return [[int(point.id) for point in answer.points] for answer in answers]

    def finish_building(self) -> None:
        """See QdrantEngine: a server builds its graph by itself, in the background."""

    def close(self) -> None:
        """See QdrantEngine."""
        self._client.close()
