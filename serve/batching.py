"""Concurrent queries share the model: those that come within a few milliseconds of one another are one batch."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Embedder, Modality, ModelCard, Preparer, Role
from anyseek.errors import UsageError

if TYPE_CHECKING:
    from anyseek.contracts import Floats

WINDOW_S = 0.003
"""How long a lone query waits for others: less than the model takes for one."""

MOST = 64


@dataclass(slots=True)
class _Wish:
    key: tuple[Modality, Role, Modality | None]
    items: Sequence[Any]
    answer: Future[Any] = field(default_factory=Future)


class BatchingEmbedder:
    """An Embedder that gathers what several threads ask of another one. Close it."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
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
            until = time.monotonic() + WINDOW_S
            while sum(len(wish.items) for wish in batch) < MOST:
                try:
                    wish = self._wishes.get(timeout=max(0.0, until - time.monotonic()))
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
