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
    tell: Callable[[str], None],
) -> Iterator[Report]:
    """A report for each run: one at once, one for each burst of changes. add: `Index.add`.

    every_s: look so often instead; 0 to be told by the system, and where it cannot tell, every minute. A run that
    finds another writer, or a root gone, is told of and tried again with the next change. Raises MissingExtra.
    """
    waiting = _told(list(roots), stop, tell) if not every_s else _ticks(every_s, stop)
    while True:
        try:
            yield add(stop=stop)
        except (IndexLocked, RootUnavailable) as error:
            tell(f"{error.message} Tried again with the next change.")
        if stop() or next(waiting, None) is None:
            return


def _told(roots: list[Path], stop: StopCall, tell: Callable[[str], None]) -> Iterator[bool]:
    """True for each burst of changes below the roots."""
    try:
        import watchfiles
    except ImportError as error:
        raise MissingExtra("watchfiles is not installed.", 'pip install "anyseek[watch]"') from error
    there = [root for root in roots if root.is_dir()]
    changes: Iterator[Any] = watchfiles.watch(
        *there,
        watch_filter=_is_content,
        debounce=LONGEST_MS,
        step=QUIET_MS,
        yield_on_timeout=True,
        rust_timeout=int(1000 * _POLL_S),
        raise_interrupt=False,
    )
    try:
        for burst in changes:
            if stop():
                return
            if burst:
                yield True
    except OSError as error:
        tell(
            f"The system cannot watch these folders ({error.strerror or error}): they are looked through every minute."
        )
        yield from _ticks(SCAN_EVERY_S, stop)


def _is_content(change: Any, path: str) -> bool:
    """Not an index, nor anything hidden: their changes are our own, or nobody's."""
    return not any(part.startswith(".") and part not in (".", "..") for part in Path(path).parts)


def _ticks(every_s: float, stop: StopCall) -> Iterator[bool]:
    while True:
        until = time.monotonic() + every_s
        while time.monotonic() < until:
            if stop():
                return
            time.sleep(min(_POLL_S, every_s))
        yield True
