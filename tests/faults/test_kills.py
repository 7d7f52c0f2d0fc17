"""kill -9 before or in the middle of a chosen operation on a file: the same command goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from fault_scenarios import SCENARIOS, Stage
from faults import CHANGES, KILL, TORN, WRITE, Fault

StageOf = Callable[[str], Stage]
Note = Callable[[str, object], None]

KILLS = 300
_OF_CREATION = 120


def killed(stage: Stage, faults: Iterable[Fault], note: Note) -> None:
    """Killed by each fault, the index is intact, and the same command makes it what it should be."""
    number = 0
    for fault in faults:
        number += 1
        where = f"{fault} of {stage.scenario.name}"
        stage.reset()
        assert stage.run(fault).code == -9, where
        stage.verify_intact(where)
        stage.verify_same_command_succeeds(where)
    note("faults", {"what": "kills", "of": stage.scenario.name, "steps": stage.n_steps(), "faults": number})


def spread(stage: Stage, count: int) -> list[Fault]:
    """`count` kills over the steps: half in the middle of a write, as far as there are writes, the others before a
    step. Fewer where there are fewer steps."""
    writes, steps = stage.n_steps(WRITE), stage.n_steps(CHANGES)
    n_torn = min(count // 2, writes)
    n_before = min(count - n_torn, steps)
    return [
        *(Fault(1 + i * steps // n_before, KILL, CHANGES) for i in range(n_before)),
        *(Fault(1 + i * writes // n_torn, TORN, WRITE) for i in range(n_torn)),
    ]


def test_killed_while_an_index_is_made(stage_of: StageOf, record_property: Note) -> None:
    stage = stage_of("creation")
    killed(stage, (Fault(at, KILL) for at in range(5, 86, 20)), record_property)


@pytest.mark.thorough
def test_killed_while_tags_are_written(stage_of: StageOf, record_property: Note) -> None:
    killed(stage_of("tag"), spread(stage_of("tag"), 6), record_property)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_each_of_the_first_steps_of_creation(stage_of: StageOf, record_property: Note) -> None:
    stage = stage_of("creation")
    killed(stage, (Fault(at, KILL) for at in range(1, 97)), record_property)
    killed(stage, spread(stage, _OF_CREATION - 96), record_property)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "creation"])
def test_killed_in_any_command(stage_of: StageOf, record_property: Note, name: str) -> None:
    stage = stage_of(name)
    count = -(-(KILLS - _OF_CREATION) // (len(SCENARIOS) - 1))
    kills = spread(stage, count)
    assert len(kills) == count
    killed(stage, kills, record_property)
