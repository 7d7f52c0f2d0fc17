"""Files of roots that are not there, recognised where they lie now: below a folder that this run looks at.

A root may be gone because it was moved, alone or with the folders around it, as a whole or in parts; or because its
drive is not connected, and then equal files elsewhere are copies of it. So:

- when it has gone and its drive is still there (drives.py), its files move by their content; those of which no content
  is known (they failed, or are no media) by name, size and time of change;
- otherwise a file moves only if it is the very same one: equal content, inode, size and time of change.

Whatever is not met stays as it is. A root of which nothing is left, and that is not there, leaves the index.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from anyseek.contracts import FileRecord
from anyseek.indexer.diff import Kind, facts_without_content
from anyseek.indexer.drives import is_connected
from anyseek.indexer.survey import is_gone, is_not_there

if TYPE_CHECKING:
    from pathlib import Path

    from anyseek.catalog.catalog import Snapshot
    from anyseek.indexer.apply import Applier
    from anyseek.indexer.file_task import FileTask
    from anyseek.indexer.plan import Plan
    from anyseek.indexer.run_context import RunContext


def has_really_gone(run: RunContext, root: int) -> bool:
    """Whether a root is not there although its drive is: it will not come back by itself."""
    drive = run.state.drive(root)
    return drive is not None and is_not_there(run.state.roots[root]) and is_connected(drive)


def offer_absent_roots(run: RunContext, snapshot: Snapshot, plan: Plan) -> None:
    """Let files that this run looks into take over the records of roots that are not there."""
    for number, folder in run.state.roots.items():
        if is_gone(folder):
            plan.away[number] = has_really_gone(run, number)
            plan.left[number] = snapshot.n_content(number)
            plan.free_sizes |= snapshot.sizes_with_hash(number)


def match_facts(run: RunContext, snapshot: Snapshot, plan: Plan, applier: Applier) -> None:
    """Settle the files whose records hold no content: they move with what is known of them."""
    unhashed = _unhashed(snapshot, plan)
    if not unhashed:
        return
    trust = run.state.trust_in(run.options)
    moves: list[tuple[FileRecord, FileTask]] = []
    for task in plan.spool:
        alike = unhashed.get(facts_without_content(task.seen), []) if task.kind is Kind.NEW else []
        record = next((one for one in alike if plan.may_move(one, task.seen)), None)
        if record is None:
            continue
        alike.remove(record)
        if record.problem is not None and (trust.retry_failed or record.problem.code in trust.transient):
            plan.move_unsettled(record, task.seen)
        else:
            plan.settle_move(task, record)
        moves.append((record, task))
    if moves:
        applier.place(moves, ())


def _unhashed(snapshot: Snapshot, plan: Plan) -> dict[tuple[str, int, int], list[FileRecord]]:
    """Records of roots that are not there, and of which no content is known, by name, size and time of change: those
    that a new file may be. Few are, and such a root may have very many, so the times tell which ones to read."""
    recorded = {root: snapshot.times_without_hash(root) for root in plan.away}
    all_times = frozenset().union(*recorded.values())
    if not all_times:
        return {}
    met = {task.seen.mtime_ns for task in plan.spool if task.kind is Kind.NEW} & all_times
    records: dict[tuple[str, int, int], list[FileRecord]] = defaultdict(list)
    for root, times in recorded.items():
        for record in snapshot.files_without_hash(root, times & met):
            records[facts_without_content(record)].append(record)
    return records


def conclude_absent_roots(run: RunContext, plan: Plan, *, is_interrupted: bool) -> None:
    """Remark on the roots whose files were met, and have those leave the index of which nothing is left."""
    for root, places in sorted(plan.moved_from.items()):
        if is_interrupted and plan.left[root]:
            continue  # the next run goes on with it
        folder = run.state.roots[root]
        now = os.path.commonpath([os.path.dirname(run.path_of(seen)) for seen in places])
        if not plan.left[root]:
            plan.lost.pop(root, None)
            if is_not_there(folder):
                plan.emptied.add(root)
        run.reporter.remark(_remark(folder, now, len(places), plan.left[root], root in plan.emptied))


def _remark(folder: Path, now: str, n_moved: int, n_left: int, is_dropped: bool) -> str:
    what, lie, keep = ("file", "lies", "keeps its") if n_moved == 1 else ("files", "lie", "keep their")
    text = f"{n_moved:,} {what} of {folder} {lie} in {now} now and {keep} vectors and tags"
    if is_dropped:
        return f"{text}; nothing else of {folder} is left, so it is no longer an indexed folder."
    if not n_left:
        return f"{text}."
    others = "1 other file stays" if n_left == 1 else f"{n_left:,} other files stay"
    return f"{text}; {others} in the index as missing. If they are gone for good: anyseek forget {folder}"
