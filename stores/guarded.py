"""A store of a package, whose failures cost a sentence and whose wrong answers are not shown.

What a package's code raises becomes a StoreRefused that names the store and the package, and every answer is checked
before it is used: a few comparisons for each hit. The built-in stores need none of this; their tests do it.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.errors import AnyseekError, StoreRefused
from anyseek.plugins import described
from anyseek.stores.backend import State, StoreBackend, SyncRequest
from anyseek.system_errors import EXHAUSTED

if TYPE_CHECKING:
    import numpy.typing as npt

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, Rows, VectorStore

LOG = logging.getLogger(__name__)


class GuardedBackend(StoreBackend[Any]):
    """A package's backend called `name`. Its methods raise AnyseekError alone, and OSError for a full disk."""

    def __init__(self, name: str, kind: type[StoreBackend[Any]], options: Any) -> None:
        super().__init__(options)
        self._label = f"The store {name} of the package {kind.__module__.partition('.')[0]}"
        self.name, self.kind = name, kind
        with sentence(self._label, "made"):
            self._backend = kind(options)
        self.deadline_s, self.is_exact = self._backend.deadline_s, self._backend.is_exact

    def open(self, snapshot: Snapshot, space: SpaceRecord) -> VectorStore | None:
        with sentence(self._label, "opened"):
            store = self._backend.open(snapshot, space)
        if store is not None and not callable(getattr(store, "search", None)):
            raise _wrong(self._label, f"{type(store).__name__}, which cannot search")
        return None if store is None else CheckedStore(store, self._label, space.rows)

    def state(self, snapshot: Snapshot, space: SpaceRecord) -> State:
        with sentence(self._label, "asked for its state"):
            state = self._backend.state(snapshot, space)
        if not isinstance(state, State):
            raise _wrong(self._label, f"{type(state).__name__} as its state")
        return state

    def require(self) -> None:
        with sentence(self._label, "asked for what it requires"):
            self._backend.require()

    def sync(self, snapshot: Snapshot, space: SpaceRecord, request: SyncRequest) -> None:
        with sentence(self._label, "filled"):
            self._backend.sync(snapshot, space, request)

    def check(self, snapshot: Snapshot, space: SpaceRecord) -> str:
        with sentence(self._label, "checked"):
            return self._backend.check(snapshot, space) or ""

    def repair(self, snapshot: Snapshot, space: SpaceRecord) -> None:
        with sentence(self._label, "repaired"):
            self._backend.repair(snapshot, space)

    def remove(self, folder: Path, space: SpaceRecord) -> None:
        with sentence(self._label, "removed"):
            self._backend.remove(folder, space)


class CheckedStore:
    """A package's store whose answers are checked. rows: of its space; label: which store, for messages."""

    def __init__(self, store: VectorStore, label: str, rows: int) -> None:
        self._store, self._label, self._rows = store, label, rows

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """As VectorStore.search. Raises StoreRefused for an answer that cannot be one."""
        with sentence(self._label, "searched"):
            answer = self._store.search(queries, k, allow)
        try:
            scores, rows = _arrays(*answer)
        except (TypeError, ValueError):
            raise _wrong(self._label, "something else than scores and rows") from None
        shape = (len(queries), k)
        if scores.shape != shape or rows.shape != shape:
            raise _wrong(self._label, f"arrays of {scores.shape} and {rows.shape} instead of {shape}")
        if scores.dtype.kind != "f" or rows.dtype.kind != "i":
            raise _wrong(self._label, f"scores of {scores.dtype} and rows of {rows.dtype}")
        used = rows >= 0
        hits = rows[used]
        if not np.isfinite(scores[used]).all():
            raise _wrong(self._label, "scores that are not finite")
        if (hits >= self._rows).any():
            raise _wrong(self._label, f"row {hits.max()} of {self._rows}")
        if allow is not None and not _are_among(hits, allow):
            raise _wrong(self._label, "rows that were not allowed")
        return scores.astype(np.float32, copy=False), rows.astype(np.int64, copy=False)

    def close(self) -> None:
        """As VectorStore.close. The answers are there already, so a failure is logged."""
        try:
            self._store.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a package raises what it likes
            LOG.warning("%s failed when it was closed (%s).", self._label, described(error))


def _arrays(scores: Any, rows: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return np.asarray(scores), np.asarray(rows)


def _are_among(rows: Rows, allow: Rows) -> bool:
    """Whether all are in `allow`, which is sorted."""
    if not len(allow):
        return not len(rows)
    places = np.minimum(np.searchsorted(allow, rows), len(allow) - 1)
    return bool((allow[places] == rows).all())


@contextmanager
def sentence(label: str, done: str) -> Iterator[None]:
    """Whatever a store raises inside leaves as an AnyseekError, but for a full disk and a system that has no more to
    give.

    label: which store; done: what was done with it, as "opened". Raises StoreRefused.
    """
    try:
        yield
    except AnyseekError:
        raise
    except BaseException as error:
        is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, *EXHAUSTED)
        if is_full or not _is_failure(error):
            raise
        raise StoreRefused(f"{label} failed when it was {done} ({described(error)}).", _HINT) from error


def _is_failure(error: BaseException) -> bool:
    """Whether a store failed, rather than that somebody ends the program. A panic of Rust is no Exception."""
    return isinstance(error, Exception | SystemExit) or type(error).__name__ == "PanicException"


def _wrong(label: str, what: str) -> StoreRefused:
    return StoreRefused(f"{label} returned {what}.", _HINT)


_HINT = "Build it again (anyseek store refresh --anew), or do without it: anyseek store set exact"
