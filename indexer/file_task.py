"""One file on its way through a run: from the spool, over the decoders and the model, to the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from anyseek.contracts import Modality, Problem, SeenFile, SegmentData
from anyseek.indexer.diff import Kind, name_role
from anyseek.media.source import Facts
from anyseek.modalities import info

Key: TypeAlias = tuple[bytes, Modality | None, str]
"""Files of one key have the same segments: the content, its modality, and the suffix where that decides the reading."""


@dataclass(slots=True, eq=False)
class FileTask:
    """A file to look into.

    number: its place in the spool. seen: the facts of the scan, and once the file was read, those it had then.
    next_segment: where the next decoding task starts, None once the last segment is here. n_waiting: segments that
    wait for the model. embedded: segments whose data is their vector, which are not in the catalog yet; n_segments:
    those that are. file_id: the number of its record, once it has one. is_restored: the catalog still has the vectors
    of just this content. copies: files of the same content met meanwhile, which wait for this one.
    """

    number: int
    kind: Kind
    seen: SeenFile
    content_hash: bytes = b""
    modality: Modality | None = None
    caption: str = ""
    next_segment: int | None = None
    n_waiting: int = 0
    embedded: list[SegmentData] = field(default_factory=list)
    n_segments: int = 0
    file_id: int | None = None
    problem: Problem | None = None
    is_restored: bool = False
    copies: list[FileTask] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether all its segments have vectors."""
        return self.next_segment is None and self.n_waiting == 0

    @property
    def is_text(self) -> bool:
        """Whether its suffix decides how it is read."""
        return self.modality is not None and info(self.modality).is_text

    @property
    def key(self) -> Key:
        """See Key."""
        suffix = name_role(self.seen.path)[0] if self.is_text else ""
        return self.content_hash, self.modality, suffix

    def set_facts(self, facts: Facts) -> None:
        """What the opened file is: it may have changed since the scan."""
        self.seen = replace(self.seen, size=facts.size, mtime_ns=facts.mtime_ns, inode=facts.inode)

    def started_over(self) -> FileTask:
        """The same file, as if nothing had been done for it."""
        return FileTask(self.number, self.kind, self.seen)
