"""The first half of a run: folders compared with the catalog, and what that leaves to do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.contracts import FileState, SeenFile
from anyseek.indexer.diff import Change, Kind, compare, is_content, must_be_read
from anyseek.indexer.ignore import Rules, exclusions
from anyseek.indexer.plan import Plan
from anyseek.indexer.scan import Unread, is_empty, scan

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot
    from anyseek.indexer.run_context import RunContext
    from anyseek.indexer.spool import Spool

_EMPTY, _NOT_A_FOLDER, _NOT_THERE = "is empty", "is not a folder any more", "is not there"


def survey(run: RunContext, snapshot: Snapshot, roots: Iterable[int], spool: Spool) -> Plan:
    """Walk these roots and compare them with the catalog.

    When the run is stopped meanwhile, what was not seen looks gone, and must not be taken for it.
    Raises UsageError for an exclusion or an ignore file that is not valid.
    """
    trust = run.state.trust_in(run.options)
    plan = Plan(spool, trust.reread)
    rules = exclusions(run.options.exclude)
    for number in sorted(roots):
        if run.stop():
            break
        reason = unavailable(run.state.roots[number])
        if reason:  # its records need not be read: they are missing, all of them
            if reason != _EMPTY or snapshot.has_files(number):
                plan.lost[number] = reason
            continue
        for change in compare(snapshot.files(root=number), _scanned(run, number, rules, plan), trust):
            _sort_in(plan, change)
            run.reporter.scanned()
    return plan


def unavailable(folder: Path) -> str:
    """Why a root cannot be the folder that was indexed; empty when it can."""
    try:
        return _EMPTY if is_empty(os.fspath(folder)) else ""
    except NotADirectoryError:
        return _NOT_A_FOLDER
    except FileNotFoundError:
        return _NOT_THERE
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def is_gone(folder: Path) -> bool:
    """Whether nothing that was indexed there can be there now; not for a folder that only cannot be read."""
    return unavailable(folder) in (_EMPTY, _NOT_A_FOLDER, _NOT_THERE)


def is_not_there(folder: Path) -> bool:
    """Whether there is nothing at this path, not even an empty folder."""
    return unavailable(folder) == _NOT_THERE


def _scanned(run: RunContext, root: int, rules: Rules, plan: Plan) -> Iterator[SeenFile | Unread]:
    roots = run.state.roots
    inner = _inner_roots(roots, root)
    folders = plan.folders.setdefault(root, {})
    for item in scan(root, os.fspath(roots[root]), rules, inner, folders):
        if isinstance(item, Unread):
            plan.unread.append(item)
        else:
            plan.tally.seen += 1
        yield item
        if run.stop():
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
        plan.set_free(record)
    elif kind is Kind.MISSING and record is not None:
        if record.state is not FileState.MISSING:
            plan.missing.append(record.file_id)
    elif kind in (Kind.UNCHANGED, Kind.RETURNED) and record is not None:
        plan.tally.add_unchanged(record)
        if kind is Kind.RETURNED:
            plan.returned.append(record.file_id)
    elif seen is not None:
        plan.add(kind, seen)
        # What the index lost may still lie there: its record is nobody else's.
        if record is not None and not (kind is Kind.RETRY and must_be_read(record)):
            plan.set_free(record)
