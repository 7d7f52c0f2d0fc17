"""What waits for the next commit, and the one transaction that writes it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyseek.indexer.diff import reads_alike
from anyseek.indexer.file_task import FileTask, Key
from anyseek.modalities import info

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot, Writer
    from anyseek.contracts import FileRecord
    from anyseek.indexer.plan import Plan

_MOST_RECENT = 4096


@dataclass(slots=True)
class Batch:
    """Files that are done, and open ones whose first segments are: `commit` writes them."""

    catalog: Catalog
    space_id: int
    plan: Plan
    done: list[FileTask] = field(default_factory=list)
    copies: list[tuple[int, FileTask]] = field(default_factory=list)
    # Files put in this run, by key: spares a query of the catalog each when thousands of files are equal.
    _recent: OrderedDict[Key, int] = field(default_factory=OrderedDict)
    _snapshot: Snapshot | None = None

    def __len__(self) -> int:
        return len(self.done) + len(self.copies)

    def snapshot(self) -> Snapshot:
        """The catalog as of the last commit."""
        if self._snapshot is None:
            self._snapshot = self.catalog.read()
        return self._snapshot

    def close(self) -> None:
        """Let go of the snapshot."""
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    def own_record(self, task: FileTask) -> FileRecord | None:
        """The record that the catalog has at the file's place."""
        return self.snapshot().file_at(task.seen.root, task.seen.path)

    def is_restorable(self, task: FileTask, own: FileRecord | None) -> bool:
        """Whether the place's own record, failed meanwhile, has kept the vectors of just this content."""
        return (
            own is not None
            and own.content_hash == task.content_hash
            and own.modality is task.modality
            and bool(self.snapshot().segments_of_file(own.file_id))
        )

    def source_of(self, task: FileTask) -> int | None:
        """A file whose vectors may be copied: of the same key, and sure to hold them until the commit.

        Not one whose place has other content by now: an earlier copy of the same commit may be written over it.
        """
        if task.key in self._recent:
            self._recent.move_to_end(task.key)
            return self._recent[task.key]
        for record in self.snapshot().files_with_hash(task.content_hash):
            if (
                record.problem is None
                and record.modality is task.modality
                and record.modality not in self.plan.reread
                and record.file_id not in self.plan.free
                and (not task.is_text or reads_alike(record.path, task.seen.path))
            ):
                return record.file_id
        return None

    def commit(self, unfinished: list[FileTask]) -> None:
        """One transaction for everything that is done, and for the segments of unfinished files."""
        unfinished = [task for task in unfinished if task.embedded]
        if not (self.done or self.copies or unfinished):
            return
        self.close()
        with self.catalog.begin() as writer:
            for source, task in self.copies:  # first: nothing they copy from is written over here
                writer.copy(source, task.seen)
            for task in self.done:
                self._put(writer, task)
            for task in unfinished:
                self._put_segments(writer, task, complete=False)
        for task in self.done:
            if task.content_hash and task.file_id is not None and task.problem is None:
                self._recent[task.key] = task.file_id
        while len(self._recent) > _MOST_RECENT:
            self._recent.popitem(last=False)
        self._count()
        self.done.clear()
        self.copies.clear()

    def _put(self, writer: Writer, task: FileTask) -> None:
        if task.problem is not None:
            writer.put_failed(task.seen, b"", task.modality, task.problem)
        elif task.modality is None:
            writer.put_file(task.seen, b"", None)
        elif task.is_restored:
            assert task.file_id is not None, "it has a record"
            writer.restore(task.file_id, task.seen)
        else:
            self._put_segments(writer, task, complete=True)
            assert task.file_id is not None, "it was put just now"
            for copy in task.copies:
                writer.copy(task.file_id, copy.seen)

    def _put_segments(self, writer: Writer, task: FileTask, *, complete: bool) -> None:
        import numpy as np

        assert task.modality is not None, "only files that were read have segments"
        is_continued = task.file_id is not None
        if task.file_id is None:
            task.file_id = writer.put_file(task.seen, task.content_hash, task.modality, complete=complete)
            writer.set_caption(task.file_id, task.caption)
        for modality in dict.fromkeys(segment.modality for segment in task.embedded):
            segments = [segment for segment in task.embedded if segment.modality is modality]
            parts = [(segment.span, segment.excerpt) for segment in segments]
            vectors = np.stack([segment.data for segment in segments])
            words = [segment.text for segment in segments] if info(modality).is_text else ()
            writer.add_segments(task.file_id, self.space_id, modality, parts, vectors, words)
        if complete and is_continued:
            writer.complete_file(task.file_id)
        task.n_segments += len(task.embedded)
        task.embedded.clear()

    def _count(self) -> None:
        """After the commit: what it added."""
        tally = self.plan.tally
        for task in self.done:
            if task.problem is not None or task.modality is None:
                continue
            if task.is_restored:
                tally.unchanged += 1
                continue
            for one in (task, *task.copies):
                tally.add(one)
            tally.embedded += 1
            tally.segments += task.n_segments
        for _, task in self.copies:
            tally.add(task)
