"""Calls of the system that fail at every step of every command that changes an index."""

from __future__ import annotations

import errno
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fault_scenarios import LEFT_BY_A_FAULT, SCENARIOS, Stage, state
from faults import (
    FOR_EVER,
    HALF,
    MAKE,
    MAP,
    MKDIR,
    OPEN,
    RENAME,
    SYNC,
    TRUNCATE,
    UNLINK,
    WRITE,
    Fault,
    Outcome,
    Program,
)

from anyseek.catalog.check import check

StageOf = Callable[[str], Stage]
Note = Callable[[str, object], None]

_NEEDS_SPACE = WRITE | MAKE | TRUNCATE | MKDIR | RENAME
_NAMES = UNLINK | RENAME | MKDIR

# With the exit codes that name the cause. A command may also do without what failed, and end well.
FAILURES = {
    "full disk": (Fault(error=errno.ENOSPC, kinds=_NEEDS_SPACE | SYNC, times=FOR_EVER), {50}),
    "full for a moment": (Fault(error=errno.ENOSPC, kinds=_NEEDS_SPACE), {50}),
    "quota": (Fault(error=errno.EDQUOT, kinds=_NEEDS_SPACE, times=FOR_EVER), {50}),
    "failing disk": (Fault(error=errno.EIO, kinds=WRITE | SYNC), {52}),
    "refused": (Fault(error=errno.EACCES, kinds=OPEN | _NAMES), {51}),
    "read-only": (Fault(error=errno.EROFS, kinds=MAKE | TRUNCATE | _NAMES, times=FOR_EVER), {51}),
    "too many open files": (Fault(error=errno.EMFILE, kinds=OPEN, times=FOR_EVER), {53}),
    "no memory for a map": (Fault(error=errno.ENOMEM, kinds=MAP), {53}),
    "half a write": (Fault(error=HALF, kinds=WRITE), {50}),
}


@dataclass(frozen=True)
class Case:
    """A failure in a scenario, at about this many of its steps."""

    scenario: str
    failure: str
    samples: int


def fail_at_many_steps(stage: Stage, case: Case, note: Note) -> None:
    """The command ends with a sentence; nothing is lost; the same command then succeeds."""
    fault, codes = FAILURES[case.failure]
    steps = stage.n_steps(fault.kinds)
    stride = max(1, steps // case.samples)
    first = 1 + random.Random(f"{case.scenario} {case.failure}").randrange(stride)
    n_fired = 0
    for at in range(first, steps + 1, stride):
        stage.reset()
        ended = stage.run(replace(fault, at=at))
        if ended.fired:
            n_fired += 1
            where = f"{case.failure} at step {at} of {case.scenario}: {ended}"
            assert_one_sentence(ended, codes, where)
            if ended.code == 0:
                assert state(stage.index) == stage.after, where
            stage.verify_intact(where)
            stage.verify_same_command_succeeds(where)
    assert n_fired or not steps
    note("faults", {"what": "failing calls", "of": case.scenario, "steps": steps, "faults": n_fired})


def assert_one_sentence(ended: Outcome, codes: set[int], where: str) -> None:
    assert ended.code in codes | {0}, where
    for unwanted in ("Traceback", "unexpected", "emove the index", "annot be trusted", "damaged"):
        assert unwanted not in ended.err, where
    if ended.code:
        sentences = [line for line in ended.err.splitlines() if line.startswith("anyseek: ")]
        assert len(sentences) == 1, where


@pytest.mark.thorough
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_call_while_tags_are_written(
    stage_of: StageOf, record_property: Note, failure: str
) -> None:
    fail_at_many_steps(stage_of("tag"), Case("tag", failure, 2), record_property)


@pytest.mark.thorough
def test_a_disk_that_fails_once_while_a_catalog_is_opened_is_not_called_full(
    stage_of: StageOf, record_property: Note
) -> None:
    """A repair opens the catalog again and again, and SQLite gives no reason for what fails then."""
    fail_at_many_steps(stage_of("repair"), Case("repair", "failing disk", 25), record_property)


@pytest.mark.thorough
@pytest.mark.parametrize("failure", ["full for a moment", "full disk"])
def test_a_disk_that_is_full_while_a_catalog_is_made(
    program: Program, tmp_path: Path, record_property: Note, failure: str
) -> None:
    """It is made, or there was no space; never is a part of it said to be missing."""
    fault, _ = FAILURES[failure]
    index = tmp_path / "library" / "index"
    command = ("create", str(index))
    steps = program.run(command, tmp_path, index.parent, Fault(kinds=fault.kinds)).steps
    for at in range(1, steps + 1):
        shutil.rmtree(index.parent, ignore_errors=True)
        ended = program.run(command, tmp_path, index.parent, replace(fault, at=at))
        assert ended.code == 0 or "\nanyseek.errors.DiskFull: " in ended.err, f"at step {at}: {ended}"
        if ended.code == 0:
            assert {finding.code for finding in check(index)} <= LEFT_BY_A_FAULT
    assert steps > 10
    record_property("faults", {"what": "failing calls", "of": "create", "steps": steps, "faults": steps})


@pytest.mark.thorough
def test_a_full_disk_while_an_index_is_made(stage_of: StageOf, record_property: Note) -> None:
    fail_at_many_steps(stage_of("creation"), Case("creation", "full disk", 3), record_property)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_failing_call_in_any_command(
    stage_of: StageOf, record_property: Note, scenario: str, failure: str
) -> None:
    fail_at_many_steps(stage_of(scenario), Case(scenario, failure, 7), record_property)
