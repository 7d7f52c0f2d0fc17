"""Waiting for what must happen, however long a busy machine takes for it."""

from __future__ import annotations

import time
from collections.abc import Callable

BRAKE_S = 240.0
"""Ends a test that would otherwise hang. It decides nothing: what is waited for must happen, soon or late."""


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return when it is so; AssertionError with `what` after BRAKE_S."""
    brake = time.monotonic() + BRAKE_S
    while not is_so():
        assert time.monotonic() < brake, f"still waiting for: {what}"
        time.sleep(0.01)


def is_dead(pid: int) -> bool:
    """Whether a process has ended, waited for by its parent or not."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
