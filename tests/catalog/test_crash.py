"""kill -9 at random lines and at named moments: what was committed is there, whole, and nothing else is."""

from __future__ import annotations

import random
from pathlib import Path

import crash_writer
import dying
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


def command(folder: Path, space: int, *moment: str) -> list[str]:
    """The writer of seed 1 as a process."""
    return [crash_writer.__file__, str(folder), str(space), "1", *moment]


def killed(folder: Path, space: int, moment: str) -> int:
    """Run the writer until it kills itself; how many steps it had reported."""
    child = dying.start(command(folder, space, moment), {})
    output, errors = child.communicate()
    assert child.returncode == -9, f"it never came to that moment: {errors}"
    return len(output.split())


def verify(folder: Path, space: int, told: int, undisturbed: list[State]) -> None:
    """The last told step or the one after it; healthy after a repair; goes on from there as if undisturbed."""
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


@pytest.mark.thorough
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
    told = killed(catalog.folder, space, moment)
    verify(catalog.folder, space, told, undisturbed)


@pytest.fixture(scope="module")
def all_lines(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many lines of the catalog's code the writer runs, from its first step to its last."""
    catalog, space = new_index(tmp_path_factory.mktemp("counted"))
    catalog.close()
    return dying.count(command(catalog.folder, space))


def random_kill(tmp_path: Path, undisturbed: list[State], all_lines: int, seed: int) -> None:
    catalog, space = new_index(tmp_path)
    catalog.close()
    line = random.Random(seed).randrange(1, all_lines)
    output = dying.kill(command(catalog.folder, space), line, at_once=seed % 2 == 0)
    steps = sum(text.strip().isdigit() for text in output)
    verify(catalog.folder, space, steps, undisturbed)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_a_random_line(tmp_path: Path, undisturbed: list[State], all_lines: int, seed: int) -> None:
    random_kill(tmp_path, undisturbed, all_lines, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 40))
def test_killed_at_another_random_line(
    tmp_path: Path, undisturbed: list[State], all_lines: int, seed: int
) -> None:
    random_kill(tmp_path, undisturbed, all_lines, seed)
