"""The middle of a run: files whose content is already known, told by their hash, and not decoded at all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyseek.contracts import FileRecord, FileState, SeenFile
from anyseek.indexer.diff import Deed, Kind, settle
from anyseek.indexer.hashing import hashed
from anyseek.indexer.options import StopCall
from anyseek.indexer.spool import Item
from anyseek.indexer.survey import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from anyseek.catalog.catalog import Catalog, Writer

_TOUCHES = 1000


def needs_hash(plan: Plan, item: Item) -> bool:
    """Whether a hash may spare this file its decoding: only where a size that is known makes it likely."""
    if item.kind is Kind.UNSURE:
        return True
    return item.kind in (Kind.NEW, Kind.CHANGED) and item.seen.size in plan.free_sizes


@dataclass(slots=True)
class _Recogniser:
    catalog: Catalog
    plan: Plan
    settled: bytearray
    touches: list[tuple[FileRecord, SeenFile]] = field(default_factory=list)

    def confirm(self, item: Item, record: FileRecord, seen: SeenFile) -> None:
        """The record's own place still holds its content; its facts may be other ones."""
        self.settled[item.number] = 1
        self.plan.free.discard(record.file_id)
        self.plan.tally.unchanged += 1
        same = (record.size, record.mtime_ns, record.inode) == (seen.size, seen.mtime_ns, seen.inode)
        if not same or record.state is FileState.MISSING:
            self.touches.append((record, seen))
        if len(self.touches) >= _TOUCHES:
            self.write_touches()

    def write_touches(self) -> None:
        """Commit what was confirmed."""
        if self.touches:
            with self.catalog.begin() as writer:
                for record, seen in self.touches:
                    writer.touch(record.file_id, seen)
                    _end_problem(writer, record, seen)
            self.touches.clear()

    def place_others(self, known: dict[bytes, list[tuple[Item, SeenFile]]]) -> None:
        """Moves and copies, in one transaction, so that files may swap names."""
        with self.catalog.read() as snapshot, self.catalog.begin() as writer:
            copies: list[tuple[int, Item, SeenFile]] = []
            for content_hash, items in known.items():
                twins = snapshot.files_with_hash(content_hash)
                for item, seen in items:
                    deed, twin = settle(seen, twins, self.plan.free.__contains__)
                    if twin is None:
                        continue
                    self.settled[item.number] = 1
                    if deed is Deed.MOVE:
                        self._move(writer, twin, seen)
                    else:
                        copies.append((twin.file_id, item, seen))
            for source, item, seen in copies:
                writer.copy(source, seen)
                self._count(item)

    def _move(self, writer: Writer, record: FileRecord, seen: SeenFile) -> None:
        plan = self.plan
        writer.move(record.file_id, seen)
        _end_problem(writer, record, seen)
        plan.free.discard(record.file_id)
        plan.tally.moved += 1
        if plan.gone.pop(record.file_id, None) is not None:
            plan.tally.gone -= 1

    def _count(self, item: Item) -> None:
        if item.kind is Kind.NEW:
            self.plan.tally.new += 1
        else:
            self.plan.tally.changed += 1


def _end_problem(writer: Writer, record: FileRecord, seen: SeenFile) -> None:
    """A file that could not be read for a while holds what it held before: its vectors were kept for this.

    Nothing happens to one that failed for what is in it: it has no vectors.
    """
    if record.problem is not None:
        writer.restore(record.file_id, seen)


def recognise(
    catalog: Catalog, plan: Plan, roots: dict[int, Path], n_threads: int, stop: StopCall
) -> bytearray:
    """Settle what hashes can settle: touched files, moved ones, copies of what has moved.

    Returns one byte for every item of the spool, 1 where nothing is left to do. A file that cannot be read
    here is left to the pipeline, which says why.
    """
    work = _Recogniser(catalog, plan, bytearray(len(plan.spool)))
    known: dict[bytes, list[tuple[Item, SeenFile]]] = defaultdict(list)
    candidates = (item for item in plan.spool if needs_hash(plan, item))
    with catalog.read() as snapshot:
        for item, seen, content_hash in hashed(candidates, roots, n_threads, stop):
            record = snapshot.file_at(seen.root, seen.path) if item.kind is Kind.UNSURE else None
            if record is not None and record.content_hash == content_hash:
                work.confirm(item, record, seen)
            elif snapshot.files_with_hash(content_hash):
                known[content_hash].append((item, seen))
    work.write_touches()
    if known and not stop():
        work.place_others(known)
    return work.settled
