"""What changed between the catalog and the disk. Pure: nothing here touches a file or the catalog.

First by (size, mtime, inode), side by side in the order of paths; then, for the few files that this leaves
open, by the hash of the whole content.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from anyseek.contracts import READ_AGAIN, FileRecord, FileState, Modality, SeenFile
from anyseek.indexer.scan import Unread
from anyseek.media.source import Facts


class Kind(StrEnum):
    """What a comparison found about one path."""

    NEW = "new"
    CHANGED = "changed"  # other facts than recorded, of another size: other content
    UNSURE = "unsure"  # other facts but the same size, or too young to be trusted: a hash will tell
    RETRY = "retry"  # a known problem, to be tried again
    UNCHANGED = "unchanged"
    RETURNED = "returned"  # unchanged, and was missing
    GONE = "gone"
    MISSING = "missing"  # its folder could not be read: nothing is known


def same_facts(one: Facts, other: Facts) -> bool:
    """Whether both are of the same state of a file, as far as can be told without reading it."""
    return (one.size, one.mtime_ns, one.inode) == (other.size, other.mtime_ns, other.inode)


def facts_without_content(file: FileRecord | SeenFile) -> tuple[str, int, int]:
    """By what a file is known again at another place when no content of it is known: name, size, time of change."""
    return name_of(file.path), file.size, file.mtime_ns


@dataclass(frozen=True, slots=True)
class Change:
    """One path. seen: the file that lies there (None: nothing, or unknown). record: what the catalog has."""

    kind: Kind
    seen: SeenFile | None
    record: FileRecord | None


# Problems of the moment, not of the content: chmod and a remount change none of the facts.
TRANSIENT = frozenset({"unreadable", "changed-while-read"})


@dataclass(frozen=True, slots=True)
class Trust:
    """When the recorded facts are believed.

    before_ns, by root: a file whose recorded time of change is not older than this may have been written to
    after it was read, within one tick of the file system's clock: its hash is looked at once more. (The rule
    of borg and git.) retry_failed: try every known problem again. reread: modalities to be read anew whatever
    the facts say. transient: codes of problems of the moment, or that this run may not have.
    """

    before_ns: Mapping[int, int]
    retry_failed: bool = False
    reread: Set[Modality] = frozenset()
    transient: Set[str] = TRANSIENT


def compare(
    records: Iterable[FileRecord], scanned: Iterable[SeenFile | Unread], trust: Trust
) -> Iterator[Change]:
    """One Change for every path that either side knows. Both come sorted by (root, bytes of the path).

    What is unread covers what lies below it: records there are missing, not gone.
    """
    rest = iter(records)
    record = next(rest, None)
    for item in scanned:
        place = _place(item)
        while record is not None and _place(record) < place:
            yield Change(Kind.GONE, None, record)
            record = next(rest, None)
        if isinstance(item, Unread):
            while record is not None and record.root == item.root and item.covers(record.path):
                yield Change(Kind.MISSING, None, record)
                record = next(rest, None)
        elif record is not None and _place(record) == place:
            yield Change(_kind(record, item, trust), item, record)
            record = next(rest, None)
        else:
            yield Change(Kind.NEW, item, None)
    while record is not None:
        yield Change(Kind.GONE, None, record)
        record = next(rest, None)


def must_be_read(record: FileRecord) -> bool:
    """Whether the index lost what it had of the file: however well its content is known, it has to be decoded."""
    return record.problem is not None and record.problem.code == READ_AGAIN


def is_content(record: FileRecord) -> bool:
    """Whether a record is of something that was indexed or failed, not of a file that is not media."""
    return record.modality is not None or record.problem is not None


def _place(item: SeenFile | Unread | FileRecord) -> tuple[int, bytes]:
    return item.root, os.fsencode(item.path)


def _kind(record: FileRecord, seen: SeenFile, trust: Trust) -> Kind:
    if record.modality in trust.reread:
        return Kind.RETRY
    if must_be_read(record):
        return Kind.RETRY if same_facts(record, seen) else Kind.CHANGED
    if not same_facts(record, seen):
        return Kind.UNSURE if record.size == seen.size and record.content_hash else Kind.CHANGED
    if record.problem is not None and (trust.retry_failed or record.problem.code in trust.transient):
        return Kind.RETRY
    if record.mtime_ns >= trust.before_ns.get(record.root, 0) and record.content_hash:
        return Kind.UNSURE
    return Kind.RETURNED if record.state is FileState.MISSING else Kind.UNCHANGED


# ---------------------------------------------------------------- by hash


class Resolution(StrEnum):
    """Where the content of a file comes from, as its hash tells."""

    MOVE = "move"
    COPY = "copy"
    READ = "read"


def resolve(
    seen: SeenFile, twins: Sequence[FileRecord], may_move: Callable[[FileRecord, SeenFile], bool]
) -> tuple[Resolution, FileRecord | None]:
    """How a file is indexed whose content is not what its own place held before, and the record that it takes over.

    twins: the records of that content. may_move: whether a record may leave its place for this file (`Plan.may_move`).
    Of several the very file is preferred, then one of the same name. A record whose vectors are lost moves, and is not
    copied.
    """
    usable = [record for record in twins if must_be_read(record) or reads_alike(record.path, seen.path)]
    movable = [record for record in usable if may_move(record, seen)]
    if movable:
        return Resolution.MOVE, min(movable, key=lambda record: _unlikeness(record, seen))
    for record in usable:
        if not must_be_read(record):
            return Resolution.COPY, record
    return Resolution.READ, None


def _unlikeness(record: FileRecord, seen: SeenFile) -> tuple[bool, bool]:
    return record.inode != seen.inode, name_of(record.path) != name_of(seen.path)


def name_of(path: str) -> str:
    """What follows the last "/"."""
    return path.rpartition("/")[2]


def reads_alike(one: str, other: str) -> bool:
    """Whether equal content under these two names is read in the same way: the name breaks some ties."""
    return name_role(one) == name_role(other)


def name_role(path: str) -> tuple[str, bool]:
    """What a name says about reading the content: the suffix, and whether it claims to be depth."""
    stem, suffix = os.path.splitext(name_of(path).lower())
    return suffix, stem.endswith(("_depth", ".depth"))
