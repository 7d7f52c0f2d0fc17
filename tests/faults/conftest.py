"""The program upon failing files, and the indexes that it works on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import faults
import pytest
from fault_scenarios import SCENARIOS, Stage

StageOf = Callable[[str], Stage]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[faults.Program]:
    with faults.Program(faults.built(tmp_path_factory.mktemp("library"))) as running:
        yield running


@pytest.fixture(scope="session")
def stage_of(program: faults.Program, tmp_path_factory: pytest.TempPathFactory) -> StageOf:
    """Each scenario's stage, made when it is first asked for."""
    stages: dict[str, Stage] = {}

    def stage_of(name: str) -> Stage:
        if name not in stages:
            place = tmp_path_factory.mktemp("stage") / name
            stages[name] = Stage(program, place, SCENARIOS[name])
        return stages[name]

    return stage_of
