"""kill -9 at random and at named moments: what was committed is there, whole, and nothing else is."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import crash_writer
import pytest
from indexes import contents, new_index

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.locking import is_locked
from anyseek.catalog.repair import repair

State = tuple[dict[str, list[bytes]], list[tuple[str, str]]]


def state(folder: Path) -> State:
    """What can be found, and what failed."""
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        problems = [(record.path, record.problem.reason) for record in snapshot.problems() if record.problem]
        return contents(snapshot), problems


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[State]:
    """The state before the first step of seed 1, and after each."""
    catalog, space = new_index(tmp_path_factory.mktemp("undisturbed"))
    with catalog:
        states = [state(catalog.folder)]
        for i in range(crash_writer.STEPS):
            crash_writer.step(catalog, space, 1, i)
            states.append(state(catalog.folder))
    return states


def killed(folder: Path, space: int, *, moment: str = "", after_s: float | None = None) -> int:
    """Run the writer until it dies; how many steps it had told."""
    child = subprocess.Popen(
        [sys.executable, crash_writer.__file__, str(folder), str(space), "1", *([moment] if moment else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # `communicate` would not see what a buffered `readline` had read beyond its line
        env=dict(os.environ, PYTHONPATH=os.path.dirname(crash_writer.__file__)),
    )
    assert child.stdout is not None
    if after_s is None:
        told, errors = child.communicate(timeout=100)
    else:
        first = child.stdout.readline()
        time.sleep(after_s)
        child.kill()
        told, errors = child.communicate(timeout=100)
        told = first + told
    assert child.returncode in (-9, 0), errors
    if moment:
        assert child.returncode == -9, "it never came to that moment"
    return len(told.split())


def verify(folder: Path, space: int, told: int, undisturbed: list[State]) -> None:
    """The last told step or the one after it; healthy after mending; goes on from there as if undisturbed."""
    assert not is_locked(folder)
    found = state(folder)
    # The step may have been committed before it could be told.
    assert found in undisturbed[told : told + 2], f"{told} steps were told, and this is none of those states"
    repair(folder, check(folder))
    assert check(folder) == []
    assert state(folder) == found
    done = undisturbed.index(found, told)
    with Catalog.open(folder) as catalog, catalog.lock("resume"):
        for i in range(done, min(done + 3, crash_writer.STEPS)):
            crash_writer.step(catalog, space, 1, i)
            assert state(folder) == undisturbed[i + 1]
    assert check(folder) == [] or {finding.code for finding in check(folder)} == {"half-indexed"}


@pytest.mark.parametrize(
    "moment",
    [
        "half-written:1",
        "half-written:9",
        "before-sync:3",
        "before-commit:1",
        "before-commit:6",
        "after-commit:4",
        "after-commit:7",  # a compaction, with the old generation not yet deleted
        "in-transaction:40",
        "before-unlink:1",
    ],
)
def test_killed_at_a_named_moment(tmp_path: Path, undisturbed: list[State], moment: str) -> None:
    catalog, space = new_index(tmp_path)
    catalog.close()
    told = killed(catalog.folder, space, moment=moment)
    verify(catalog.folder, space, told, undisturbed)


def random_kill(tmp_path: Path, undisturbed: list[State], seed: int) -> None:
    catalog, space = new_index(tmp_path)
    catalog.close()
    told = killed(catalog.folder, space, after_s=random.Random(seed).uniform(0, 0.5))
    verify(catalog.folder, space, told, undisturbed)


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_a_random_moment(tmp_path: Path, undisturbed: list[State], seed: int) -> None:
    random_kill(tmp_path, undisturbed, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 40))
def test_killed_at_another_random_moment(tmp_path: Path, undisturbed: list[State], seed: int) -> None:
    random_kill(tmp_path, undisturbed, seed)
