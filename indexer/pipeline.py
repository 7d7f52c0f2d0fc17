"""The second half of a run: decode ahead in worker processes, embed here, commit batch by batch.

This only raises on what is no file's fault (the model, the catalog, the disk). Whatever one file does is
handled within: it becomes a Problem in the catalog.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.contracts import Embedder, Modality, Problem, SeenFile
from anyseek.errors import MediaError
from anyseek.indexer.batch import Batch, Key, Ready, Work
from anyseek.indexer.diff import Kind
from anyseek.indexer.feed import Feed
from anyseek.indexer.options import IndexOptions, StopCall
from anyseek.indexer.reporter import Reporter
from anyseek.indexer.survey import Plan, unavailable
from anyseek.media.limits import stage_of
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.media.worker import PreparedFile, PreparedSegment

# A commit waits for the disk twice; with so many segments or files in one, that no longer shows.
_COMMIT_SEGMENTS = 512
_COMMIT_FILES = 2000


@dataclass(slots=True, eq=False)
class Pipeline:
    """One pass over the spool. settled: 1 for its items with nothing left to do. again: modalities whose
    vectors are to be made anew, however well the content is known."""

    plan: Plan
    settled: bytearray
    roots: dict[int, Path]
    embedder: Embedder
    feed: Feed[Work]
    batch: Batch
    options: IndexOptions
    again: Set[Modality]
    reporter: Reporter
    stop: StopCall
    _waiting: dict[Modality, deque[tuple[Work, PreparedSegment]]] = field(default_factory=dict)
    _to_continue: deque[Work] = field(default_factory=deque)
    _open: dict[int, Work] = field(default_factory=dict)  # files of several parts, by item number
    _leaders: dict[Key, Work] = field(default_factory=dict)  # files that the catalog does not have yet
    _n_ready: int = 0
    _last_commit: float = 0.0

    def run(self) -> None:
        """Until everything is done or `stop` says so; what was embedded is committed either way."""
        self._last_commit = time.monotonic()
        new_files = self._new_files()
        try:
            while not self.stop():
                while self.feed.has_room and self._submit_next(new_files):
                    pass
                if not self.feed.n_out:
                    break
                self._collect()
            self._commit()
        finally:
            self.batch.close()

    # ------------------------------------------------------------ to the workers

    def _new_files(self) -> Iterator[Work]:
        for item in self.plan.spool:
            if not self.settled[item.number] and item.seen.root not in self.plan.lost:
                yield Work(item, os.path.join(self.roots[item.seen.root], item.seen.path), item.seen)

    def _submit_next(self, new_files: Iterator[Work]) -> bool:
        """One more task; parts of open files first, so that they get done. False when nothing is left."""
        work = self._to_continue.popleft() if self._to_continue else next(new_files, None)
        if work is None:
            return False
        self.feed.submit(work, work.path, first=work.next_part or 0, modality=work.modality)
        return True

    # ------------------------------------------------------------ from the workers

    def _collect(self) -> None:
        for work, outcome in self.feed.arrived():
            if isinstance(outcome, MediaError):
                self._fail(work, outcome)
            elif work.next_part is None:
                self._take_first(work, outcome)
            elif work.is_as_read(outcome.seen):
                self._take_segments(work, outcome)
            else:
                name = printable(os.path.basename(work.path))
                self._fail(work, MediaError(f"{name} changed while it was read.", "changed-while-read"))
            self._embed(at_least=self.options.batch)
            if self._is_time():
                self._commit()
            if self.stop():
                return

    def _take_first(self, work: Work, outcome: PreparedFile) -> None:
        facts = outcome.seen
        work.seen = SeenFile(work.seen.root, work.seen.path, facts.size, facts.mtime_ns, facts.inode)
        work.modality = outcome.modality
        work.content_hash = outcome.content_hash
        work.caption = outcome.caption
        if work.modality is None:
            self._finish(work)
        elif not outcome.is_supported:
            model = self.embedder.card.name
            self._skip(work, Problem("no-tower", "embed", f"The model {model} knows no {work.modality}."))
        elif not self._is_known(work):
            self._leaders[work.key] = work
            self._take_segments(work, outcome)

    def _is_known(self, work: Work) -> bool:
        """Whether vectors of this content exist or are on their way; then the file is dealt with here."""
        if leader := self._leaders.get(work.key):
            leader.copies.append(work)
            self.reporter.done(work.modality)
            return True
        is_forced = work.modality in self.again
        own = None if work.item.kind is Kind.NEW else self.batch.own_record(work)
        if own is not None and not is_forced and self.batch.is_restorable(work, own):
            work.file_id, work.is_old = own.file_id, True
            self._finish(work)
            return True
        source = self.batch.source_of(work)
        if source is not None:
            self.batch.copies.append((source, work))
            self.reporter.done(work.modality)
        return source is not None

    def _take_segments(self, work: Work, outcome: PreparedFile) -> None:
        assert work.modality is not None, "the first part said what it is"
        for part in outcome.segments:
            bucket = self._waiting.setdefault(part.modality, deque())
            bucket.append((work, part))
        n_parts = len(outcome.segments)
        work.n_waiting += n_parts
        if outcome.has_more and n_parts:
            work.next_part = outcome.first + n_parts
            self._open[work.item.number] = work
            self._to_continue.append(work)
            return
        work.next_part = None
        if outcome.first + n_parts == 0:
            name = printable(os.path.basename(work.path))
            self._fail(work, MediaError(f"{name} holds nothing to search for.", "empty"))
        elif work.is_complete:
            self._finish(work)

    # ------------------------------------------------------------ problems

    def _fail(self, work: Work, error: MediaError) -> None:
        if error.reason == "vanished" and (why := unavailable(self.roots[work.seen.root])):
            self.plan.lost[work.seen.root] = why  # the drive went, not the file: the rest is left as it is
        if work.seen.root in self.plan.lost:
            return
        self._skip(work, Problem(error.reason, stage_of(error), error.message))

    def _skip(self, work: Work, problem: Problem) -> None:
        self._open.pop(work.item.number, None)
        if self._leaders.get(work.key) is work:
            del self._leaders[work.key]
        for copy in work.copies:  # each for itself, then: it may still be whole
            self._to_continue.append(Work(copy.item, copy.path, copy.item.seen))
        work.copies.clear()
        work.ready.clear()
        work.problem = problem
        own = None if work.item.kind is Kind.NEW else self.batch.own_record(work)
        is_new = own is None or own.problem is None or own.problem.code != problem.code
        is_new = is_new or self.options.retry_failed  # who asks to try again wants to know
        self.plan.tally.skipped[problem.code] += is_new
        self.reporter.problem(work.path, problem, is_new=is_new)
        if problem.code == "vanished":  # nothing to remember: the next run will find it gone, or back
            self.reporter.done(work.modality)
        else:
            self._finish(work)

    # ------------------------------------------------------------ to the model and the catalog

    def _embed(self, *, at_least: int) -> None:
        """Give the model every batch that is full, or has at least so many segments."""
        for modality, bucket in self._waiting.items():
            while len(bucket) >= at_least and bucket:
                batch = [bucket.popleft() for _ in range(min(self.options.batch, len(bucket)))]
                vectors = self.embedder.embed(modality, [part.item for _, part in batch])
                for (work, part), vector in zip(batch, vectors, strict=True):
                    work.n_waiting -= 1
                    if work.problem is None:
                        work.ready.append(Ready(modality, part.span, part.excerpt, part.words, vector))
                        self._n_ready += 1
                        if work.is_complete:
                            self._finish(work)
                self.reporter.segments += len(batch)

    def _finish(self, work: Work) -> None:
        self._open.pop(work.item.number, None)
        self.batch.done.append(work)
        self.reporter.done(work.modality)

    def _is_time(self) -> bool:
        waited_s = time.monotonic() - self._last_commit
        return (
            self._n_ready >= _COMMIT_SEGMENTS
            or len(self.batch) >= _COMMIT_FILES
            or waited_s >= self.options.commit_s
        )

    def _commit(self) -> None:
        self._embed(at_least=1)
        for work in self.batch.done:
            if self._leaders.get(work.key) is work:
                del self._leaders[work.key]
        self.batch.commit(list(self._open.values()))
        self._n_ready = 0
        self._last_commit = time.monotonic()
