"""How an indexing run shows itself: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Problem, Report
from anyseek.printable import printable
from anyseek.terminal import output

if TYPE_CHECKING:
    from anyseek.indexer import Progress

LINE_EVERY_S = 5.0
"""Between two plain lines: a log stays short, and still tells a dead run from a slow one."""

BAR_EVERY_S = 0.1

BASIS_FILES, BASIS_S = 5, 3.0
"""So many files in so many seconds tell how long the rest takes."""


class IndexingScreen:
    """Takes a run's Progress as it comes, and its Report at the end. A context manager.

    Progress and skipped files go to stderr, the report to stdout. as_json: the report and each skipped file
    are objects, one a line, on stdout; no progress. is_quiet: nothing at all. A remark is shown once.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        is_quiet: bool,
        clock: Callable[[], float] = time.monotonic,
        said: Collection[str] = (),
        has_bar: bool = True,
    ) -> None:
        """said: remarks that were shown already. has_bar: whether a terminal gets a bar."""
        self._as_json = as_json
        self._is_quiet = is_quiet
        self._clock = clock
        self._last_shown = clock()
        self._said = set(said)
        self._pace = _Pace()
        is_bar = has_bar and not as_json and not is_quiet and output.has_cursor(sys.stderr)
        self._bar = _Bar() if is_bar else None

    def show(self, progress: Progress) -> None:
        """Called by the run, as often as it likes."""
        self.show_problems(progress)
        for what, path in progress.planned:
            self._planned(what, path)
        for text in progress.remarks:
            self._remark(text)
        if self._is_quiet or self._as_json:
            return
        self._pace.seen(progress)
        now = self._clock()
        is_due = now - self._last_shown >= (BAR_EVERY_S if self._bar else LINE_EVERY_S)
        if not is_due and progress.done != progress.total:
            return
        self._last_shown = now
        if self._bar:
            self._bar.update(progress, self._pace.text(progress))
        elif is_due:
            sys.stderr.write(_line(progress, self._pace.text(progress)) + "\n")
            sys.stderr.flush()

    def show_problems(self, progress: Progress) -> None:
        """Only the files that were skipped."""
        for path, problem in progress.problems:
            self._skipped(path, problem)

    def finish(self, report: Report, index: Path, *, is_dry_run: bool, is_empty: bool) -> None:
        """The last words: what was done, and how to go on when it was stopped. is_empty: a search would
        find nothing."""
        self._close_bar()
        if self._as_json:
            self._object("report", {"dry_run": is_dry_run, "index": str(index), **asdict(report)})
        elif not self._is_quiet:
            _print_report(report, str(index), is_dry_run)
        for remark in report.remarks:
            if remark not in self._said:
                output.remark(remark, self._as_json)
        if is_empty and not report.interrupted and not self._is_quiet:
            output.remark("No media files were found.", self._as_json)

    def __enter__(self) -> IndexingScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_bar()

    def _close_bar(self) -> None:
        if self._bar:
            self._bar.close()
            self._bar = None

    def _planned(self, what: str, path: str) -> None:
        if self._as_json:
            self._object("planned", {"what": what, "path": path})
        elif not self._is_quiet:
            sys.stdout.write(f"{what:<8} {printable(output.shown_path(path))}\n")

    def _remark(self, text: str) -> None:
        self._said.add(text)
        if self._bar:
            self._bar.say(printable(text))
        elif not self._is_quiet:
            output.remark(text, self._as_json)

    def _skipped(self, path: str, problem: Problem) -> None:
        line = f"skipped: {output.problem_text(path, problem.reason)}"
        if self._as_json:
            self._object("skipped", {"path": path, **asdict(problem)})
        elif self._bar:
            self._bar.say(printable(line))
        elif not self._is_quiet:
            output.remark(line)

    def _object(self, kind: str, facts: dict[str, Any]) -> None:
        sys.stdout.write(output.json_line({"type": kind, **facts}) + "\n")


def _print_report(report: Report, index: str, is_dry_run: bool) -> None:
    if is_dry_run:
        sys.stdout.write(f"Would do: {output.report_text(report)}\n")
        return
    sys.stdout.write(f"{output.report_text(report)}\n")
    if report.interrupted:
        sys.stdout.write("What was done is kept. To go on: the same command again.\n")
    sys.stdout.write(f"Index: {printable(output.shown_path(index))}\n")


def _line(progress: Progress, pace: str) -> str:
    if progress.total is None:
        return f"looking for files: {progress.done:,} found"
    parts = [f"{progress.done:,} of {progress.total:,} files", pace]
    return ", ".join(filter(None, [*parts, f"{progress.skipped:,} skipped" if progress.skipped else ""]))


class _Pace:
    """How fast files are done, from the first one on: until then weights are loaded and processes started, and files
    that an earlier run did may count already."""

    def __init__(self) -> None:
        self._start: int | None = None  # files that were done when the stage began
        self._first: tuple[int, float] | None = None  # files and seconds, when the first one was done

    def seen(self, progress: Progress) -> None:
        """Each progress of the run, in its order."""
        if progress.total is None:
            self._start = self._first = None
        elif self._start is None:
            self._start = progress.done
        elif self._first is None and progress.done > self._start:
            self._first = progress.done, progress.seconds

    def text(self, progress: Progress) -> str:
        """Files a second, and how long the rest takes at that speed; empty where that would be a guess."""
        n_first, began = self._first or (progress.done, progress.seconds)
        n_done, seconds = progress.done - n_first, progress.seconds - began
        if n_done < BASIS_FILES or seconds < BASIS_S:
            return ""
        speed = n_done / seconds
        left = output.duration(((progress.total or 0) - progress.done) / speed)
        return f"{speed:.1f} files/s, {left} left"


class _Bar:
    """rich's bar. Nothing else of Anyseek uses rich, and only a terminal sees it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._task: Any = self._rich.add_task("looking for files", total=None, text="")
        self._rich.start()

    def update(self, progress: Progress, pace: str) -> None:
        text = f"{progress.done:,} found"
        name = "looking for files"
        if progress.total is not None:
            skipped = f"{progress.skipped:,} skipped" if progress.skipped else ""
            text = "  ".join(filter(None, [f"{progress.done:,}/{progress.total:,}", pace, skipped]))
            name = f"indexing {progress.modality or '':<5}"
        self._rich.update(
            self._task, description=name, completed=progress.done, total=progress.total, text=text
        )

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._console.print(line, markup=False, soft_wrap=True)

    def close(self) -> None:
        self._rich.stop()
