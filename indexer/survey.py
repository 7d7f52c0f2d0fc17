"""The first half of a run: folders compared with the catalog, and what that leaves to do."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from anyseek.contracts import FileRecord, FileState, Report, SeenFile
from anyseek.indexer.diff import Change, Kind, Trust, compare
from anyseek.indexer.ignore import Rules
from anyseek.indexer.options import StopCall
from anyseek.indexer.scan import Unread, is_empty, scan
from anyseek.indexer.spool import Spool

_EMPTY = "is empty"


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

    def report(self, seconds: float, *, interrupted: bool) -> Report:
        """The figures as they are now."""
        return Report(
            self.seen,
            self.new,
            self.changed,
            self.moved,
            self.gone,
            self.unchanged,
            self.embedded,
            self.segments,
            {code: n for code, n in self.skipped.items() if n},
            seconds,
            interrupted,
        )


@dataclass(slots=True)
class Plan:
    """What a run has to do. Numbers are file ids.

    spool: the files to look into. gone: records whose files are gone, each with its root. free: records whose
    places no longer hold their content, gone or changed, so that their vectors may move. free_sizes: their
    sizes in bytes. missing, back: to be marked so. unread: folders and files that could not be read. lost:
    roots that are not what was indexed, with the reason. empty: roots in which nothing lies.
    """

    spool: Spool
    tally: Tally = field(default_factory=Tally)
    gone: dict[int, int] = field(default_factory=dict)
    free: set[int] = field(default_factory=set)
    free_sizes: set[int] = field(default_factory=set)
    missing: list[int] = field(default_factory=list)
    back: list[int] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)
    empty: set[int] = field(default_factory=set)


def survey(
    records: Iterable[FileRecord],
    roots: Mapping[int, Path],
    wanted: Iterable[int],
    rules: Rules,
    trust: Trust,
    spool: Spool,
    tell: Callable[[], None],
    stop: StopCall,
) -> Plan:
    """Walk the wanted roots and compare. records: those of the wanted roots, in the catalog's order.

    tell: called for every path. stop: ends the walk early; what was not seen then looks gone, and must not be
    taken for it. Raises UsageError for an ignore file without meaning.
    """
    plan = Plan(spool)
    numbers = sorted(wanted)
    for change in compare(records, _found(roots, numbers, rules, plan, stop), trust):
        _sort_in(plan, change)
        tell()
    return plan


def unavailable(folder: Path) -> str:
    """Why a root cannot be the folder that was indexed; empty when it can."""
    try:
        return _EMPTY if is_empty(os.fspath(folder)) else ""
    except NotADirectoryError:
        return "is not a folder any more"
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _found(
    roots: Mapping[int, Path], numbers: Iterable[int], rules: Rules, plan: Plan, stop: StopCall
) -> Iterator[SeenFile | Unread]:
    for number in numbers:
        reason = unavailable(roots[number])
        if reason == _EMPTY:  # a loss only if the catalog has files there
            plan.empty.add(number)
        elif reason:
            plan.lost[number] = reason
        if reason:
            yield Unread(number, "", reason)
            continue
        inner = _inner_roots(roots, number)
        for item in scan(number, os.fspath(roots[number]), rules, inner):
            if isinstance(item, Unread):
                plan.unread.append(item)
            else:
                plan.tally.seen += 1
            yield item
            if stop():
                return


def _inner_roots(roots: Mapping[int, Path], number: int) -> frozenset[str]:
    """The other roots that lie below this one, relative to it, with a final "/"."""
    stem = os.path.join(os.path.realpath(roots[number]), "")
    others = [os.path.join(os.path.realpath(path), "") for root, path in roots.items() if root != number]
    return frozenset(other[len(stem) :] for other in others if other.startswith(stem) and other != stem)


def _sort_in(plan: Plan, change: Change) -> None:
    kind, seen, record = change.kind, change.seen, change.record
    if kind is Kind.GONE and record is not None:
        plan.gone[record.file_id] = record.root
        plan.tally.gone += is_content(record)
        _set_free(plan, record)
    elif kind is Kind.MISSING and record is not None:
        if record.root in plan.empty:
            plan.lost[record.root] = _EMPTY
        if record.root not in plan.lost and record.state is not FileState.MISSING:
            plan.missing.append(record.file_id)
    elif kind in (Kind.UNCHANGED, Kind.BACK):
        plan.tally.unchanged += 1
        if kind is Kind.BACK and record is not None:
            plan.back.append(record.file_id)
    elif seen is not None:
        plan.spool.add(kind, record.file_id if record else None, seen)
        if record is not None:
            _set_free(plan, record)


def _set_free(plan: Plan, record: FileRecord) -> None:
    if record.content_hash:
        plan.free.add(record.file_id)
        plan.free_sizes.add(record.size)


def is_content(record: FileRecord) -> bool:
    """Whether a record is of something that was indexed or failed, not of a file that is no media."""
    return record.modality is not None or record.problem is not None
