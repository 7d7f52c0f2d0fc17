"""Processes that a test starts, and that do not outlive it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from waiting import BRAKE_S


@contextmanager
def running(command: Sequence[Any], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process whose standard output and error are pipes of text, unless `options` of Popen say otherwise.

    Ended where it still runs at the end: leaving the block of a Popen would wait, and a failed test never end.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([str(part) for part in command], text=True, **{**pipes, **options}) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()  # which lets it say what of it was covered
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=BRAKE_S)
                process.kill()
