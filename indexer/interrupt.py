"""Ctrl-C as a wish: the first one asks the run to end after its batch, the second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from anyseek.indexer.options import StopCall


@contextmanager
def stop_on_interrupt(asked: StopCall | None) -> Iterator[StopCall]:
    """Whether to stop: because `asked` says so, or because of Ctrl-C.

    Signals are only ours to handle in the main thread, and only where nobody else has said what they mean.
    """
    was_asked = threading.Event()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        was_asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def stop() -> bool:
        if asked is not None and asked():
            was_asked.set()  # for good, whatever is answered later
        return was_asked.is_set()

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
