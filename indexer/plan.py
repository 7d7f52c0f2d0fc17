"""What a run has to do, and what it counts while it does it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from anyseek.contracts import FileRecord, Modality, Problem, Report, SeenFile
from anyseek.indexer.diff import TRANSIENT, Kind, is_content, same_facts
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
    known_problems: int = 0

    def add(self, task: FileTask) -> None:
        """Count a file whose content is now indexed as new or changed."""
        if task.kind is Kind.NEW:
            self.new += 1
        else:
            self.changed += 1

    def add_unchanged(self, record: FileRecord) -> None:
        """Count a file that stays as it is."""
        if record.problem is not None and record.problem.code not in TRANSIENT:  # whose content is back
            self.known_problems += 1
        elif is_content(record):
            self.unchanged += 1

    def add_skipped(self, problem: Problem, *, is_new: bool) -> None:
        """Count what was skipped in this run. is_new: no run before has said so."""
        if is_new:
            self.skipped[problem.code] += 1
        else:
            self.known_problems += 1

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
            known_problems=self.known_problems,
        )


@dataclass(slots=True)
class Plan:
    """What the comparison leaves to do. Numbers are file ids.

    spool: the files to look into. reread: modalities whose vectors are to be made anew, however well the content is
    known. gone: records whose files are gone, each with its root. free: records whose places no longer hold their
    content, gone or changed, so that their vectors may move. free_sizes: their sizes in bytes. missing, returned: to
    be marked so. unread: folders and files that could not be read. lost: roots that are not what was indexed, with
    the reason. folders: that were read, by root and path. absent: folders whose drive is not there, with the records
    below that are missing since this run (see emptied.py).

    Of roots that are not there (see absent_roots.py): away: roots whose records files elsewhere may take over, and
    whether they have really gone. taken: those records that were. left: how many a root still has, but for files that
    are no media. moved_from: where files of each root were met. emptied: roots that leave the index.
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
    folders: dict[int, dict[bytes, FolderFacts]] = field(default_factory=dict)
    absent: dict[tuple[int, bytes], list[int]] = field(default_factory=dict)
    away: dict[int, bool] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    left: Counter[int] = field(default_factory=Counter)
    moved_from: dict[int, list[SeenFile]] = field(default_factory=lambda: defaultdict(list))
    emptied: set[int] = field(default_factory=set)
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

    def may_move(self, record: FileRecord, seen: SeenFile) -> bool:
        """Whether a record may leave its place for a file of the same content.

        It may when nothing is at its place any more. Where something is, a file that was copied and then changed leaves
        its record, and with it what people gave it, at its place, unless this is the very file, by its inode. Each
        record moves once.
        """
        has_gone = self.away.get(record.root)
        if has_gone is not None and record.size:  # empty files are all alike
            return record.file_id not in self.taken and (has_gone or same_facts(record, seen))
        return record.file_id in self.free and (record.file_id in self.gone or record.inode == seen.inode)

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
        self.tally.add_unchanged(record)

    def settle_move(self, task: FileTask, record: FileRecord) -> None:
        """The vectors of the record go with the file, once."""
        self._settled[task.number] = 1
        self.tally.moved += is_content(record)
        self.move_unsettled(record, task.seen)

    def move_unsettled(self, record: FileRecord, seen: SeenFile) -> None:
        """The record goes with the file, which has to be decoded all the same."""
        self.free.discard(record.file_id)
        if self.gone.pop(record.file_id, None) is not None:
            self.tally.gone -= 1
        if record.root in self.away:
            self.taken.add(record.file_id)
            if is_content(record):
                self.left[record.root] -= 1
                self.moved_from[record.root].append(seen)

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
