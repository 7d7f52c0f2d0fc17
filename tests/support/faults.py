"""Failing file operations: the library faults.so, and the program `anyseek` run upon it (see faults.c)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import faulty_program
import pytest

# As in faults.c.
WRITE, SYNC, RENAME, MAKE, OPEN, TRUNCATE, UNLINK, MKDIR, MAP = (1 << i for i in range(9))
CHANGES = WRITE | SYNC | RENAME | MAKE | TRUNCATE | UNLINK | MKDIR
HALF, KILL, TORN = -1, -2, -3
FOR_EVER = 1 << 40


@dataclass(frozen=True)
class Fault:
    """From step `at` on, `times` operations of these kinds fail with an errno, or HALF, KILL, TORN. at 0: none does."""

    at: int = 0
    error: int = 0
    kinds: int = CHANGES
    times: int = 1


NO_FAULT = Fault()


@dataclass(frozen=True)
class Job:
    """arguments: of `anyseek`; place: the working folder; below: how paths begin that fail; log: records operations."""

    arguments: tuple[str, ...]
    place: str
    below: str
    at: int
    error: int
    kinds: int
    times: int
    log: str = ""


@dataclass(frozen=True)
class Outcome:
    """code: the exit code, negative for a signal. steps: operations of the fault's kinds; fired: how many failed."""

    code: int
    steps: int
    fired: int
    out: str
    err: str


def built(folder: Path) -> Path:
    """The library, compiled. Skips where there is no C compiler, which `--no-skips` forbids."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: install gcc")
    library = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(library)]
    subprocess.run([compiler, *options, str(source), "-ldl"], check=True)
    return library


class Program:
    """`anyseek`, ready to run command after command upon files that fail. A context manager."""

    def __init__(self, library: Path) -> None:
        path = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, faulty_program.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "LD_PRELOAD": str(library)},
        )
        assert self._answer() == "ready\n"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the program that runs commands has ended"
        return line

    def run(
        self, arguments: tuple[str, ...], place: Path, below: Path, fault: Fault = NO_FAULT, log: str = ""
    ) -> Outcome:
        """One command, run in `place`; faults are on paths that begin with `below`, and on the folder these are in."""
        job = Job(arguments, str(place), str(below), **asdict(fault), log=log)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._answer()))

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
