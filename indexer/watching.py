"""An index that follows its folders: changes are gathered until it is quiet for a moment, then one ordinary run."""

from __future__ import annotations

import os
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
RETRY_S = 2.0
"""Between two tries while another process writes the index."""

_POLL_S = 0.5


def follow(
    add: Callable[..., Report],
    roots: Iterable[Path],
    *,
    stop: StopCall,
    every_s: float = 0.0,
    notify: Callable[[str], None],
    index: Path | None = None,
) -> Iterator[Report]:
    """A report for each run: one at once, one for each burst of changes. add: `Index.add`.

    every_s: scan so often instead; 0 to learn of changes from the system, or where it cannot watch, by a scan every
    minute. notify: called with a sentence when a run finds another writer (it is tried again until that one is done) or
    a root gone (said once; it is tried again with the next change), and when the system cannot watch. index: where the
    index lies, whose own changes are none. Raises MissingExtra.
    """
    bursts = _scheduled(every_s, stop) if every_s else _bursts(list(roots), index, stop, notify)
    next(bursts, None)  # watched before it is scanned: what changes meanwhile is in the first burst
    said = ""
    while True:
        try:
            report = _run_when_free(add, stop, notify)
        except RootUnavailable as error:
            if error.message != said:
                notify(f"{error.message} Tried again with the next change.")
            said = error.message
        else:
            said = ""
            if report is not None:
                yield report
        if stop() or next(bursts, None) is None:
            return


def _run_when_free(
    add: Callable[..., Report], stop: StopCall, notify: Callable[[str], None]
) -> Report | None:
    """A run's report, however long another writer has to be waited for; None when it was stopped meanwhile."""
    was_notified = False
    while True:
        try:
            return add(stop=stop)
        except IndexLocked as error:
            if not was_notified:
                notify(f"{error.message} Tried again until it is done.")
                was_notified = True
        if not _wait(RETRY_S, stop):
            return None


def require_watchfiles() -> Any:
    """The module by which the system tells of changes. Raises MissingExtra."""
    try:
        import watchfiles
    except ImportError as error:
        raise MissingExtra("watchfiles is not installed.", 'pip install "anyseek[watch]"') from error
    return watchfiles


def _bursts(
    roots: list[Path], index: Path | None, stop: StopCall, notify: Callable[[str], None]
) -> Iterator[bool]:
    """True when the system watches the roots, and then for each burst of changes below them."""
    changes: Iterator[Any] = require_watchfiles().watch(
        *(root for root in roots if root.is_dir()),
        watch_filter=content_filter(roots, index),
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


def content_filter(roots: Iterable[Path], index: Path | None) -> Callable[[Any, str], bool]:
    """Tells from (kind of change, absolute path) whether it is a change of content: not one of the index, nor of
    anything hidden below a root. Where the roots themselves lie does not matter."""
    folders = {
        os.path.join(spell(root), "") for root in roots for spell in (os.path.abspath, os.path.realpath)
    }
    own = (
        {os.path.join(spell(index), "") for spell in (os.path.abspath, os.path.realpath)} if index else set()
    )

    def is_content(_: Any, path: str) -> bool:
        if any(f"{path}/".startswith(folder) for folder in own):
            return False
        below = [path[len(folder) :] for folder in folders if f"{path}/".startswith(folder)]
        return not below or any(not _is_hidden(one) for one in below)

    return is_content


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _scheduled(every_s: float, stop: StopCall) -> Iterator[bool]:
    """True at once, and then every `every_s` seconds."""
    yield True
    while _wait(every_s, stop):
        yield True


def _wait(seconds: float, stop: StopCall) -> bool:
    """Whether nobody has stopped the run until that time was over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if stop():
            return False
        time.sleep(min(_POLL_S, seconds))
    return True
