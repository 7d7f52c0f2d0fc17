"""The options of a run, and what it reports while it works."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from anyseek.contracts import Limits, Modality, Problem
from anyseek.errors import UsageError
from anyseek.printable import short_repr


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """exclude: gitignore patterns, for this run. retry_failed: try files with a known problem again.
    depth_unit: metres that a raw depth unit stands for; stored in the index, None for the stored one. dry_run:
    count, and write nothing. prune: delete what is not there, also where a drive may be missing (see emptied.py).
    limits: of each decoding task. workers: decoding processes, None to fit the machine. memory_bytes: of each
    worker. batch: the most segments that the model is given at once. commit_s: the longest time between two
    commits, in seconds of work.

    Raises UsageError for less than one worker, and for a depth unit that is not a positive number.
    """

    exclude: tuple[str, ...] = ()
    retry_failed: bool = False
    depth_unit: float | None = None
    dry_run: bool = False
    prune: bool = False
    limits: Limits = Limits()
    workers: int | None = None
    memory_bytes: int = 4 << 30
    batch: int = 32
    commit_s: float = 5.0

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(
                f"The number of decoding processes cannot be {self.workers}.", "For example: --workers 2"
            )
        if self.depth_unit is not None and not is_depth_unit(self.depth_unit):
            raise UsageError(
                f"A depth unit of {short_repr(self.depth_unit)} metres is not possible.",
                "For millimetres: --depth-unit 0.001",
            )

    def n_workers(self) -> int:
        """`workers`, else one for each processor that this process may use."""
        return self.workers or len(os.sched_getaffinity(0))

    def most_open(self) -> int:
        """Files that are read by parts at the same time; one worker may have them all."""
        return self.n_workers() + 2


def is_depth_unit(value: object) -> bool:
    """Whether a value, from wherever it comes, is a number of metres: above 0, and one that a float holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value <= sys.float_info.max


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run stands.

    stage: "scan" while folders are compared with the catalog (done: files seen, total: None), then "index".
    done, total: files to look into. skipped: files with a problem so far. segments: embedded so far. seconds:
    since the stage began. modality: of the file just done, None when it was not media. problems: (absolute
    path, problem) new since the last call; not all are stored in the catalog (a file that vanished, a folder
    that cannot be read). planned: on a dry run, (what would be done, absolute path). remarks: sentences
    for people, which the report of the run has too.
    """

    stage: Literal["scan", "index"]
    done: int
    total: int | None
    skipped: int = 0
    segments: int = 0
    seconds: float = 0.0
    modality: Modality | None = None
    problems: tuple[tuple[str, Problem], ...] = ()
    planned: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


ProgressCall: TypeAlias = Callable[[Progress], None]
StopCall: TypeAlias = Callable[[], bool]
