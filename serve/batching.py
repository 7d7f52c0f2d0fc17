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
"""Items of a batch, unless a single asker brings more."""


class Turns:
    """So many threads at work at once; who waits for the model lets another one work."""

    def __init__(self, n: int) -> None:
        self._free = threading.Semaphore(n)
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for a turn, and has it inside."""
        with self._free:
            self._mine.is_held = True
            try:
                yield
            finally:
                self._mine.is_held = False

    @contextmanager
    def left(self) -> Iterator[None]:
        """Without this thread's turn, if it had one, inside; with it again afterwards."""
        is_held = getattr(self._mine, "is_held", False)
        if is_held:
            self._free.release()
        try:
            yield
        finally:
            if is_held:
                self._free.acquire()


@dataclass(slots=True)
class _Wish:
    key: tuple[Modality, Role, Modality | None]
    items: Sequence[Any]
    answer: Future[Any] = field(default_factory=Future)


class BatchingEmbedder:
    """An Embedder that gathers what several threads ask of another one. Close it."""

    def __init__(self, inner: Embedder, turns: Turns | None = None) -> None:
        """turns: left while a thread waits for its batch."""
        self._inner = inner
        self._turns = turns or Turns(1)
        self._wishes: queue.SimpleQueue[_Wish | None] = queue.SimpleQueue()
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
        wish = _Wish((modality, role, target), list(prepared))
        with self._lock:
            if self._is_closed:
                raise UsageError("The model was closed.", "Ask again: the index was opened anew.")
            self._wishes.put(wish)
        with self._turns.left():
            found: Floats = wish.answer.result()
        return found

    def close(self) -> None:
        """End the thread; safe to call twice."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._wishes.put(None)
        self._thread.join(5)

    def _serve(self) -> None:
        while (first := self._wishes.get()) is not None:
            batch, is_last = [first], False
            while sum(len(wish.items) for wish in batch) < MOST:
                try:
                    wish = self._wishes.get_nowait()
                except queue.Empty:
                    break
                if wish is None:
                    is_last = True
                    break
                batch.append(wish)
            self._answer(batch)
            if is_last:
                return

    def _answer(self, batch: list[_Wish]) -> None:
        alike: dict[tuple[Modality, Role, Modality | None], list[_Wish]] = defaultdict(list)
        for wish in batch:
            alike[wish.key].append(wish)
        for (modality, role, target), wishes in alike.items():
            items = [item for wish in wishes for item in wish.items]
            try:
                vectors = self._inner.embed(modality, items, role=role, target=target)
            except Exception as error:  # noqa: BLE001 - whatever it is, each asker gets it
                for wish in wishes:
                    wish.answer.set_exception(error)
                continue
            at = 0
            for wish in wishes:
                wish.answer.set_result(vectors[at : at + len(wish.items)])
                at += len(wish.items)
