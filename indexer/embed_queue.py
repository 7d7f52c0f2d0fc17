"""Segments that are prepared and wait for the model, until there are enough of a modality for a batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from anyseek.contracts import Embedder, Modality, SegmentData
from anyseek.indexer.file_task import FileTask


@dataclass(slots=True)
class EmbedQueue:
    """batch: the most segments that the model is given at once. n_embedded: segments that got their vectors, in all."""

    embedder: Embedder
    batch: int
    n_embedded: int = 0
    _waiting: dict[Modality, deque[tuple[FileTask, SegmentData]]] = field(default_factory=dict)

    def add(self, task: FileTask, segments: Sequence[SegmentData]) -> None:
        """These segments of a file wait; it is complete when all have come back."""
        for segment in segments:
            self._waiting.setdefault(segment.modality, deque()).append((task, segment))
        task.n_waiting += len(segments)

    def embed(self, *, at_least: int) -> Iterator[FileTask]:
        """Give the model every batch that has at least so many segments; yields the files that this completes."""
        for modality, queue in self._waiting.items():
            while len(queue) >= at_least and queue:
                batch = [queue.popleft() for _ in range(min(self.batch, len(queue)))]
                vectors = self.embedder.embed(modality, [segment.data for _, segment in batch])
                self.n_embedded += len(batch)
                for (task, segment), vector in zip(batch, vectors, strict=True):
                    task.n_waiting -= 1
                    if task.problem is None:
                        task.embedded.append(replace(segment, data=vector))
                        if task.is_complete:
                            yield task
