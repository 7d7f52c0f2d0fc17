"""Processes that are killed at a line of code chosen by its number, so that no clock decides where it happens.

In the child: `dying.begin("catalog", "stores")` counts the lines that run in those rooms from then on. With KILL_AT=N
in its environment it kills itself before the N-th. With TELL_AT=N it writes "here" to stdout there and goes on, and
the parent kills it at once: somewhere in the midst of what it calls next, which may be a library.

In the parent: `kill(...)` runs such a child to its end. The code must come to that line: let it go on for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import anyseek

_count = 0


def begin(*rooms: str) -> None:
    """Count lines from here on, in all threads, and die or tell at the chosen one. Rooms: `catalog`, `atomic.py`."""
    prefixes = tuple(str(Path(anyseek.__file__).parent / room) for room in rooms)
    kill_at = int(os.environ.get("KILL_AT", 0))
    tell_at = int(os.environ.get("TELL_AT", 0))

    def at_line(frame: FrameType, event: str, argument: Any) -> Any:
        global _count
        if event == "line":
            _count += 1
            if _count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if _count == tell_at:
                os.write(1, b"here\n")
        return at_line

    def at_call(frame: FrameType, event: str, argument: Any) -> Any:
        return at_line if frame.f_code.co_filename.startswith(prefixes) else None

    threading.settrace(at_call)
    sys.settrace(at_call)


def lines() -> int:
    """How many have run since `begin`."""
    return _count


def kill(command: Sequence[str], line: int, *, at_once: bool = True) -> list[str]:
    """What the child wrote to stdout, line by line, until it was killed at that line (at_once) or just after it."""
    child = start(command, {"KILL_AT" if at_once else "TELL_AT": str(line)})
    assert child.stdout is not None
    output = []
    for text in child.stdout:
        if text == "here\n":
            child.kill()
        else:
            output.append(text)
    errors = child.communicate()[1]
    assert child.returncode == -signal.SIGKILL, f"it never came to line {line}: {errors}"
    return output


def start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """A child that can import what this process can."""
    path = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def count(command: Sequence[str]) -> int:
    """The number in the first line `lines N` that the child prints; it is killed then."""
    child = start(command, {})
    assert child.stdout is not None
    for text in child.stdout:
        if text.startswith("lines "):
            child.kill()
            child.communicate()
            return int(text.split()[1])
    raise AssertionError(child.communicate()[1])
