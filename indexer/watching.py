"""An index that follows its folders: changes are gathered until it is quiet for a moment, then one ordinary run."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from anyseek.contracts import Report
from anyseek.errors import AnyseekError, IndexLocked, MissingExtra, RootUnavailable
from anyseek.indexer.drives import Mount, mounts
from anyseek.indexer.ignore import IGNORE_NAME, IgnoreFileError

if TYPE_CHECKING:
    from anyseek.indexer.options import StopCall

QUIET_MS, LONGEST_MS = 1_500, 10_000
"""A burst ends when nothing changed for so long, or has lasted so long: then what is there is indexed."""

SCAN_EVERY_S = 60.0
RETRY_S = 2.0
"""Between two tries while another process writes the index."""

_POLL_S = 0.5
_DELETED = 3  # of watchfiles.Change

RootsCall: TypeAlias = Callable[[], Iterable[Path]]
NotifyCall: TypeAlias = Callable[[str], None]


def follow(
    add: Callable[..., Report],
    roots: RootsCall,
    *,
    stop: StopCall,
    every_s: float = 0.0,
    notify: NotifyCall,
    index: Path | None = None,
) -> Iterator[Report]:
    """A report for each run: one at once, one for each burst of changes. add: `Index.add`. roots: `Index.roots`, called
    often; those that are away are watched when they are back.

    every_s: scan so often instead; 0 to learn of changes from the system, or where it cannot watch, by a scan every
    minute. notify: called with a sentence when a run meets another writer (it is tried again until that one is done), a
    root that is gone or an ignore file that is wrong (said once; it is tried again with the next change, as when the
    root is back), and when the system cannot watch. A run that met a root gone has a report where it changed anything.
    index: where the index lies, whose own changes are none. Raises MissingExtra.
    """
    bursts = _scheduled(every_s, stop) if every_s else _bursts(roots, index, stop, notify)
    next(bursts, None)  # watched before it is scanned: what changes meanwhile is in the first burst
    said = ""
    while True:
        try:
            report = _run_when_free(add, stop, notify)
        except (RootUnavailable, IgnoreFileError) as error:
            if error.message != said:
                notify(f"{error.message} Tried again with the next change.")
            said = error.message
            if isinstance(error, RootUnavailable) and error.report and has_changes(error.report):
                yield error.report  # of all other folders
        else:
            said = ""
            if report is not None:
                yield report
        if stop() or next(bursts, None) is None:
            return


def has_changes(report: Report) -> bool:
    """Whether the run met anything that the one before it had not."""
    return any((report.new, report.changed, report.moved, report.gone, report.skipped))


def _run_when_free(add: Callable[..., Report], stop: StopCall, notify: NotifyCall) -> Report | None:
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


def _bursts(roots: RootsCall, index: Path | None, stop: StopCall, notify: NotifyCall) -> Iterator[bool]:
    """True when the system watches the roots that are there, and then for each burst of changes below them, and when
    other ones are there: a root or a drive that was away, or a root that another process has added."""
    watch = require_watchfiles().watch
    now = _present(roots())
    while not stop():
        there, is_content = now, content_filter(now.roots, index)
        try:
            with closing(_changes(watch, there, stop)) as changes:
                if next(changes, None) is None:
                    return
                yield True  # watched before it is scanned: what changes meanwhile is in the next burst
                for burst in changes:
                    now = _present_now(roots, there)
                    if stop() or now != there or there.has_lost_a_root(burst):
                        break
                    if any(is_content(*change) for change in burst):
                        yield True
                else:
                    return
        except OSError as error:
            now = _present_now(roots, there)
            if now == there:
                reason = error.strerror or error
                notify(f"The system cannot watch these folders ({reason}): they are scanned every minute.")
                yield from _scheduled(SCAN_EVERY_S, stop)
                return


def _changes(watch: Any, there: _Presence, stop: StopCall) -> Any:
    """Of the roots that are there: (kind, absolute path) by bursts, an empty one where nothing changed for a moment.
    Not filtered by `watch`, which would not return while only the index or something hidden changes."""
    return watch(
        *(root for root, inode in there.inodes.items() if inode),
        watch_filter=None,
        debounce=LONGEST_MS,
        step=QUIET_MS,
        stop_event=SimpleNamespace(is_set=stop),
        yield_on_timeout=True,
        rust_timeout=int(1000 * _POLL_S),
        raise_interrupt=False,
    )


@dataclass(frozen=True, slots=True)
class _Presence:
    """What is there to be watched. inodes: of each root with its device, None where it is no folder. mounts: the drives
    mounted below them, of which the system tells nothing to who watched before."""

    inodes: dict[Path, tuple[int, int] | None]
    mounts: frozenset[Mount]

    @property
    def roots(self) -> list[Path]:
        """The absolute folders, there or not."""
        return list(self.inodes)

    def has_lost_a_root(self, burst: Iterable[tuple[Any, str]]) -> bool:
        """Whether one was deleted or moved meanwhile, and its place maybe taken by another with its inode."""
        return any(kind == _DELETED and Path(path) in self.inodes for kind, path in burst)


def _present(roots: Iterable[Path]) -> _Presence:
    inodes = {root: _folder_inode(root) for root in roots}
    is_content = content_filter(inodes, None)
    real = [os.path.join(os.path.realpath(root), "") for root in inodes]
    return _Presence(
        inodes,
        frozenset(
            mount
            for mount in mounts()
            if any(f"{mount.path}/".startswith(root) for root in real) and is_content(None, mount.path)
        ),
    )


def _present_now(roots: RootsCall, before: _Presence) -> _Presence:
    try:
        return _present(roots())
    except AnyseekError:  # the next run says what is wrong
        return _present(before.roots)


def _folder_inode(folder: Path) -> tuple[int, int] | None:
    try:
        facts = folder.stat()
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino) if stat.S_ISDIR(facts.st_mode) else None


def content_filter(roots: Iterable[Path], index: Path | None) -> Callable[[Any, str], bool]:
    """Tells from (kind of change, absolute path) whether it is a change of content: not one of the index, nor of
    anything hidden below a root but an ignore file. Where the roots themselves lie does not matter."""
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
    """An ignore file counts as what it is about, where that is not hidden."""
    folder, _, name = path.rpartition("/")
    return any(part.startswith(".") for part in (path if name != IGNORE_NAME else folder).split("/"))


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
