"""Exact search in the place of a store that fails: a derived store never stops a search.

Every vector is in the catalog, so whatever is wrong with a store (damaged, gone, locked, unreachable, frozen, of
another version, raising anything at all) costs speed and one remark, never an answer. A store that failed is left alone
for a while by this process: a search does not wait again for what did not answer the last one.

A store with a deadline is opened and searched in threads of their own. A thread that is late goes on, so it shares
nothing with the search that left it: it reads a snapshot of its own, and closes it with the store.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

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
        self.inner = self._attempt("opened", lambda: self._opened(backend), _close)
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

    def _opened(self, backend: StoreBackend[Any]) -> VectorStore | None:
        if self._deadline_s is None:
            return backend.open(self._snapshot, self._space)
        snapshot = self._snapshot.twin()
        if snapshot is None:
            raise StoreInUse("The index was changed while it was searched.")
        try:
            store = backend.open(snapshot, self._space)
        except BaseException:
            snapshot.close()
            raise
        if store is None:
            snapshot.close()
            return None
        return _WithSnapshot(store, snapshot)

    def _attempt(
        self, done: str, call: Callable[[], T], when_late: Callable[[T | None], None], n_queries: int = 1
    ) -> T | None:
        """What `call` returns; None, and a remark, where it fails or takes too long."""
        try:
            with sentence(self._label, done):
                if self._deadline_s is None:
                    return call()
                seconds = self._deadline_s * max(1, math.ceil(n_queries / _QUERIES_A_DEADLINE))
                return self._within(seconds, _Call(call, when_late))
        except (AnyseekError, OSError) as error:
            store, self.inner = self.inner, None
            _close(store)
            self.failure, self.remark = error, remark_on(error)
            if not isinstance(error, StoreInUse):  # which passes soon, and costs nothing to ask
                with _lock:
                    _resting[self._key] = (monotonic() + REST_S, self.remark)
            return None

    def _within(self, seconds: float, call: _Call[T]) -> T:
        try:
            return call.answer(seconds, self._label)
        except BaseException:
            if call.is_left:
                self.inner = None  # closed by the thread that is at work with it still
            raise


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


def remark_on(error: AnyseekError | OSError) -> str:
    """A sentence for people on why a search was exact, and what to do."""
    if isinstance(error, AnyseekError):
        return f"{error.message} {EXACT_INSTEAD} {error.hint}".strip()
    return f"The store could not be read ({error.strerror or error}). {EXACT_INSTEAD} {REFRESH}"


def _close(store: VectorStore | None) -> None:
    if store is not None:
        with suppress(AnyseekError, OSError), sentence("The store", "closed"):
            store.close()


class _WithSnapshot:
    """A VectorStore, and the snapshot that was made for it alone."""

    def __init__(self, store: VectorStore, snapshot: Snapshot) -> None:
        self._store, self._snapshot = store, snapshot

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        return self._store.search(queries, k, allow)

    def close(self) -> None:
        try:
            self._store.close()
        finally:
            self._snapshot.close()


class _Call(Generic[T]):
    """A call in a thread of its own. It cannot be stopped, only left; and a daemon thread keeps no process from ending.

    is_left: whether nobody takes its answer any more. when_late: gets the answer then, None if it raised. The call has
    ended or is left, whichever comes first: its answer is taken or late, never both and never neither.
    """

    def __init__(self, call: Callable[[], T], when_late: Callable[[T | None], None]) -> None:
        self._call, self._when_late = call, when_late
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._answer: T | None = None
        self._failure: BaseException | None = None
        self.is_left = False

    def answer(self, seconds: float, label: str) -> T:
        """Raises what the call raises, and StoreUnreachable when it takes longer than that."""
        threading.Thread(target=self._work, name="anyseek-store", daemon=True).start()
        try:
            self._ended.wait(seconds)
        except BaseException:  # Ctrl-C
            self._leave()
            raise
        with self._lock:
            self.is_left = not self._ended.is_set()
        if self.is_left:
            raise StoreUnreachable(f"{label} did not answer within {seconds:g} seconds.", "Is it running?")
        if self._failure is not None:
            raise self._failure
        return cast("T", self._answer)

    def _leave(self) -> None:
        with self._lock:
            self.is_left = True
            has_ended = self._ended.is_set()
        if has_ended:
            self._when_late(self._answer)

    def _work(self) -> None:
        try:
            self._answer = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again where it was called
            self._failure = error
        with self._lock:
            self._ended.set()
            is_late = self.is_left
        if is_late:
            self._when_late(self._answer)
