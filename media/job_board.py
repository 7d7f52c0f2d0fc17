"""What the slots of a pool are to do next: jobs for whoever is free, and parts of files that one slot has open."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.opening import AnyFile

if TYPE_CHECKING:
    from anyseek.media.child import PreparedFile, Task

_MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """A task and who waits for it. spent_s: seconds that the parts of its file before it took."""

    task: Task
    future: Future[PreparedFile]
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Left:
    slot: int
    spent_s: float


class JobBoard:
    """Safe to share between threads. A slot is a number, from 0 on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._for_all: deque[Job] = deque()
        self._for_one: dict[int, deque[Job]] = {}
        # Where each file was left, by the task that goes on there. Callers may never go on, so it is bounded.
        self._left: OrderedDict[tuple[AnyFile, int], _Left] = OrderedDict()
        self._is_closed = False

    def put(self, task: Task, future: Future[PreparedFile]) -> None:
        """A part that continues another is for the slot that had that one, anything else for the first to be free."""
        with self._changed:
            left = self._left.pop((task.file, task.first), None)
            if left is None:
                self._for_all.append(Job(task, future))
            else:
                own = self._for_one.setdefault(left.slot, deque())
                own.append(Job(task, future, left.spent_s))
            self._changed.notify_all()

    def take(self, slot: int) -> Job | None:
        """Wait for a job; None once the board is closed."""
        with self._changed:
            while not self._is_closed:
                for jobs in (self._for_one.get(slot), self._for_all):
                    if jobs:
                        return jobs.popleft()
                self._changed.wait()
            return None

    def left_at(self, slot: int, job: Job, done: PreparedFile, spent_s: float) -> None:
        """The slot has read so far, and there is more. spent_s: seconds that all parts took until now."""
        with self._changed:
            self._left[job.task.file, done.first + len(done.segments)] = _Left(slot, spent_s)
            while len(self._left) > _MOST_REMEMBERED:
                self._left.popitem(last=False)

    def close(self) -> list[Job]:
        """No slot gets another job; what was left to do."""
        with self._changed:
            self._is_closed = True
            left = [*self._for_all, *(job for jobs in self._for_one.values() for job in jobs)]
            self._for_all.clear()
            self._for_one.clear()
            self._changed.notify_all()
        return left
