"""One run from its start to its report: makes folders and their index agree."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from anyseek.contracts import Embedder, Modality, Preparer, Problem, Report
from anyseek.errors import RootUnavailable
from anyseek.indexer.batch import Batch
from anyseek.indexer.feed import Feed
from anyseek.indexer.interrupt import stop_on_interrupt
from anyseek.indexer.known_content import recognise
from anyseek.indexer.options import IndexOptions, ProgressCall, StopCall
from anyseek.indexer.pipeline import Pipeline
from anyseek.indexer.rehearse import examine, rehearse
from anyseek.indexer.reporter import Reporter
from anyseek.indexer.run_state import Known
from anyseek.indexer.spool import Spool
from anyseek.indexer.survey import Plan, unavailable
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Writer
    from anyseek.media.worker import DecodePool

    PoolFactory: TypeAlias = Callable[[Mapping[Modality, Preparer], IndexOptions], DecodePool]


_PLAIN = IndexOptions()


def update(
    catalog: Catalog,
    embedder: Embedder,
    *,
    roots: Sequence[Path] = (),
    options: IndexOptions = _PLAIN,
    progress: ProgressCall | None = None,
    stop: StopCall | None = None,
    pool_factory: PoolFactory | None = None,
) -> Report:
    """Bring the index up to date with these folders (none: all its roots); what the run did.

    A folder that lies in a root stands for that root; any other one becomes a root. progress: called in this
    thread, often. stop: asked often; the run then ends after its batch, and the next one goes on from there.
    In the main thread the first Ctrl-C means the same, unless the program handles it in its own way.

    Raises IndexLocked, ReadOnlyIndex, DiskFull, IndexDamaged; OtherModel; UsageError for a pattern without
    meaning; RootUnavailable when a root is gone or empty: after all other roots are done, and with nothing
    deleted. What the embedder raises leaves as it is; all batches before are committed.
    """
    started = time.monotonic()
    reporter = Reporter(progress)
    with stop_on_interrupt(stop) as asked, Spool() as spool:
        if options.dry_run:
            plan = rehearse(catalog, Known.of(catalog, embedder), roots, options, reporter, spool, asked)
            return plan.tally.report(time.monotonic() - started, interrupted=asked())
        with catalog.lock("anyseek index"):
            known = Known.of(catalog, embedder)
            run = _Run(catalog, embedder, options, reporter, asked, known, started, time.time_ns())
            return run.perform(roots, spool, pool_factory or _new_pool)


@dataclass(slots=True, eq=False)
class _Run:
    catalog: Catalog
    embedder: Embedder
    options: IndexOptions
    reporter: Reporter
    stop: StopCall
    known: Known
    started: float  # monotonic seconds
    started_ns: int  # by the clock that stamps files

    def perform(self, requested: Sequence[Path], spool: Spool, new_pool: PoolFactory) -> Report:
        with self.catalog.begin() as writer:
            wanted = self.known.wanted(requested, writer.add_root)
            space_id = writer.ensure_space(self.embedder.card)
            run_id = writer.start_run("anyseek index")
            self.known.distrust(writer, wanted, self.started_ns)
        with self.catalog.read() as snapshot:
            self.known.roots = snapshot.roots()
            plan = examine(snapshot, self.known, wanted, self.options, self.reporter, spool, self.stop)
        self._tell_unread(plan)
        self._mark(plan)
        if len(spool) and not self.stop():
            self._look_into(plan, space_id, new_pool)
        is_interrupted = self.stop()
        with self.catalog.begin() as writer:
            if is_interrupted:
                plan.tally.gone = 0  # what was not seen may only not have been looked for
            else:
                self._delete_gone(writer, plan)
                self.known.trust(writer, wanted - set(plan.lost), self.started_ns)
                self.known.remember(writer, plan, self.options)
            for root in plan.lost:  # some may have gone since they were marked
                writer.mark_root_missing(root)
            report = plan.tally.report(time.monotonic() - self.started, interrupted=is_interrupted)
            writer.finish_run(run_id, report)
        if plan.lost and not is_interrupted:
            raise _root_unavailable(self.known.roots, plan)
        return report

    def _tell_unread(self, plan: Plan) -> None:
        for place in plan.unread:
            path = os.path.join(self.known.roots[place.root], place.path)
            problem = Problem("unreadable", "read", f"{printable(path)} cannot be read: {place.reason}.")
            is_new = not self.known.was_unread(place)
            plan.tally.skipped[problem.code] += is_new
            self.reporter.problem(path, problem, is_new=is_new)

    def _mark(self, plan: Plan) -> None:
        """Records that are missing, or back, in one transaction; none when there are none."""
        if plan.missing or plan.back or plan.lost:
            with self.catalog.begin() as writer:
                for root in plan.lost:
                    writer.mark_root_missing(root)
                writer.mark_missing(plan.missing)
                writer.mark_present(plan.back)

    def _look_into(self, plan: Plan, space_id: int, new_pool: PoolFactory) -> None:
        roots, options = self.known.roots, self.options
        n_workers = options.n_workers()
        settled = recognise(self.catalog, plan, roots, n_workers, self.stop)
        n_settled = sum(settled)
        self.reporter.index(len(plan.spool), n_settled)
        if n_settled == len(plan.spool):
            return  # no worker is started for nothing
        card = self.embedder.card
        preparers = {modality: self.embedder.preparer(modality) for modality in card.modalities}
        pool_options = replace(options, depth_unit=self.known.depth_unit(options))
        with new_pool(preparers, pool_options) as pool:
            Pipeline(
                plan=plan,
                settled=settled,
                roots=roots,
                embedder=self.embedder,
                feed=Feed(pool, n_workers, options.batch),
                batch=Batch(self.catalog, space_id, plan),
                options=options,
                again=self.known.trust_in(options).again,
                reporter=self.reporter,
                stop=self.stop,
            ).run()

    def _delete_gone(self, writer: Writer, plan: Plan) -> None:
        """Records whose files were not seen; not those of a root that has gone since it was looked at."""
        for root in set(plan.gone.values()) - set(plan.lost):
            if why := unavailable(self.known.roots[root]):
                plan.lost[root] = why
        kept = [file_id for file_id, root in plan.gone.items() if root in plan.lost]
        plan.tally.gone = max(0, plan.tally.gone - len(kept))
        writer.delete(file_id for file_id, root in plan.gone.items() if root not in plan.lost)


def _root_unavailable(roots: Mapping[int, Path], plan: Plan) -> RootUnavailable:
    told = "; ".join(f"{printable(str(roots[root]))} {why}" for root, why in sorted(plan.lost.items()))
    return RootUnavailable(
        f"An indexed folder is not what it was, so nothing of it was forgotten: {told}.",
        "Connect its drive, or bring it back, and run the same command again.",
    )


def _new_pool(preparers: Mapping[Modality, Preparer], options: IndexOptions) -> DecodePool:
    from anyseek.media.worker import DecodePool

    return DecodePool(
        preparers,
        options.n_workers(),
        options.limits,
        options.memory_bytes,
        segments_per_task=options.batch,
        depth_unit=options.depth_unit,
    )
