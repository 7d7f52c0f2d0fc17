"""What an engine of Qdrant has to do, its options and its errors: qdrant_server.py and qdrant_embedded.py are the two.

Both keep one point a row (the point's id is the row) with its modality as payload, and answer with rows alone: scores
come from our own vectors afterwards. Point payloads hold nothing else, because every other filter is answered by the
catalog, which is always at hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from anyseek.contracts import Modality
from anyseek.errors import AnyseekError, StoreRefused, StoreUnreachable
from anyseek.stores.backend import StoreInUse
from anyseek.stores.backend_options import StoreOptions, option, recall_option

if TYPE_CHECKING:
    from anyseek.contracts import Floats, Rows

T = TypeVar("T")

FIELD = "modality"
TRIES = 4
FIRST_PAUSE_S = 0.25


@dataclass(frozen=True)
class QdrantOptions(StoreOptions):
    """Where Qdrant is and how a collection is made.

    url: of a server (http, https), or "" for the embedded engine. api_key_env: the environment variable that holds the
    key; the key itself is never stored. shards, replicas, write_consistency: 0 for the server's defaults.
    quantisation: int8 keeps recall; binary loses it on unit vectors with a modality gap. on_disk: vectors are mapped,
    not loaded into memory. recall: shown as promised, and not measured yet. m, ef_construct, ef: of the HNSW graph
    (Malkov and Yashunin 2018).
    """

    url: str = option("", "The Qdrant server; without it, Qdrant runs embedded.", metavar="URL")
    api_key_env: str = option("", "The environment variable that holds its key.", metavar="NAME")
    grpc: bool = option(False, "Talk to Qdrant by gRPC.")
    shards: int = option(0, "Shards of the collection; 0: the server's default.", metavar="N", least=0)
    replicas: int = option(0, "Copies of each shard; 0: the server's default.", metavar="N", least=0)
    write_consistency: int = option(
        0, "Replicas that must acknowledge a write; 0: the server's default.", metavar="N", least=0
    )
    quantisation: str = option(
        "none",
        "How Qdrant compresses its vectors.",
        choices=("none", "int8", "binary"),
        metavar="none|int8|binary",
    )
    on_disk: bool = option(False, "Qdrant maps its vectors from disk.")
    recall: float = recall_option()
    m: int = option(32, "Neighbours of a node of the graph.", least=2, is_flag=False)
    ef_construct: int = option(200, "Breadth of the search that builds the graph.", least=4, is_flag=False)
    ef: int = option(256, "Breadth of a search in the graph.", least=1, is_flag=False)
    timeout_s: int = option(30, "Seconds to wait for an answer.", least=1, is_flag=False)


class QdrantEngine(Protocol):
    """A Qdrant with one collection of rows. upsert_threads: how many threads may call `upsert` at once."""

    upsert_threads: int

    def ensure(self, dim: int) -> None:
        """Make the collection, with its payload index, unless it is there. Raises StoreRefused for another size."""

    def count(self) -> int:
        """How many points the collection has."""

    def upsert(self, rows: Rows, vectors: Floats, modalities: Sequence[Modality]) -> None:
        """Return when all of them are durable; the same rows may be sent again."""

    def delete(self, rows: Rows) -> None:
        """Rows that are not there are passed over."""

    def candidates(self, queries: Floats, k: int, modalities: frozenset[Modality] | None) -> list[list[int]]:
        """For each query, up to k rows that are near it, best first."""

    def finish_building(self) -> None:
        """Called after the last upsert: build what makes searching fast."""

    def close(self) -> None:
        """Close files and connections; safe to call twice."""


def retry(send: Callable[[], T]) -> T:
    """What `send` returns; it is called up to TRIES times while it fails for a passing reason (no answer, too busy)."""
    for attempt in range(TRIES - 1):
        try:
            return send()
        except Exception as error:
            if not _is_passing(error):
                raise
            time.sleep(FIRST_PAUSE_S * 2**attempt)
    return send()


def _status(error: BaseException) -> int:
    """The HTTP status that the server answered with, 0 when it did not answer."""
    return int(getattr(error, "status_code", 0) or 0)


def _is_passing(error: BaseException) -> bool:
    name = type(error).__name__
    return _status(error) in (429, 500, 502, 503, 504) or name in (
        "ResponseHandlingException",
        "ConnectError",
    )


@contextmanager
def translated_errors(place: str) -> Iterator[None]:
    """Errors of Qdrant and of the network leave as one sentence. place: its URL or folder.

    Raises StoreUnreachable, StoreRefused.
    """
    try:
        yield
    except AnyseekError:
        raise
    except Exception as error:
        status, text = _status(error), " ".join(str(error).split())[:200]
        if status in (401, 403):
            raise StoreRefused(
                f"Qdrant at {place} refused the key.", "Check what --api-key-env names."
            ) from error
        if status == 507 or "disk" in text.lower():
            raise StoreRefused(f"Qdrant at {place} has no space left: {text}", "Make room there.") from error
        if 400 <= status < 500 and status != 429:
            raise StoreRefused(f"Qdrant at {place} refused the request: {text}", "") from error
        if "WouldBlock" in text:
            raise StoreInUse(
                f"Another process has the Qdrant files in {place} open.", "That passes by itself."
            ) from error
        is_server = "://" in place
        raise StoreUnreachable(
            f"Qdrant at {place} does not answer as it should: {text or type(error).__name__}.",
            "Is it running? Nothing is lost: the catalog has everything, and the next run goes on."
            if is_server
            else "To build it again: anyseek store refresh --anew",
        ) from error
