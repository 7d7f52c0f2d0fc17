"""Between the pool of decoding processes and the one thread that collects: a bounded number of tasks."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyseek.errors import MediaError

if TYPE_CHECKING:
    from anyseek.contracts import Modality
    from anyseek.media.source import Facts
    from anyseek.media.worker import DecodePool, PreparedFile
    from anyseek.opening import AnyFile

# What may be decoded and not yet embedded, in bytes. More only costs memory.
_AHEAD_BYTES = 256 << 20
_POLL_S = 0.1

T = TypeVar("T")


class Feed(Generic[T]):
    """Tasks out and results back, in order of arrival. Each task carries a token of the caller's."""

    def __init__(self, pool: DecodePool, n_workers: int, n_ahead: int) -> None:
        """n_ahead: how many results may wait, so that the workers go on while a batch is embedded."""
        self._pool = pool
        self._results: queue.SimpleQueue[tuple[T, Future[PreparedFile]]] = queue.SimpleQueue()
        self._n_workers = n_workers
        self._max_out = n_ahead + 2 * n_workers
        self._task_bytes = 0.0
        self.n_out = 0

    @property
    def has_room(self) -> bool:
        """Whether one more task may be submitted."""
        if self.n_out < 2 * self._n_workers:
            return True
        return self.n_out < self._max_out and self.n_out * self._task_bytes < _AHEAD_BYTES

    def submit(
        self,
        token: T,
        file: AnyFile,
        *,
        first: int = 0,
        modality: Modality | None = None,
        seen: Facts | None = None,
    ) -> None:
        """Returns at once; check `has_room` first."""
        future = self._pool.submit(file, first=first, modality=modality, seen=seen)
        self.n_out += 1
        future.add_done_callback(lambda done: self._results.put((token, done)))

    def arrived(self) -> Iterator[tuple[T, PreparedFile | MediaError]]:
        """What has come back: waits a moment for the first one, then takes what is there.

        Raises what is not the fault of a file: AnyseekError when no worker starts, UsageError for a preparer that
        cannot be sent.
        """
        timeout: float | None = _POLL_S
        while self.n_out:
            try:
                token, future = self._results.get(timeout is not None, timeout)
            except queue.Empty:
                return
            timeout = None
            self.n_out -= 1
            error = future.exception()
            if error is None:
                result = future.result()
                size = sum(_n_bytes(segment.data) for segment in result.segments)
                self._task_bytes += 0.1 * (size - self._task_bytes)
                yield token, result
            elif isinstance(error, MediaError):
                yield token, error
            else:
                raise error


def _n_bytes(item: Any) -> int:
    if isinstance(item, str):
        return len(item)
    if isinstance(item, (list, tuple)):
        return sum(_n_bytes(part) for part in item)
    if isinstance(item, dict):
        return sum(_n_bytes(part) for part in item.values())
    return int(getattr(item, "nbytes", 64))
