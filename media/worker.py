"""Decoding where it can be killed: a pool of processes with a time and a memory limit per file.

A worker is a fresh interpreter with a pipe of its own to one thread here. The protocol: send a task, wait at
most the limit, read the answer; when none comes, the worker is killed and replaced, and that one file has
its reason. Workers share nothing, so that a death cannot harm another's work: pebble, tried first, broke its
whole pool when an idle worker was killed. Nor is the caller's script run again in each worker, as by
multiprocessing's spawn: a plain script without a `__main__` guard works.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future

from anyseek.contracts import Limits, Modality, Preparer, Span, Unit
from anyseek.errors import AnyseekError, UsageError
from anyseek.media.child import PreparedFile, Setting, Task
from anyseek.media.formats import all_formats
from anyseek.media.job_board import Job, JobBoard
from anyseek.media.source import Facts, FileFacts
from anyseek.media.worker_process import WorkerEnded, WorkerProcess, late
from anyseek.opening import AnyFile

__all__ = ["DecodePool", "FileFacts", "PreparedFile"]

SEGMENTS_PER_TASK = 32

READINGS = 4
"""Files that a worker keeps open between their parts."""


class DecodePool:
    """Context manager: workers start with the first tasks and are killed at the end, done or not.

    preparers: for each modality that is to be decoded, what makes the model's input of it; picklable.
    workers: how many processes. limits: per file; max_seconds is the time of one task.
    memory_bytes: how much a worker may allocate beyond what it starts with.
    segments_per_task: the most segments in one PreparedFile. depth_unit: overrides the preparers' hints.
    readings: how many files a worker keeps open after a part of them, for the next one. max_file_seconds: the time of
    all tasks of a file together.
    """

    def __init__(
        self,
        preparers: Mapping[Modality, Preparer],
        workers: int = 1,
        limits: Limits = Limits(),
        memory_bytes: int = 4 << 30,
        *,
        segments_per_task: int = SEGMENTS_PER_TASK,
        depth_unit: float | None = None,
        readings: int = READINGS,
        max_file_seconds: float = 3600.0,
    ) -> None:
        for preparer in preparers.values():
            if type(preparer).__module__ == "__main__":
                raise UsageError(
                    f"The preparer {type(preparer).__name__} is defined in the script that is run, "
                    "where the decoding processes cannot find it.",
                    "Move its class to a module and import it.",
                )
        self._setting = Setting(
            dict(preparers),
            limits,
            memory_bytes,
            max(1, segments_per_task),
            depth_unit,
            readings,
            max_file_seconds,
        )
        self._board = JobBoard()
        self._n_workers = max(1, workers)
        self._slots: list[_Slot] = []
        self._lock = threading.Lock()
        self._n_open = 0
        self._is_closed = False

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(
        self,
        file: AnyFile,
        *,
        first: int = 0,
        modality: Modality | None = None,
        span: Span | None = None,
        seen: Facts | None = None,
    ) -> Future[PreparedFile]:
        """Decode and prepare a file from segment `first` on, as `modality` (None: as what its content tells).

        A part that continues another goes to the worker that has the file open; should that have ended, the file is
        read from its beginning again. span: the one segment that begins there instead, which is empty where there is
        none any more. seen: the facts of the file that is meant, for Source.check_same.
        Returns at once, however much is waiting: the caller bounds what is in flight. The future raises MediaError,
        or AnyseekError when no worker can be started.
        """
        future: Future[PreparedFile] = Future()
        if span is not None and span.unit is Unit.WHOLE:
            span = None
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the pool is closed")
            self._n_open += 1
            future.add_done_callback(self._count_down)
            if not self._slots:
                all_formats()  # a format that cannot be loaded is logged here; nobody reads what a worker logs
            if len(self._slots) < min(self._n_workers, self._n_open):
                slot = _Slot(len(self._slots), self._setting, self._board)
                self._slots.append(slot)
                slot.start()
            facts = None if seen is None else FileFacts(seen.size, seen.mtime_ns, seen.inode)
            self._board.put(Task(file, first, modality, span, facts), future)
        return future

    def close(self) -> None:
        """Kill the workers; what was not finished is cancelled. Safe to call twice."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        for slot in self._slots:
            slot.stop()
        for job in self._board.close():
            job.future.cancel()
        for slot in self._slots:
            slot.join()

    def _count_down(self, future: Future[PreparedFile]) -> None:
        with self._lock:
            self._n_open -= 1


class _Slot(threading.Thread):
    """One place for a worker, and the thread that feeds it."""

    def __init__(self, number: int, setting: Setting, board: JobBoard) -> None:
        super().__init__(name="anyseek-decode", daemon=True)
        self._number = number
        self._setting = setting
        self._board = board
        self._worker: WorkerProcess | None = None
        self._is_stopped = threading.Event()

    def run(self) -> None:
        while (job := self._board.take(self._number)) is not None:
            future = job.future
            if not future.set_running_or_notify_cancel():
                continue
            try:
                outcome = self._outcome(job)
            except Exception as error:  # noqa: BLE001 - whatever it is, someone waits for the future
                self._end_worker()
                outcome = error
            if self._is_stopped.is_set():
                outcome = CancelledError()
            if isinstance(outcome, PreparedFile):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)
        self._end_worker()

    def stop(self) -> None:
        """End the work in hand, from another thread."""
        self._is_stopped.set()
        if worker := self._worker:
            worker.kill()

    def _outcome(self, job: Job) -> PreparedFile | BaseException:
        if self._is_stopped.is_set():
            return CancelledError()
        if self._worker and not self._worker.is_alive():  # it died idle: no file is to blame
            self._end_worker()
        try:
            worker = self._worker or WorkerProcess(self._setting)
            self._worker = worker
            if self._is_stopped.is_set():  # between the check above and the start
                worker.kill()
            worker.wait_until_ready()
            return self._answer(worker, job)
        except WorkerEnded as ended:
            self._end_worker()
            return ended.reason
        except AnyseekError as error:
            self._end_worker()
            return error

    def _answer(self, worker: WorkerProcess, job: Job) -> PreparedFile | BaseException:
        left_s = self._setting.max_file_seconds - job.spent_s
        if left_s <= 0:
            return late(job.task, left_s, self._setting)
        started = time.monotonic()
        answer = worker.ask(job.task, min(self._setting.limits.max_seconds, left_s), self._setting)
        if isinstance(answer, PreparedFile) and answer.has_more:
            self._board.left_at(self._number, job, answer, job.spent_s + time.monotonic() - started)
        return answer

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None
