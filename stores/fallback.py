"""Exact search in the place of a store that fails: a derived store never stops a search.

Every vector is in the catalog, so whatever is wrong with a store (damaged, gone, locked, unreachable, frozen, of
another version, raising anything at all) costs speed and one remark, never an answer. A store that failed is left alone
for a while by this process: a search does not wait again for what did not answer the last one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from anyseek.errors import AnyseekError, StoreUnreachable
from anyseek.stores.backend import StoreInUse
from anyseek.stores.exact import ExactStore, checked
from anyseek.stores.guarded import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, Rows, VectorStore
    from anyseek.stores.backend import StoreBackend

T = TypeVar("T")

REST_S = 30.0
"""How long a store that failed is left alone."""

_QUERIES_A_DEADLINE = 16
"""So many queries at once have the time of one."""

_lock = threading.Lock()
_resting: dict[tuple[str, int, str], tuple[float, str]] = {}
"""Index folder, space and store -> until when (of `monotonic`) it is left alone, and the remark on why."""


class FallbackStore:
    """A VectorStore: the backend's until that fails, exact search from then on. Lives as long as its snapshot.

    remark: for people, why answers are exact and what to do; "" while the chosen store answers. failure: what the store
    raised. inner: the backend's store, None where answers are exact. Raises what ExactStore raises, and nothing else.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        space: SpaceRecord,
        name: str,
        backend: StoreBackend[Any] | None,
        remark: str = "",
    ) -> None:
        """name: of the store, for people. backend: None for exact search, because of `remark`."""
        self._snapshot, self._space = snapshot, space
        self._exact: ExactStore | None = None
        self._label = f"The store {name}"
        self._key = (str(snapshot.folder), space.space_id, f"{name} {backend.options if backend else ''}")
        self.remark = remark or _why_resting(self._key)
        self.failure: AnyseekError | OSError | None = None
        self.inner: VectorStore | None = None
        if backend is None or self.remark or not space.rows:
            return
        self._deadline_s = backend.deadline_s
        self.inner = self._attempt("opened", lambda: backend.open(snapshot, space), _close)
        if self.inner is None and not backend.is_exact and not self.remark:
            self.remark = f"{missing(name)} {EXACT_INSTEAD} {REFRESH}"

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """See contracts.VectorStore. Raises UsageError, IndexDamaged."""
        queries = checked(queries, k, self._space.card.dim)
        if (store := self.inner) is not None:
            answer = self._attempt(
                "searched", lambda: store.search(queries, k, allow), lambda _: _close(store), len(queries)
            )
            if answer is not None:
                return answer
        if self._exact is None:
            self._exact = ExactStore(self._snapshot, self._space.space_id)
        return self._exact.search(queries, k, allow)

    def close(self) -> None:
        """Safe to call twice. What the store has to say about it is no matter: the answers are there."""
        store, self.inner = self.inner, None
        _close(store)
        if self._exact is not None:
            self._exact.close()

    def _attempt(
        self, done: str, call: Callable[[], T], when_late: Callable[[T | None], None], n_queries: int = 1
    ) -> T | None:
        """What `call` returns; None, and a remark, where it fails or takes too long."""
        try:
            with sentence(self._label, done):
                if self._deadline_s is None:
                    return call()
                seconds = self._deadline_s * max(1, math.ceil(n_queries / _QUERIES_A_DEADLINE))
                return _within(seconds, self._label, call, when_late)
        except (AnyseekError, OSError) as error:
            store, self.inner = self.inner, None
            if not isinstance(error, _TooSlow):  # what is at work still is closed when that ends
                _close(store)
            self.failure, self.remark = error, _remark_on(error)
            if not isinstance(error, StoreInUse):  # which passes soon, and costs nothing to ask
                with _lock:
                    _resting[self._key] = (monotonic() + REST_S, self.remark)
            return None


EXACT_INSTEAD = "The search was exact instead."
REFRESH = "To build it again: anyseek index"


def missing(name: str) -> str:
    """A sentence about a store that has nothing to answer with."""
    return f"The store {name} has no usable files for this index."


def ask_again(folder: Path) -> None:
    """The stores of this index were repaired: none is left alone any longer."""
    with _lock:
        for key in [key for key in _resting if key[0] == str(folder)]:
            del _resting[key]


def _why_resting(key: tuple[str, int, str]) -> str:
    with _lock:
        until, remark = _resting.get(key, (0.0, ""))
    return remark if monotonic() < until else ""


def _remark_on(error: AnyseekError | OSError) -> str:
    if isinstance(error, AnyseekError):
        return f"{error.message} {EXACT_INSTEAD} {error.hint}".strip()
    return f"The store could not be read ({error.strerror or error}). {EXACT_INSTEAD} {REFRESH}"


def _close(store: VectorStore | None) -> None:
    if store is not None:
        with suppress(AnyseekError, OSError), sentence("The store", "closed"):
            store.close()


class _TooSlow(StoreUnreachable):
    """A store that has not answered yet."""


def _within(seconds: float, label: str, call: Callable[[], T], when_late: Callable[[T | None], None]) -> T:
    """What `call` returns, in a thread of its own. Raises what it raises, and _TooSlow when it takes longer.

    when_late: gets its answer then (None if it raised), in that thread. A call cannot be stopped, and a daemon thread
    keeps no process from ending.
    """
    done, is_late = threading.Event(), threading.Event()
    answer: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            answer.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it was called
            failure.append(error)
        done.set()
        if is_late.is_set():
            when_late(answer[0] if answer else None)

    threading.Thread(target=work, name="anyseek-store", daemon=True).start()
    if not done.wait(seconds):
        is_late.set()
        if not done.is_set():
            raise _TooSlow(f"{label} did not answer within {seconds:g} seconds.", "Is it running?")
    if failure:
        raise failure[0]
    return answer[0]
