"""Concurrent queries share the model: those that come while it is at work are its next batch.

Nobody waits for company: a lone query is answered at once, and the busier the model, the larger its batches.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Embedder, Modality, ModelCard, Preparer, Role
from anyseek.errors import UsageError

if TYPE_CHECKING:
    from anyseek.contracts import Floats

MOST = 64
"""Items of a batch, unless a single request has more."""


class ConcurrencyLimit:
    """So many threads at work at once; one that waits for the model lets another one work."""

    def __init__(self, n: int) -> None:
        self._free = threading.Semaphore(n)
        self._mine = threading.local()

    @contextmanager
    def acquired(self) -> Iterator[None]:
        """Waits until one more thread may work; the block is its work."""
        with self._free:
            self._mine.is_held = True
            try:
                yield
            finally:
                self._mine.is_held = False

    @contextmanager
    def released(self) -> Iterator[None]:
        """In the block this thread does not count, if it did; afterwards it waits to count again."""
        is_held = getattr(self._mine, "is_held", False)
        if is_held:
            self._free.release()
        try:
            yield
        finally:
            if is_held:
                self._free.acquire()


@dataclass(slots=True)
class _Request:
    key: tuple[Modality, Role, Modality | None]
    items: Sequence[Any]
    answer: Future[Any] = field(default_factory=Future)


class BatchingEmbedder:
    """An Embedder that gathers what several threads want of another one. Close it."""

    def __init__(self, inner: Embedder, limit: ConcurrencyLimit | None = None) -> None:
        """limit: released while a thread waits for its batch."""
        self._inner = inner
        self._limit = limit or ConcurrencyLimit(1)
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="anyseek-batches", daemon=True)
        self._thread.start()

    @property
    def card(self) -> ModelCard:
        """The inner model's."""
        return self._inner.card

    def preparer(self, modality: Modality) -> Preparer:
        """The inner model's."""
        return self._inner.preparer(modality)

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """See contracts.Embedder; waits for its batch."""
        request = _Request((modality, role, target), list(prepared))
        with self._lock:
            if self._is_closed:
                raise UsageError("The model was closed.", "Ask again: the index was opened anew.")
            self._requests.put(request)
        with self._limit.released():
            vectors: Floats = request.answer.result()
        return vectors

    def close(self) -> None:
        """End the thread; safe to call twice."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._requests.put(None)
        self._thread.join(5)

    def _serve(self) -> None:
        while (first := self._requests.get()) is not None:
            batch, is_last = [first], False
            while sum(len(request.items) for request in batch) < MOST:
                try:
                    request = self._requests.get_nowait()
                except queue.Empty:
                    break
                if request is None:
                    is_last = True
                    break
                batch.append(request)
            self._answer(batch)
            if is_last:
                return

    def _answer(self, batch: list[_Request]) -> None:
        by_key: dict[tuple[Modality, Role, Modality | None], list[_Request]] = defaultdict(list)
        for request in batch:
            by_key[request.key].append(request)
        for (modality, role, target), requests in by_key.items():
            items = [item for request in requests for item in request.items]
            try:
                vectors = self._inner.embed(modality, items, role=role, target=target)
            except Exception as error:  # noqa: BLE001 - whatever it is, each of them gets it
                for request in requests:
                    request.answer.set_exception(error)
                continue
            at = 0
            for request in requests:
                request.answer.set_result(vectors[at : at + len(request.items)])
                at += len(request.items)
