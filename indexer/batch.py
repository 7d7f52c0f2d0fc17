"""What waits for the next commit, and the one transaction that writes it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from anyseek.contracts import Modality, Problem, SeenFile, Span
from anyseek.indexer.diff import Kind, name_role, reads_alike
from anyseek.indexer.spool import Item

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot, Writer
    from anyseek.contracts import FileRecord, Floats
    from anyseek.indexer.survey import Plan, Tally
    from anyseek.media.worker import FileFacts

_REMEMBERED = 4096

Key: TypeAlias = tuple[bytes, Modality | None, str]


class Ready(NamedTuple):
    """A segment with its vector, (dim,) float32. words: of a text, all of it."""

    modality: Modality
    span: Span
    excerpt: str
    words: str
    vector: Floats


@dataclass(slots=True, eq=False)
class Work:
    """One file on its way from the disk to the catalog.

    seen: the facts when it was read. n_waiting: segments that the model has not seen yet. ready: segments
    with their vectors, (dim,) float32, not yet in the catalog. next_part: the segment that the next task
    starts with, None once the last part is here. file_id: set once a part of it is in the catalog.
    copies: files of the same content met meanwhile, which wait for this one.
    """

    item: Item
    path: str
    seen: SeenFile
    content_hash: bytes = b""
    modality: Modality | None = None
    caption: str = ""
    next_part: int | None = None
    n_waiting: int = 0
    ready: list[Ready] = field(default_factory=list)
    n_segments: int = 0
    file_id: int | None = None
    problem: Problem | None = None
    is_old: bool = False  # the model is not needed: what the catalog kept is right again
    copies: list[Work] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether all its segments have vectors."""
        return self.next_part is None and self.n_waiting == 0

    def is_as_read(self, facts: FileFacts) -> bool:
        """Whether these are the facts that the file had when its first part was read."""
        return (facts.size, facts.mtime_ns, facts.inode) == (
            self.seen.size,
            self.seen.mtime_ns,
            self.seen.inode,
        )

    @property
    def key(self) -> Key:
        """Files of one key have the same segments: the content, and what its name says about reading it."""
        suffix = name_role(self.path)[0] if self.modality is Modality.TEXT else ""
        return self.content_hash, self.modality, suffix


@dataclass(slots=True)
class Batch:
    """Files that are done, and open ones whose first segments are: `commit` writes them."""

    catalog: Catalog
    space_id: int
    plan: Plan
    done: list[Work] = field(default_factory=list)
    copies: list[tuple[int, Work]] = field(default_factory=list)
    # Files put in this run, by key: spares the catalog the question when thousands of files are equal.
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

    def own_record(self, work: Work) -> FileRecord | None:
        """What the catalog has at the file's place."""
        return self.snapshot().file_at(work.seen.root, work.seen.path)

    def is_restorable(self, work: Work, own: FileRecord | None) -> bool:
        """Whether the place's own record, failed meanwhile, has kept the vectors of just this content."""
        return (
            own is not None
            and own.content_hash == work.content_hash
            and own.modality is work.modality
            and bool(self.snapshot().segments_of_file(own.file_id))
        )

    def source_of(self, work: Work) -> int | None:
        """A file whose vectors may be copied: of the same key, and sure to hold them until the commit."""
        if work.key in self._recent:
            self._recent.move_to_end(work.key)
            return self._recent[work.key]
        for record in self.snapshot().files_with_hash(work.content_hash):
            if (
                record.problem is None
                and record.modality is work.modality
                and record.file_id not in self.plan.free
                and (work.modality is not Modality.TEXT or reads_alike(record.path, work.seen.path))
            ):
                return record.file_id
        return None

    def commit(self, unfinished: list[Work]) -> None:
        """One transaction for everything that is done, and for the segments of unfinished files."""
        unfinished = [work for work in unfinished if work.ready]
        if not (self.done or self.copies or unfinished):
            return
        self.close()
        with self.catalog.begin() as writer:
            for source, work in self.copies:  # first: nothing they copy from is written over here
                writer.copy(source, work.seen)
            for work in self.done:
                self._put(writer, work)
            for work in unfinished:
                self._put_segments(writer, work, complete=False)
        for work in self.done:
            if work.content_hash and work.file_id is not None and work.problem is None:
                self._recent[work.key] = work.file_id
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        self._count()
        self.done.clear()
        self.copies.clear()

    def _put(self, writer: Writer, work: Work) -> None:
        if work.problem is not None:
            writer.put_failed(work.seen, b"", work.modality, work.problem)
        elif work.modality is None:
            writer.put_file(work.seen, b"", None)
        elif work.is_old:
            assert work.file_id is not None, "it has a record"
            writer.restore(work.file_id, work.seen)
        else:
            self._put_segments(writer, work, complete=True)
            assert work.file_id is not None, "it was put just now"
            for copy in work.copies:
                writer.copy(work.file_id, copy.seen)

    def _put_segments(self, writer: Writer, work: Work, *, complete: bool) -> None:
        import numpy as np

        assert work.modality is not None, "only files that were read have segments"
        has_parts = work.file_id is not None
        if work.file_id is None:
            work.file_id = writer.put_file(work.seen, work.content_hash, work.modality, complete=complete)
            writer.set_caption(work.file_id, work.caption)
        for modality in dict.fromkeys(part.modality for part in work.ready):
            own = [part for part in work.ready if part.modality is modality]
            parts = [(part.span, part.excerpt) for part in own]
            vectors = np.stack([part.vector for part in own])
            words = [part.words for part in own] if modality is Modality.TEXT else ()
            writer.add_segments(work.file_id, self.space_id, modality, parts, vectors, words)
        if complete and has_parts:
            writer.complete_file(work.file_id)
        work.n_segments += len(work.ready)
        work.ready.clear()

    def _count(self) -> None:
        """After the commit: what it added."""
        tally = self.plan.tally
        for work in self.done:
            if work.problem is not None or work.modality is None:
                continue
            if work.is_old:
                tally.unchanged += 1
                continue
            for one in (work, *work.copies):
                _count_file(tally, one)
            tally.embedded += 1
            tally.segments += work.n_segments
        for _, work in self.copies:
            _count_file(tally, work)


def _count_file(tally: Tally, work: Work) -> None:
    if work.item.kind is Kind.NEW:
        tally.new += 1
    else:
        tally.changed += 1
