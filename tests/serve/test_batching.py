"""Queries that come while the model is at work are its next batch, and only so many threads work at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fakes import WordEmbedder
from waiting import BRAKE_S, wait_until

from anyseek.contracts import Modality, Role
from anyseek.errors import UsageError
from anyseek.serve.batching import BatchingEmbedder, ConcurrencyLimit

if TYPE_CHECKING:
    from anyseek.contracts import Floats


class Gated(WordEmbedder):
    """A model that is at work until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.is_at_work = threading.Event()
        self.sizes: list[int] = []

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        self.sizes.append(len(prepared))
        self.is_at_work.set()
        assert self.go_on.wait(BRAKE_S)
        if any(text == "broken" for text in prepared):
            raise UsageError("That one is broken.")
        return super().embed(modality, prepared, role=role, target=target)


def test_what_comes_while_the_model_works_is_one_batch_and_each_gets_its_own_answer() -> None:
    model, limit = Gated(), ConcurrencyLimit(2)
    batching = BatchingEmbedder(model, limit)
    words = [f"word{i}" for i in range(12)]

    def ask(word: str) -> Floats:
        with limit.acquired():
            return batching.embed(Modality.TEXT, [word], role="query")

    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(ask, words[0])
        assert model.is_at_work.wait(BRAKE_S)
        rest = [pool.submit(ask, word) for word in words[1:]]
        # Each has left its turn to the next: all twelve wait, though two turns are all that there are.
        wait_until(lambda: batching._requests.qsize() == 11, "eleven queries in the queue")
        assert not any(query.done() for query in rest)
        model.go_on.set()
        found = np.concatenate([one.result(BRAKE_S) for one in (first, *rest)])
    batching.close()
    assert model.sizes == [1, 11]
    np.testing.assert_array_equal(found, WordEmbedder().embed(Modality.TEXT, words, role="query"))


def test_an_error_reaches_all_who_asked_in_that_batch_and_nobody_later() -> None:
    model = Gated()
    model.go_on.set()
    batching = BatchingEmbedder(model)
    with pytest.raises(UsageError, match="broken"):
        batching.embed(Modality.TEXT, ["broken"])
    assert batching.embed(Modality.TEXT, ["whole"]).shape[0] == 1
    batching.close()
    with pytest.raises(UsageError, match="closed"):
        batching.embed(Modality.TEXT, ["late"])


def test_no_more_threads_work_than_there_are_turns() -> None:
    limit, lock, together = ConcurrencyLimit(2), threading.Lock(), [0, 0]

    def work(_: int) -> None:
        with limit.acquired():
            with lock:
                together[0] += 1
                together[1] = max(together)
            with lock:
                together[0] -= 1
        with limit.released():  # without a turn there is none to leave
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(500)))
    assert together[0] == 0
    assert 1 <= together[1] <= 2
