"""One run from its start to its report: makes folders and their index agree."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.contracts import Embedder, Modality, Preparer, Report
from anyseek.indexer.absent_roots import conclude_absent_roots, offer_absent_roots
from anyseek.indexer.apply import Applier, CatalogUpdate, DryRun
from anyseek.indexer.content_match import match_content
from anyseek.indexer.emptied import keep_files_of_absent_drives, remark_on
from anyseek.indexer.interrupt import stop_on_interrupt
from anyseek.indexer.moved_root import moved_roots
from anyseek.indexer.options import IndexOptions, ProgressCall, StopCall
from anyseek.indexer.plan import Plan
from anyseek.indexer.reporter import Reporter
from anyseek.indexer.run_context import RunContext
from anyseek.indexer.run_state import RunState, unread_problem
from anyseek.indexer.spool import Spool
from anyseek.indexer.survey import survey, unavailable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.indexer.apply import PoolFactory
    from anyseek.media.worker import DecodePool


_DEFAULTS = IndexOptions()


def update(
    catalog: Catalog,
    embedder: Embedder,
    *,
    roots: Sequence[Path] = (),
    options: IndexOptions = _DEFAULTS,
    progress: ProgressCall | None = None,
    stop: StopCall | None = None,
    pool_factory: PoolFactory | None = None,
) -> Report:
    """Bring the index up to date with these folders (none: all its roots); what the run did.

    A folder that lies in a root stands for that root; any other one becomes a root. progress: called in this
    thread, often. stop: asked often; the run then ends after its batch, and the next one goes on from there.
    In the main thread the first Ctrl-C means the same, unless the program handles it in its own way.

    Raises IndexLocked, ReadOnlyIndex, DiskFull, IndexDamaged; OtherModel; UsageError for a pattern that is not
    valid; RootUnavailable, with the report, when a root is gone or empty: after all other roots are done, and with
    nothing deleted. What the embedder raises leaves as it is; all batches before are committed.

    A dry run (`options.dry_run`) needs no lock, writes nothing and reports a lost root like any other path.
    """
    started_s = time.monotonic()
    reporter = Reporter(progress)

    def context(stop: StopCall) -> RunContext:
        state = RunState.read(catalog, embedder)
        return RunContext(catalog, embedder, options, state, reporter, stop, started_s, time.time_ns())

    with stop_on_interrupt(stop) as is_stopped:
        if options.dry_run:
            run = context(is_stopped)
            return _perform(run, DryRun(run), roots)
        with catalog.lock("anyseek index"):
            run = context(is_stopped)
            return _perform(run, CatalogUpdate(run, pool_factory or _new_pool), roots)


def _perform(run: RunContext, applier: Applier, requested: Sequence[Path]) -> Report:
    with Spool() as spool:
        with run.catalog.read() as snapshot:
            moved = moved_roots(run, snapshot, requested)
        for root, folder in moved.items():
            run.reporter.remark(_moved(run.state.roots[root], folder))
        roots = applier.start(requested, moved)
        with run.catalog.read() as snapshot:
            plan = survey(run, snapshot, roots, spool)
            _report_unread(run, plan)
            applier.mark(plan)
            if len(spool) and not run.stop():
                offer_absent_roots(run, snapshot, plan)
                match_content(run, snapshot, plan, applier)
        if len(spool) and not run.stop():
            applier.index(plan)
        is_interrupted = run.stop()
        _check_gone(run, plan, is_interrupted=is_interrupted)
        conclude_absent_roots(run, plan, is_interrupted=is_interrupted)
        seconds = time.monotonic() - run.started_s
        report = plan.tally.report(seconds, run.reporter.remarks, interrupted=is_interrupted)
        applier.finish(plan, roots, report)
        return report


def _report_unread(run: RunContext, plan: Plan) -> None:
    known = run.state.unread()
    for place in plan.unread:
        path = os.path.join(run.state.roots[place.root], place.path)
        problem = unread_problem(path, place)
        is_new = (place.root, place.path) not in known or run.options.retry_failed
        plan.tally.add_skipped(problem, is_new=is_new)
        run.reporter.problem(path, problem, is_new=is_new)


def _check_gone(run: RunContext, plan: Plan, *, is_interrupted: bool) -> None:
    """Nothing counts as gone that was not looked for, nor what lay in a root that has gone since."""
    if is_interrupted:
        plan.keep_all_gone()
    for root in set(plan.gone.values()):
        if reason := plan.lost.get(root) or unavailable(run.state.roots[root]):
            plan.keep_gone_of(root, reason)

    if plan.gone and not run.options.prune:
        with run.catalog.read() as snapshot:
            keep_files_of_absent_drives(run, snapshot, plan)
        if remark := remark_on(run, plan):
            run.reporter.remark(remark)


def _moved(before: Path, now: Path) -> str:
    return f"{before} is at {now} now: its files, their vectors and tags stay as they are."


def _new_pool(preparers: Mapping[Modality, Preparer], options: IndexOptions) -> DecodePool:
    from anyseek.media.worker import DecodePool

    return DecodePool(
        preparers,
        options.n_workers(),
        options.limits,
        options.memory_bytes,
        segments_per_task=options.batch,
        depth_unit=options.depth_unit,
        readings=options.most_open(),
    )
