"""The second half of a run: decode ahead in worker processes, embed here, commit batch by batch.

This only raises on what is not a file's fault (the model, the catalog, the disk). Whatever goes wrong with one file
becomes a Problem in the catalog.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from anyseek.contracts import Problem
from anyseek.errors import MediaError
from anyseek.indexer.batch import Batch
from anyseek.indexer.diff import Kind, same_facts
from anyseek.indexer.embed_queue import EmbedQueue
from anyseek.indexer.feed import Feed
from anyseek.indexer.file_task import FileTask, Key
from anyseek.indexer.plan import Plan
from anyseek.indexer.run_context import RunContext
from anyseek.indexer.survey import unavailable
from anyseek.media.limits import stage_of
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.media.worker import PreparedFile

# A commit waits for the disk twice; with so many segments or files in one, that no longer shows.
_COMMIT_SEGMENTS = 512
_COMMIT_FILES = 2000


@dataclass(slots=True, eq=False)
class Pipeline:
    """One pass over the files that no hash has settled."""

    run: RunContext
    plan: Plan
    feed: Feed[FileTask]
    batch: Batch
    _queue: EmbedQueue = field(init=False)
    _to_continue: list[tuple[int, FileTask]] = field(default_factory=list)  # a heap of open files, by number
    _again: list[FileTask] = field(default_factory=list)  # files that waited in vain for a copy's vectors
    _open: dict[int, FileTask] = field(default_factory=dict)  # files of several parts, by number
    _leaders: dict[Key, FileTask] = field(default_factory=dict)  # files that the catalog does not have yet
    _n_committed: int = 0  # segments
    _committed_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._queue = EmbedQueue(self.run.embedder, self.run.options.batch)

    def process(self) -> None:
        """Until everything is done or the run is stopped; what was embedded is committed either way."""
        new_files = self.plan.unsettled()
        try:
            while not self.run.stop():
                while self.feed.has_room and self._submit_next(new_files):
                    pass
                if not self.feed.n_out:
                    break
                self._collect()
            self._commit()
        finally:
            self.batch.close()

    # ------------------------------------------------------------ to the workers

    def _submit_next(self, new_files: Iterator[FileTask]) -> bool:
        """One more decoding task; parts of open files first, so that they get done. False when there is none now."""
        task = self._next_task(new_files)
        if task is None:
            return False
        file, first = self.run.file_of(task.seen), task.next_segment or 0
        self.feed.submit(task, file, first=first, modality=task.modality, seen=task.seen)
        return True

    def _next_task(self, new_files: Iterator[FileTask]) -> FileTask | None:
        """Few files are read by parts at the same time: a worker keeps no more of them open."""
        most = self.run.options.most_open()
        n_going_on = len(self._open) - len(self._to_continue)
        if self._to_continue and n_going_on < most:
            return heappop(self._to_continue)[1]
        if len(self._open) >= most:
            return None
        return self._again.pop() if self._again else next(new_files, None)

    # ------------------------------------------------------------ from the workers

    def _collect(self) -> None:
        for task, outcome in self.feed.arrived():
            if isinstance(outcome, MediaError):
                self._fail(task, outcome)
            elif task.next_segment is None:
                self._take_first(task, outcome)
            elif same_facts(task.seen, outcome.seen):
                self._take_segments(task, outcome)
            else:
                name = _name(task)
                self._fail(task, MediaError(f"{name} changed while it was read.", "changed-while-read"))
            self._embed(at_least=self.run.options.batch)
            if self._is_time():
                self._commit()
            if self.run.stop():
                return

    def _take_first(self, task: FileTask, outcome: PreparedFile) -> None:
        task.set_facts(outcome.seen)
        task.modality = outcome.modality
        task.content_hash = outcome.content_hash
        task.caption = outcome.caption
        if task.modality is None:
            self._finish(task)
        elif not outcome.is_supported:
            reason = f"The model {self.run.embedder.card.name} does not support {task.modality}."
            self._skip(task, Problem("no-tower", "embed", reason))
        elif not self._is_known(task):
            self._leaders[task.key] = task
            self._take_segments(task, outcome)

    def _is_known(self, task: FileTask) -> bool:
        """Whether vectors of this content exist or are on their way; then the file is dealt with here."""
        if leader := self._leaders.get(task.key):
            leader.copies.append(task)
            self.run.reporter.done(task.modality)
            return True
        own = None if task.kind is Kind.NEW else self.batch.own_record(task)
        is_reread = task.modality in self.plan.reread
        if own is not None and not is_reread and self.batch.is_restorable(task, own):
            task.file_id, task.is_restored = own.file_id, True
            self._finish(task)
            return True
        source = self.batch.source_of(task)
        if source is not None:
            self.batch.copies.append((source, task))
            self.run.reporter.done(task.modality)
        return source is not None

    def _take_segments(self, task: FileTask, outcome: PreparedFile) -> None:
        n_read = outcome.first + len(outcome.segments)
        self._queue.add(task, outcome.segments)
        if outcome.has_more and outcome.segments:
            task.next_segment = n_read
            self._open[task.number] = task
            heappush(self._to_continue, (task.number, task))
            return
        task.next_segment = None
        if not n_read:
            self._fail(task, MediaError(f"{_name(task)} has no content to search for.", "empty"))
        elif task.is_complete:
            self._finish(task)

    # ------------------------------------------------------------ problems

    def _fail(self, task: FileTask, error: MediaError) -> None:
        root = task.seen.root
        if error.reason == "vanished" and (reason := unavailable(self.run.state.roots[root])):
            self.plan.lost[root] = reason  # the drive went, not the file: the rest is left as it is
        if root in self.plan.lost:
            return
        # The only hint that is stored: what to install is known where the file was read.
        to_read_it = f" To read it: {error.hint}" if error.reason == "missing-reader" and error.hint else ""
        self._skip(task, Problem(error.reason, stage_of(error), error.message + to_read_it, error.detail))

    def _skip(self, task: FileTask, problem: Problem) -> None:
        self._open.pop(task.number, None)
        self._end_leading(task)
        self._again.extend(copy.started_over() for copy in task.copies)  # each may still be whole
        task.copies.clear()
        task.embedded.clear()
        task.problem = problem
        own = None if task.kind is Kind.NEW else self.batch.own_record(task)
        is_new = own is None or own.problem is None or own.problem.code != problem.code
        is_new = is_new or self.run.options.retry_failed  # who asks to try again wants to know
        self.plan.tally.add_skipped(problem, is_new=is_new)
        self.run.reporter.problem(self.run.path_of(task.seen), problem, is_new=is_new)
        if problem.code == "vanished":  # nothing to remember: the next run will find it gone, or back
            self.run.reporter.done(task.modality)
        else:
            self._finish(task)

    # ------------------------------------------------------------ to the model and the catalog

    def _embed(self, *, at_least: int) -> None:
        for task in self._queue.embed(at_least=at_least):
            self._finish(task)
        self.run.reporter.segments = self._queue.n_embedded

    def _finish(self, task: FileTask) -> None:
        self._open.pop(task.number, None)
        self.batch.done.append(task)
        self.run.reporter.done(task.modality)

    def _end_leading(self, task: FileTask) -> None:
        """Files of the same content no longer wait for this one."""
        if self._leaders.get(task.key) is task:
            del self._leaders[task.key]

    def _is_time(self) -> bool:
        return (
            self._queue.n_embedded - self._n_committed >= _COMMIT_SEGMENTS
            or len(self.batch) >= _COMMIT_FILES
            or time.monotonic() - self._committed_s >= self.run.options.commit_s
        )

    def _commit(self) -> None:
        self._embed(at_least=1)
        for task in self.batch.done:
            self._end_leading(task)
        self.batch.commit(list(self._open.values()))
        self._n_committed = self._queue.n_embedded
        self._committed_s = time.monotonic()


def _name(task: FileTask) -> str:
    return printable(os.path.basename(task.seen.path))
