"""An index that follows its folders: changes are gathered until it is quiet for a moment, then one ordinary run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Report
from anyseek.errors import IndexLocked, MissingExtra, RootUnavailable

if TYPE_CHECKING:
    from anyseek.indexer.options import StopCall

QUIET_MS, LONGEST_MS = 1_500, 10_000
"""A burst ends when nothing changed for so long, or has lasted so long: then what is there is indexed."""

SCAN_EVERY_S = 60.0
_POLL_S = 0.5


def follow(
    add: Callable[..., Report],
    roots: Iterable[Path],
    *,
    stop: StopCall,
    every_s: float = 0.0,
    notify: Callable[[str], None],
) -> Iterator[Report]:
    """A report for each run: one at once, one for each burst of changes. add: `Index.add`.

    every_s: scan so often instead; 0 to learn of changes from the system, or where it cannot watch, by a scan every
    minute. notify: called with a sentence when a run finds another writer or a root gone (it is tried again with the
    next change), and when the system cannot watch. Raises MissingExtra.
    """
    bursts = _scheduled(every_s, stop) if every_s else _bursts(list(roots), stop, notify)
    next(bursts, None)  # watched before it is scanned: what changes meanwhile is in the first burst
    while True:
        try:
            yield add(stop=stop)
        except (IndexLocked, RootUnavailable) as error:
            notify(f"{error.message} Tried again with the next change.")
        if stop() or next(bursts, None) is None:
            return


def require_watchfiles() -> Any:
    """The module by which the system tells of changes. Raises MissingExtra."""
    try:
        import watchfiles
    except ImportError as error:
        raise MissingExtra("watchfiles is not installed.", 'pip install "anyseek[watch]"') from error
    return watchfiles


def _bursts(roots: list[Path], stop: StopCall, notify: Callable[[str], None]) -> Iterator[bool]:
    """True when the system watches the roots, and then for each burst of changes below them."""
    changes: Iterator[Any] = require_watchfiles().watch(
        *(root for root in roots if root.is_dir()),
        watch_filter=_is_content,
        debounce=LONGEST_MS,
        step=QUIET_MS,
        yield_on_timeout=True,
        rust_timeout=int(1000 * _POLL_S),
        raise_interrupt=False,
    )
    is_watching = False
    try:
        for burst in changes:
            if stop():
                return
            if not is_watching:
                is_watching = True
                yield True
            if burst:
                yield True
    except OSError as error:
        notify(
            f"The system cannot watch these folders ({error.strerror or error}): they are scanned every minute."
        )
        ticks = _scheduled(SCAN_EVERY_S, stop)
        if is_watching:
            next(ticks)
        yield from ticks


def _is_content(change: Any, path: str) -> bool:
    """Not an index, nor anything hidden: their changes are our own, or nobody's."""
    return not any(part.startswith(".") and part not in (".", "..") for part in Path(path).parts)


def _scheduled(every_s: float, stop: StopCall) -> Iterator[bool]:
    """True at once, and then every `every_s` seconds."""
    yield True
    while True:
        until = time.monotonic() + every_s
        while time.monotonic() < until:
            if stop():
                return
            time.sleep(min(_POLL_S, every_s))
        yield True
