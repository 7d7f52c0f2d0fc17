"""What a Qdrant has to be able to do, and how its errors are told: qdrant_server.py and qdrant_embedded.py are the two.

Both keep one point a row (the point's id is the row) with its modality as payload, and answer with rows alone: scores
come from our own vectors afterwards. Point payloads hold nothing else, because every other filter is answered by the
catalog, which is always at hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from anyseek.contracts import Modality
from anyseek.errors import AnyseekError, StoreRefused, StoreUnreachable

if TYPE_CHECKING:
    from anyseek.contracts import Floats, Rows

FIELD = "modality"
TRIES = 4
FIRST_PAUSE_S = 0.25


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
    """A Qdrant that holds one collection of rows. lanes: how many threads may call `upsert` at once."""

    lanes: int

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
