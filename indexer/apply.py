"""How a plan is carried out: written to the catalog, or on a dry run only reported.

A run makes its plan and matches contents in one way; all that it changes goes through one of these two objects.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from anyseek.catalog.places import record_places
from anyseek.contracts import FileRecord, Modality, Preparer, Report
from anyseek.errors import RootUnavailable
from anyseek.indexer.batch import Batch
from anyseek.indexer.diff import Kind, is_content
from anyseek.indexer.feed import Feed
from anyseek.indexer.file_task import FileTask
from anyseek.indexer.options import IndexOptions
from anyseek.indexer.pipeline import Pipeline
from anyseek.indexer.plan import Plan
from anyseek.indexer.run_state import forget_root_settings
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Writer
    from anyseek.indexer.run_context import RunContext
    from anyseek.media.worker import DecodePool

    PoolFactory: TypeAlias = Callable[[Mapping[Modality, Preparer], IndexOptions], DecodePool]

KnownContent: TypeAlias = tuple[FileRecord, FileTask]
"""A record, and a file that has its content."""


class Applier(Protocol):
    """Carries a plan out, in this order of calls."""

    def start(self, requested: Sequence[Path], moved: Mapping[int, Path]) -> set[int]:
        """The numbers of the roots to look at. A folder that lies in no root becomes one. moved: roots that lie
        elsewhere now."""

    def mark(self, plan: Plan) -> None:
        """Records that are missing, or have returned."""

    def confirm(self, matches: Sequence[KnownContent]) -> None:
        """Records whose places hold their content, with other facts around it."""

    def place(self, moves: Sequence[KnownContent], copies: Sequence[KnownContent]) -> None:
        """Files that take over a record, and files that get a copy of its vectors; files may swap places."""

    def index(self, plan: Plan) -> None:
        """The files that no hash has settled."""

    def finish(self, plan: Plan, roots: set[int], report: Report) -> None:
        """The last step: what is gone, and what the next run has to know."""


@dataclass(slots=True)
class DryRun:
    """Writes nothing: reports what would be done with each path, in their order, and counts it in the plan's tally.

    New files count whatever is in them: whether they are media shows when they are decoded.
    """

    run: RunContext
    _placed: dict[int, str] = field(default_factory=dict)  # by number of a task: what would be done with it

    def start(self, requested: Sequence[Path], moved: Mapping[int, Path]) -> set[int]:
        roots = self.run.state.roots
        roots.update(moved)
        numbers = itertools.count(max(roots, default=-1) + 1)
        added: dict[Path, int] = {}

        def add(folder: Path) -> int:
            return added.setdefault(folder, next(numbers))

        selected = self.run.state.select_roots(requested, add)
        roots.update({number: folder for folder, number in added.items()})
        return selected

    def mark(self, plan: Plan) -> None:
        pass

    def confirm(self, matches: Sequence[KnownContent]) -> None:
        pass

    def place(self, moves: Sequence[KnownContent], copies: Sequence[KnownContent]) -> None:
        self._placed |= {task.number: "moved" for _, task in moves}
        self._placed |= {task.number: _planned(task) for _, task in copies}

    def index(self, plan: Plan) -> None:
        for task in itertools.takewhile(lambda _: not self.run.stop(), plan.spool):
            planned = self._placed.get(task.number)
            if planned is None and not plan.is_settled(task):
                planned = _planned(task)
                plan.tally.add(task)
            if planned is not None:
                self.run.reporter.planned(planned, self.run.path_of(task.seen))

    def finish(self, plan: Plan, roots: set[int], report: Report) -> None:
        with self.run.catalog.read() as snapshot:
            for file_id in plan.gone:
                if (record := snapshot.file(file_id)) and is_content(record):
                    self.run.reporter.planned("gone", snapshot.absolute_path(record))
        for root, reason in plan.lost.items():
            self.run.reporter.planned(reason, os.fspath(self.run.state.roots[root]))
        for root, path in plan.absent:
            self.run.reporter.planned("missing", os.path.join(self.run.state.roots[root], os.fsdecode(path)))


def _planned(task: FileTask) -> str:
    return {Kind.NEW: "new", Kind.RETRY: "retry"}.get(task.kind, "changed")


@dataclass(slots=True)
class CatalogUpdate:
    """Writes. Each method is a transaction of its own, `index` many; the caller holds the writer's lock.

    Raises, from any method: ReadOnlyIndex, DiskFull, IndexDamaged.
    """

    run: RunContext
    new_pool: PoolFactory
    _run_id: int = 0
    _space_id: int = 0

    def start(self, requested: Sequence[Path], moved: Mapping[int, Path]) -> set[int]:
        state = self.run.state
        state.roots.update(moved)
        with self.run.catalog.begin() as writer:
            record_places(writer)
            for root, folder in moved.items():
                writer.move_root(root, folder)
            selected = state.select_roots(requested, writer.add_root)
            self._space_id = writer.ensure_space(self.run.embedder.card)
            self._run_id = writer.start_run("anyseek index")
            state.distrust(writer, selected, self.run.started_ns)
        with self.run.catalog.read() as snapshot:
            state.roots = snapshot.roots()
        return selected

    def mark(self, plan: Plan) -> None:
        if plan.missing or plan.returned or plan.lost:
            with self.run.catalog.begin() as writer:
                for root in plan.lost:
                    writer.mark_root_missing(root)
                writer.mark_missing(plan.missing)
                writer.mark_present(plan.returned)

    def confirm(self, matches: Sequence[KnownContent]) -> None:
        if matches:
            with self.run.catalog.begin() as writer:
                for record, task in matches:
                    writer.touch(record.file_id, task.seen)
                    if record.problem is not None:  # it could not be read for a while: its vectors were kept
                        writer.restore(record.file_id, task.seen)

    def place(self, moves: Sequence[KnownContent], copies: Sequence[KnownContent]) -> None:
        with self.run.catalog.begin() as writer:
            for record, task in moves:
                writer.move(record.file_id, task.seen)
                if record.problem is not None:
                    writer.restore(record.file_id, task.seen)
            for record, task in copies:
                writer.copy(record.file_id, task.seen)

    def index(self, plan: Plan) -> None:
        run = self.run
        run.reporter.start_indexing(len(plan.spool), plan.n_settled)
        if plan.n_settled == len(plan.spool):
            return  # no worker is started for nothing
        preparers = {modality: run.embedder.preparer(modality) for modality in run.embedder.card.modalities}
        options = replace(run.options, depth_unit=run.state.depth_unit(run.options))
        with self.new_pool(preparers, options) as pool:
            feed: Feed[FileTask] = Feed(pool, options.n_workers(), options.batch)
            Pipeline(run, plan, feed, Batch(run.catalog, self._space_id, plan)).process()

    def finish(self, plan: Plan, roots: set[int], report: Report) -> None:
        """Raises RootUnavailable with the report when a root is lost, after all else is done."""
        run = self.run
        with run.catalog.begin() as writer:
            if not report.interrupted:
                writer.delete(plan.gone)
                writer.mark_missing(itertools.chain.from_iterable(plan.absent.values()))
                self._remember_folders(writer, plan)
                read = roots - set(plan.lost) - plan.emptied
                run.state.trust(writer, read, run.started_ns)
                run.state.remember_drives(writer, read)
                run.state.remember_unread(writer, plan.unread, read)
                run.state.remember_unit(writer, run.options)
            for root in plan.emptied:
                writer.forget_root(root)
                forget_root_settings(writer, run.state.settings, root)
            for root in plan.lost:  # some may have gone since they were marked
                writer.mark_root_missing(root)
            writer.finish_run(self._run_id, report)
        if plan.lost and not report.interrupted:
            raise _root_unavailable(run.state.roots, plan, report)

    def _remember_folders(self, writer: Writer, plan: Plan) -> None:
        """What was read, but for places where a drive is to be recognised when it is back."""
        for root, folders in plan.folders.items():
            if root not in plan.lost:
                kept = [path for number, path in plan.absent if number == root]
                kept += [os.fsencode(one.path).rstrip(b"/") for one in plan.unread if one.root == root]
                writer.set_folders(root, folders, kept)


def _root_unavailable(roots: Mapping[int, Path], plan: Plan, report: Report) -> RootUnavailable:
    reasons = "; ".join(
        f"{printable(str(roots[root]))} {reason}" for root, reason in sorted(plan.lost.items())
    )
    return RootUnavailable(
        f"An indexed folder is not what it was, so nothing of it was deleted from the index: {reasons}.",
        "Connect its drive and run the same command again; where it lies elsewhere now: anyseek index NEW_FOLDER;"
        " if it is gone for good: anyseek forget FOLDER",
        report,
    )
