"""What a run has to do, and what it counts while it does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from anyseek.contracts import FileRecord, Modality, Report, SeenFile
from anyseek.indexer.diff import Kind
from anyseek.indexer.file_task import FileTask
from anyseek.indexer.scan import FolderFacts, Unread
from anyseek.indexer.spool import Spool


@dataclass(slots=True)
class Tally:
    """What a run counts; the fields of a Report."""

    seen: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    unchanged: int = 0
    embedded: int = 0
    segments: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, task: FileTask) -> None:
        """Count a file whose content is now indexed as new or changed."""
        if task.kind is Kind.NEW:
            self.new += 1
        else:
            self.changed += 1

    def report(self, seconds: float, remarks: Sequence[str], *, interrupted: bool) -> Report:
        """The figures as they are now."""
        return Report(
            seen=self.seen,
            new=self.new,
            changed=self.changed,
            moved=self.moved,
            gone=self.gone,
            unchanged=self.unchanged,
            embedded=self.embedded,
            segments=self.segments,
            skipped={code: n for code, n in self.skipped.items() if n},
            seconds=seconds,
            interrupted=interrupted,
            remarks=tuple(remarks),
        )


@dataclass(slots=True)
class Plan:
    """What the comparison leaves to do. Numbers are file ids.

    spool: the files to look into. reread: modalities whose vectors are to be made anew, however well the content is
    known. gone: records whose files are gone, each with its root. free: records whose places no longer hold their
    content, gone or changed, so that their vectors may move. free_sizes: their sizes in bytes. missing, returned: to
    be marked so. unread: folders and files that could not be read. lost: roots that are not what was indexed, with
    the reason. empty: roots in which nothing lies. folders: that were read, by root and path. absent: folders whose
    drive is not there, with the records below that are missing since this run (see emptied.py).
    """

    spool: Spool
    reread: Set[Modality]
    tally: Tally = field(default_factory=Tally)
    gone: dict[int, int] = field(default_factory=dict)
    free: set[int] = field(default_factory=set)
    free_sizes: set[int] = field(default_factory=set)
    missing: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)
    empty: set[int] = field(default_factory=set)
    folders: dict[int, dict[bytes, FolderFacts]] = field(default_factory=dict)
    absent: dict[tuple[int, bytes], list[int]] = field(default_factory=dict)
    _settled: bytearray = field(
        default_factory=bytearray
    )  # by number of a task: 1 where nothing is left to do

    def add(self, kind: Kind, seen: SeenFile) -> None:
        """One more file to look into."""
        self.spool.add(kind, seen)
        self._settled.append(0)

    def set_free(self, record: FileRecord) -> None:
        """The place of this record no longer holds its content."""
        if record.content_hash:
            self.free.add(record.file_id)
            self.free_sizes.add(record.size)

    # ------------------------------------------------------------ what hashes settle

    @property
    def n_settled(self) -> int:
        """How many files need no decoding."""
        return self._settled.count(1)

    def is_settled(self, task: FileTask) -> bool:
        """Whether nothing is left to do for it."""
        return bool(self._settled[task.number])

    def unsettled(self) -> Iterator[FileTask]:
        """The files that have to be decoded, but for those of roots that are lost by now."""
        return (task for task in self.spool if not self.is_settled(task) and task.seen.root not in self.lost)

    def settle_unchanged(self, task: FileTask, record: FileRecord) -> None:
        """The record's own place still holds its content."""
        self._settled[task.number] = 1
        self.free.discard(record.file_id)
        self.tally.unchanged += 1

    def settle_move(self, task: FileTask, record: FileRecord) -> None:
        """The vectors of the record go with the file, once."""
        self._settled[task.number] = 1
        self.free.discard(record.file_id)
        self.tally.moved += 1
        if self.gone.pop(record.file_id, None) is not None:
            self.tally.gone -= 1

    def move_unsettled(self, record: FileRecord) -> None:
        """The record goes with the file, which has to be decoded all the same."""
        self.free.discard(record.file_id)
        if self.gone.pop(record.file_id, None) is not None:
            self.tally.gone -= 1

    def settle_copy(self, task: FileTask) -> None:
        """Another record's vectors are copied."""
        self._settled[task.number] = 1
        self.tally.add(task)

    # ------------------------------------------------------------ at the end

    def keep_all_gone(self) -> None:
        """Delete nothing: what was not seen may only not have been looked for."""
        self.gone.clear()
        self.tally.gone = 0

    def keep_gone(self, file_ids: Iterable[int], n_content: int) -> None:
        """Do not delete these. n_content: how many of them were counted."""
        for file_id in file_ids:
            del self.gone[file_id]
        self.tally.gone -= n_content

    def keep_gone_of(self, root: int, reason: str) -> None:
        """Delete nothing of a root that is not what was indexed."""
        self.lost[root] = reason
        n_before = len(self.gone)
        self.gone = {file_id: its_root for file_id, its_root in self.gone.items() if its_root != root}
        self.tally.gone = max(0, self.tally.gone - (n_before - len(self.gone)))
