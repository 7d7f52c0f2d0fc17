"""The middle of a run: files whose content is known already, as their hashes tell, are not decoded at all."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from anyseek.contracts import FileRecord, FileState
from anyseek.indexer.absent_roots import match_facts
from anyseek.indexer.diff import TRANSIENT, Kind, Resolution, must_be_read, resolve, same_facts
from anyseek.indexer.hashing import hashed

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot
    from anyseek.indexer.apply import Applier
    from anyseek.indexer.file_task import FileTask
    from anyseek.indexer.plan import Plan
    from anyseek.indexer.run_context import RunContext

_CONFIRMED_AT_ONCE = 1000


def match_content(run: RunContext, snapshot: Snapshot, plan: Plan, applier: Applier) -> None:
    """Settle what hashes can settle: touched files, moved ones, copies of what has moved.

    A file that cannot be read here is left to be decoded, which says why.
    """
    match_facts(run, snapshot, plan, applier)
    confirmed: list[tuple[FileRecord, FileTask]] = []
    twins: dict[bytes, list[FileTask]] = defaultdict(
        list
    )  # files of content that the catalog has, by its hash
    for task in hashed(run, (task for task in plan.spool if _needs_hash(plan, task))):
        seen = task.seen
        record = snapshot.file_at(seen.root, seen.path) if task.kind is Kind.UNSURE else None
        if record is not None and record.content_hash == task.content_hash and _is_settled(snapshot, record):
            plan.settle_unchanged(task, record)
            if not same_facts(record, seen) or record.state is FileState.MISSING:
                confirmed.append((record, task))
            if len(confirmed) >= _CONFIRMED_AT_ONCE:
                applier.confirm(confirmed)
                confirmed.clear()
        elif snapshot.files_with_hash(task.content_hash):
            twins[task.content_hash].append(task)
    applier.confirm(confirmed)
    if twins and not run.stop():  # now that all places are known which still hold their content
        _place(snapshot, plan, twins, applier)


def _is_settled(snapshot: Snapshot, record: FileRecord) -> bool:
    """Whether all that can be known of its content is in the index: its vectors, or why there are none."""
    is_of_the_moment = record.problem is not None and record.problem.code in TRANSIENT
    return not is_of_the_moment or bool(snapshot.segments_of_file(record.file_id))


def _needs_hash(plan: Plan, task: FileTask) -> bool:
    """Whether a hash may spare this file its decoding: only where a size that is known makes it likely."""
    if plan.is_settled(task):
        return False
    if task.kind is Kind.UNSURE:
        return True
    return task.kind in (Kind.NEW, Kind.CHANGED) and task.seen.size in plan.free_sizes


def _place(snapshot: Snapshot, plan: Plan, twins: dict[bytes, list[FileTask]], applier: Applier) -> None:
    moves: list[tuple[FileRecord, FileTask]] = []
    copies: list[tuple[FileRecord, FileTask]] = []
    for content_hash, tasks in twins.items():
        records = [one for one in snapshot.files_with_hash(content_hash) if one.modality not in plan.reread]
        for task in tasks:
            resolution, record = resolve(task.seen, records, plan.may_move)
            if record is None:
                continue
            if resolution is Resolution.MOVE:
                if must_be_read(record):
                    plan.move_unsettled(record, task.seen)
                else:
                    plan.settle_move(task, record)
                moves.append((record, task))
            else:
                copies.append((record, task))
    overwritten = {_number_at(snapshot, task) for _, task in (*copies, *moves)}
    for record, task in copies[:]:
        if record.file_id in plan.free and record.file_id in overwritten:
            # Files swapped what is in them: each record goes with its content, as nothing else holds it afterwards.
            copies.remove((record, task))
            plan.settle_move(task, record)
            moves.append((record, task))
        else:
            plan.settle_copy(task)
    applier.place(moves, copies)


def _number_at(snapshot: Snapshot, task: FileTask) -> int | None:
    record = snapshot.file_at(task.seen.root, task.seen.path)
    return None if record is None else record.file_id
