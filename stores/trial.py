"""Whether a store can be relied upon: its own files, and whether it finds vectors that were put into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.errors import AnyseekError, StoreRefused
from anyseek.stores import registry
from anyseek.stores.backend import StoreInUse
from anyseek.stores.exact import ExactStore
from anyseek.stores.fallback import REFRESH, FallbackStore, ask_again, missing
from anyseek.stores.guarded import sentence

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import VectorStore
    from anyseek.stores.backend import StoreBackend

_SAMPLE = 20
"""Stored vectors that have to be found, but for one in ten."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a store. is_chosen: whether it is the one that should answer. remedy: what a person can do;
    "" where to build it again is all that it takes."""

    backend: StoreBackend[Any]
    space: SpaceRecord
    is_chosen: bool
    message: str
    remedy: str = ""


def faults(snapshot: Snapshot) -> Iterator[Fault]:
    """What is wrong with the store that was chosen, and with files of the built-in ones. Reads whole files."""
    ask_again(snapshot.folder)
    for space in snapshot.spaces():
        chosen = registry.chosen(snapshot, space)
        if (problem := chosen.problem) is not None:
            yield Fault(chosen.backend, space, True, problem.message, problem.hint or REFRESH)
        others = (other for other in registry.built_in() if not registry.are_alike(other, chosen.backend))
        for backend in (chosen.backend, *others):
            fault = _fault(snapshot, space, backend, is_chosen=backend is chosen.backend)
            if fault is not None:
                yield fault


def _fault(
    snapshot: Snapshot, space: SpaceRecord, backend: StoreBackend[Any], *, is_chosen: bool
) -> Fault | None:
    name = registry.name_of(backend)
    try:
        with sentence(f"The store {name}", "checked"):
            message = backend.check(snapshot, space)
        if message or not is_chosen or backend.is_exact:
            return Fault(backend, space, is_chosen, message) if message else None
        with closing(FallbackStore(snapshot, space, name, backend)) as store:
            if store.inner is None and store.failure is None and space.live:
                return Fault(backend, space, is_chosen, missing(name))
            is_good = _finds_itself(snapshot, space, store)
            if store.failure is not None:
                raise store.failure
            return None if is_good else Fault(backend, space, is_chosen, _does_not_find(name))
    except StoreInUse:
        return None  # somebody is at work with it, and searches are exact until then
    except (AnyseekError, OSError) as error:
        return Fault(backend, space, is_chosen, str(error), getattr(error, "hint", "") or REFRESH)


def try_out(snapshot: Snapshot, space: SpaceRecord, backend: StoreBackend[Any]) -> None:
    """Search a store that is to answer from now on, however long it takes.

    Raises StoreUnreachable, StoreRefused, MissingExtra, OSError.
    """
    name = registry.name_of(backend)
    if not space.live:
        return
    with sentence(f"The store {name}", "tried"):
        opened = backend.open(snapshot, space)
        if opened is None and not backend.is_exact:
            raise StoreRefused(missing(name), REFRESH)
        with closing(opened or ExactStore(snapshot, space.space_id)) as store:
            if not _finds_itself(snapshot, space, store):
                raise StoreRefused(_does_not_find(name), "The store before it stays.")


def _finds_itself(snapshot: Snapshot, space: SpaceRecord, store: VectorStore) -> bool:
    """Whether a sample of stored vectors is found by itself."""
    live = snapshot.allowed_rows(space.space_id)
    rows = np.arange(space.rows, dtype=np.int64) if live is None else live
    if not len(rows):
        return True
    sample = np.random.default_rng(2).choice(rows, min(_SAMPLE, len(rows)), replace=False)
    scores, _ = store.search(snapshot.vectors_at(space.space_id, sample), 1)
    return bool((scores[:, 0] < 0.99).mean() <= 0.1)


def _does_not_find(name: str) -> str:
    return f"The store {name} does not find what was put into it."
