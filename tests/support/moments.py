"""Killing a process at a moment of its own life rather than of the clock.

The process counts the calls that its main thread makes; at one of them it says "here" and goes on. The test kills it
when it reads that, so the end comes soon after the same piece of work however busy the machine is, and in the middle
of whatever the process does by then.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

HERE = "here\n"


def count_calls(say_at: int) -> Callable[[], int]:
    """In the process: start to count. Returns a function that tells how many calls there were up to now."""
    n_calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls == say_at:
            sys.stdout.write(HERE)
            sys.stdout.flush()

    sys.setprofile(count)
    return lambda: n_calls


def kill_when_it_is_there(process: subprocess.Popen[str]) -> None:
    """In the test: wait for the moment, or for an end before it, and kill the process."""
    assert process.stdout is not None
    for line in process.stdout:
        if line == HERE:
            break
    process.kill()
    process.communicate()
