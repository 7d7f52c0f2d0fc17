"""Ctrl-C as a request: after the first one a run ends with its batch, the second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from anyseek.indexer.options import StopCall


@contextmanager
def stop_on_interrupt(requested: StopCall | None) -> Iterator[StopCall]:
    """Whether to stop: because `requested` returned true, or because of Ctrl-C.

    Signals are handled here only in the main thread, and only where the program has no handler of its own.
    """
    is_stopped = threading.Event()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        is_stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def stop() -> bool:
        if requested is not None and requested():
            is_stopped.set()  # for good, whatever it returns later
        return is_stopped.is_set()

    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield stop
        return
    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
