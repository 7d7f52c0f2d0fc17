"""What `anyseek status` prints: a table for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from anyseek.printable import printable
from anyseek.terminal import output

if TYPE_CHECKING:
    from anyseek.library.status import Status

SHOWN_PROBLEMS = 10
"""Skipped files that are listed without --all."""


def show(overview: Status, show_all: bool) -> None:
    """The table for people."""
    for name, lines in _status_rows(overview, show_all):
        for number, line in enumerate(lines):
            sys.stdout.write(f"{'' if number else name:<9} {printable(line)}\n")


def _status_rows(overview: Status, show_all: bool) -> Iterator[tuple[str, Sequence[str]]]:
    yield "Index", [f"{output.shown_path(overview.index)} ({output.size_text(overview.size_bytes)})"]
    yield "Folders", [root.path + ("" if root.is_there else " (not there now)") for root in overview.roots]
    if overview.model:
        card = overview.model
        about = f"{card.name} ({card.fingerprint}), {card.dim} numbers a vector, {card.licence}"
        yield "Model", [about, *overview.older_model]
    yield "Files", [f"{sum(overview.files.values()):,}: {output.counted(output.in_order(overview.files))}"]
    yield (
        "Segments",
        [f"{sum(overview.segments.values()):,}: {output.counted(output.in_order(overview.segments))}"],
    )
    if overview.store and overview.store.name != "exact":
        yield (
            "Store",
            [output.store_text(overview.store), *([overview.store.remark] if overview.store.remark else [])],
        )
    if overview.skipped:
        summary = f"{sum(overview.skipped.values()):,}: {output.counted(overview.skipped)}"
        shown = overview.problems if show_all else overview.problems[:SHOWN_PROBLEMS]
        lines = [output.problem_text(one.path, one.reason) for one in shown]
        n_more = len(overview.problems) - len(shown)
        yield "Skipped", [summary, *lines, *([f"and {n_more:,} more: --all shows them"] if n_more else [])]
    if overview.missing:
        yield (
            "Missing",
            [
                f"{overview.missing:,} files of folders that could not be read, or whose drive was not there;"
                " they stay searchable"
            ],
        )
    if overview.changed or overview.gone:
        stale = f"{overview.changed:,} changed, {overview.gone:,} gone since they were indexed"
        # `anyseek index` refuses an index of an older model: what to do stands beside the model then.
        yield (
            "Stale",
            [stale, *([] if overview.older_model else ["To bring the index up to date: anyseek index"])],
        )
    if overview.last_run:
        yield "Last run", [_run_text(overview)]
    if overview.writer:
        yield "Writing", [overview.writer]


def _run_text(overview: Status) -> str:
    run = overview.last_run
    assert run is not None, "called only when there was one"
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    if run.report is None:
        again = "" if overview.older_model else "; run anyseek index again"
        return f"{started}, {'still running' if overview.writer else f'not finished{again}'}"
    return f"{started}, {output.report_text(run.report)}"
