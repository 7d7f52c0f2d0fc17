"""An indexing process that is killed, or interrupted, at any moment: the next run makes it whole."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sample_files
from indexes import contents
from moments import kill_when_it_is_there

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.contracts import FileRecord

SCRIPT = Path(__file__).parents[1] / "support" / "indexing_process.py"
LEFT_BY_A_KILL = {"lock-left", "log-left", "half-indexed"}  # untidy, and nothing of what was committed
COLOURS = ("red", "green", "blue")


def fill(folder: Path) -> None:
    """Files of all kinds: long recordings, equal ones, broken ones, and what is no media."""
    rng = random.Random(0)
    sample_files.fill(folder)
    for i in range(60):
        sample_files.text(folder / f"{i:02}.txt", " ".join(rng.choice(COLOURS) for _ in range(1 + i % 40)))
    for i in range(4):
        path = folder / f"long{i}.wav"
        sample_files.sound(path, *(rng.choice(COLOURS) for _ in range(12)), below="green")
    for i in range(10):
        sample_files.picture(folder / f"same{i}.png", COLOURS[i % 3])
        (folder / f"zip{i}.jpg").write_bytes(b"PK\x03\x04 no picture")
        (folder / f"program{i}.py").write_text("print()")


def start(index: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    # -W error: a warning in the process is a failure here as everywhere.
    command = [sys.executable, "-W", "error", str(SCRIPT), str(index), str(folder), *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def killed(index: Path, folder: Path, at: int) -> None:
    """A run that is killed about the call of this number."""
    kill_when_it_is_there(start(index, folder, "--say-at", str(at)))


def finish(index: Path, folder: Path) -> dict[str, object]:
    process = start(index, folder)
    out, err = process.communicate()
    assert process.returncode == 0, err
    report: dict[str, object] = json.loads(out.splitlines()[-1])
    return report


def state(index: Path) -> tuple[dict[str, list[bytes]], dict[str, tuple[object, ...]]]:
    """Vectors by path, and the rest of what the catalog says; numbers of files and the run's time left out."""

    def facts(record: FileRecord) -> tuple[object, ...]:
        return (
            record.size,
            record.mtime_ns,
            record.inode,
            record.content_hash,
            record.modality,
            record.state,
            record.problem,
        )

    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        return contents(snapshot), {record.path: facts(record) for record in snapshot.files()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """A folder, its whole index, and how many calls the run made."""
    base = tmp_path_factory.mktemp("crash")
    fill(base / "media")
    report = finish(base / "index", base / "media")
    assert report["skipped"] == {"mislabelled": 10}
    assert isinstance(report["calls"], int)
    return base / "media", base / "index", report["calls"]


def kill_and_resume(undisturbed: tuple[Path, Path, int], index: Path, rng: random.Random, kills: int) -> None:
    folder, whole, n_calls = undisturbed
    for _ in range(kills):
        killed(index, folder, rng.randint(1, n_calls))
        assert {finding.code for finding in check(index)} <= LEFT_BY_A_KILL
    n_before = len(state(index)[0])
    report = finish(index, folder)
    assert check(index) == []
    assert state(index) == state(whole)
    assert isinstance(report["new"], int)
    assert report["new"] <= len(state(whole)[0]) - n_before + 10, "what was committed is not done again"


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(5))
def test_killed_and_resumed(undisturbed: tuple[Path, Path, int], tmp_path: Path, seed: int) -> None:
    kill_and_resume(undisturbed, tmp_path / "index", random.Random(seed), kills=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_killed_at_thirty_moments(undisturbed: tuple[Path, Path, int], tmp_path: Path, seed: int) -> None:
    kill_and_resume(undisturbed, tmp_path / "index", random.Random(seed), kills=1 + seed % 3)


@pytest.mark.thorough
def test_killed_in_the_middle_of_an_update(undisturbed: tuple[Path, Path, int], tmp_path: Path) -> None:
    folder, _, _ = undisturbed
    mine, index = tmp_path / "media", tmp_path / "index"
    shutil.copytree(folder, mine)
    finish(index, mine)
    (mine / "notes").rename(mine / "moved")
    shutil.move(mine / "long0.wav", mine / "moved" / "long0.wav")
    for i in range(0, 60, 3):
        sample_files.text(mine / f"{i:02}.txt", "blue " * (i + 2))
    (mine / "01.txt").unlink()
    shutil.copytree(index, tmp_path / "other")
    n_calls = finish(tmp_path / "other", mine)["calls"]
    assert isinstance(n_calls, int)
    rng = random.Random(5)
    for _ in range(3):
        killed(index, mine, rng.randint(1, n_calls))
    finish(index, mine)
    assert check(index) == []
    assert state(index) == state(tmp_path / "other")


@pytest.mark.thorough
def test_ctrl_c_ends_after_the_batch(undisturbed: tuple[Path, Path, int], tmp_path: Path) -> None:
    folder, whole, _ = undisturbed
    index = tmp_path / "index"
    process = start(index, folder, "--wait-at", "5")
    wait_for(process, "done 5\n")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate("go on\n")
    assert process.returncode == 0, err
    assert err == ""
    report = json.loads(out.splitlines()[-1])
    assert report["interrupted"]
    assert 0 < len(state(index)[0]) < len(state(whole)[0])
    assert not finish(index, folder)["interrupted"]
    assert state(index) == state(whole)


def test_the_workers_of_a_killed_run_end_too(undisturbed: tuple[Path, Path, int], tmp_path: Path) -> None:
    process = start(tmp_path / "index", undisturbed[0], "--wait-at", "3")
    wait_for(process, "done 3\n")
    workers = [os.pidfd_open(pid) for pid in children(process.pid)]
    assert workers
    process.kill()
    process.communicate()
    for worker in workers:
        select.select(
            [worker], [], []
        )  # readable when the process has ended; pytest's own limit ends the wait
        os.close(worker)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert line in process.stdout, "it ended before"


def children(pid: int) -> list[int]:
    """Of all its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
