"""The contract of a store: what to implement for another engine to answer searches. docs/extend-store.md is the recipe.

The catalog holds every vector, as float16 rows numbered from 0. A store is derived from it and can be lost at any time:
what it does not have is searched exactly, and its next `sync` makes it again. The rows of one generation of a space
never change: new ones are appended, deleted ones are no longer among `snapshot.allowed_rows`. A compaction renumbers
them, and counts the generation up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic

from anyseek.errors import StoreUnreachable
from anyseek.stores.backend_options import OptionsT, StoreOptions
from anyseek.stores.backend_options import option as option

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, VectorStore


class StoreInUse(StoreUnreachable):
    """Another process is at work in the store's files, which passes: no fault of the store."""


@dataclass(frozen=True, slots=True)
class State:
    """What answers searches now.

    name: for people, as `faiss ivf`. rows: how many of `of` the store has. promised: the recall that it has to reach, a
    share of the true best ten; recall: what was measured, by modality searched, then by modality of the query; {} for
    nothing. remark: a sentence about what is not as it should be, "" for none.
    """

    name: str
    rows: int
    of: int
    promised: float = 1.0
    recall: dict[str, dict[str, float]] = field(default_factory=dict)
    remark: str = ""


def silent(message: str) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """How to bring a store up to date.

    texts: makes (n, dim) float32 unit vectors of text queries, to measure recall with; None where there is no model.
    progress: is called with a line for people. rebuild: make everything again, whatever is there.
    """

    texts: Callable[[], Floats] | None = None
    progress: Callable[[str], None] = silent
    rebuild: bool = False


class StoreBackend(ABC, Generic[OptionsT]):
    """One kind of store, with the options that were chosen for it. Holds nothing open between calls.

    Its package names it under the entry point group `anyseek.stores`. Its files belong in a folder of its own inside
    the index, `snapshot.folder / "stores" / "NAME"`. Importing its module should be cheap: import engines in methods.
    """

    options_type: ClassVar[type[StoreOptions]] = StoreOptions
    """The record of its options; `self.options` is one."""

    is_exact: bool = False
    """Whether it always finds the true best, so that it keeps any promise of recall."""

    deadline_s: float | None = 2.0
    """Seconds that a search waits for `open` and for an answer to one query before it goes on without the store. They
    are called in another thread then. None, for what only reads files of this machine: it is waited for."""

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @abstractmethod
    def open(self, snapshot: Snapshot, space: SpaceRecord) -> VectorStore | None:
        """A store that answers for exactly the rows of `snapshot`, which outlives it. None: search exactly instead.

        It is called for every search, by readers that cannot write: cheap, and never building anything. What the store
        has may lag behind the snapshot or be ahead of it; see VectorStore for what its answers have to be.
        Whatever it raises, or its store does later, the search is exact and a remark says why.
        """

    @abstractmethod
    def state(self, snapshot: Snapshot, space: SpaceRecord) -> State:
        """What would answer a search. Asks no server."""

    def require(self) -> None:
        """Raise MissingExtra when a package is missing. Called before somebody's choice is acted upon."""

    def sync(self, snapshot: Snapshot, space: SpaceRecord, request: SyncRequest) -> None:
        """Bring what the store has up to date with the snapshot; for stores that keep nothing there is nothing to do.

        The caller holds the index's writer lock. It may be killed at any moment: write files with
        `anyseek.atomic.replacing`, and go on from what is there when called again.
        Raises DiskFull, ReadOnlyIndex, MissingExtra, StoreUnreachable, StoreRefused.
        """

    def check(self, snapshot: Snapshot, space: SpaceRecord) -> str:
        """For `anyseek doctor`: what is wrong with the store's own files, in a sentence; "" for nothing.

        May read all of them. A store that lags behind the catalog is not damaged; where it has nothing at all, that is
        seen by what `open` returns.
        """
        return ""

    def repair(self, snapshot: Snapshot, space: SpaceRecord) -> None:
        """Put right what `check` complains of; by default by `remove`, so that the next `sync` starts anew.

        The caller holds the writer lock. Raises DiskFull, ReadOnlyIndex.
        """
        self.remove(snapshot.folder, space)

    def remove(self, folder: Path, space: SpaceRecord) -> None:
        """Delete what the store keeps in the index in `folder`, because another store answers from now on.

        Also called when there is nothing. Readers may still have its files open. Raises ReadOnlyIndex.
        """
