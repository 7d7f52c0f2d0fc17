"""Reports to the caller where the run stands, one `Progress` at a time."""

from __future__ import annotations

import time
from typing import Literal

from anyseek.contracts import Modality, Problem
from anyseek.indexer.options import Progress, ProgressCall
from anyseek.printable import printable

# One call for so many seen files: 100,000 calls would take longer than the scan itself.
_SCAN_STEP = 256


class Reporter:
    """Counts, and calls back. Without a callback it only counts.

    segments: embedded so far. remarks: all of the run, for its report.
    """

    def __init__(self, call: ProgressCall | None) -> None:
        self._call = call
        self._stage: Literal["scan", "index"] = "scan"
        self._started = time.monotonic()
        self._total: int | None = None
        self._done = 0
        self._skipped = 0
        self.segments = 0
        self.remarks: list[str] = []

    def start_indexing(self, total: int, done: int = 0) -> None:
        """The second stage begins, with so many files to look into."""
        self._stage, self._total, self._done = "index", total, done
        self._started = time.monotonic()
        self._report()

    def scanned(self) -> None:
        """One more path was compared."""
        self._done += 1
        if self._done % _SCAN_STEP == 0:
            self._report()

    def done(self, modality: Modality | None) -> None:
        """One more file is dealt with."""
        self._done += 1
        self._report(modality=modality)

    def problem(self, path: str, problem: Problem, *, is_new: bool = True) -> None:
        """A file or folder was skipped. A known problem is not reported again."""
        if is_new:
            self._skipped += 1
            self._report(problems=((path, problem),))

    def planned(self, what: str, path: str) -> None:
        """On a dry run: what would be done."""
        self._report(planned=((what, path),))

    def remark(self, text: str) -> None:
        """A sentence for people, now and in the run's report."""
        text = printable(text)  # it names folders
        self.remarks.append(text)
        self._report(remarks=(text,))

    def _report(
        self,
        modality: Modality | None = None,
        problems: tuple[tuple[str, Problem], ...] = (),
        planned: tuple[tuple[str, str], ...] = (),
        remarks: tuple[str, ...] = (),
    ) -> None:
        if self._call is not None:
            seconds = time.monotonic() - self._started
            self._call(
                Progress(
                    stage=self._stage,
                    done=self._done,
                    total=self._total,
                    skipped=self._skipped,
                    segments=self.segments,
                    seconds=seconds,
                    modality=modality,
                    problems=problems,
                    planned=planned,
                    remarks=remarks,
                )
            )
