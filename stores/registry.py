"""Which store answers for an index, how it is brought up to date, and how another one is chosen.

The rule, from the measurements in docs/stores.md: an index of up to EXACT_NUMBERS numbers is searched exactly, which is
fast enough and needs nothing; a larger one by FAISS's inverted file where FAISS is installed. Whatever is chosen, the
catalog holds the vectors, and what is missing or damaged in a derived store is searched exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from anyseek.contracts import VectorStore
from anyseek.errors import UsageError
from anyseek.stores import faiss_file
from anyseek.stores.faiss_file import Kind

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats

EXACT_NUMBERS = 40_000_000
"""Rows times dimensions: 80 MB of float16, some 100,000 vectors of 384 numbers, scanned in 20 ms."""

LEAST_RECALL, MOST_RECALL = 0.5, 1.0

# A file is extended when so many rows lie behind it (they are searched exactly until then), and made anew when the
# index has outgrown the cells that it was divided into.
_LATE_ROWS, _LATE_SHARE, _OUTGROWN = 20_000, 0.1, 2.0

_SETTING = "store"
Name = Literal["auto", "exact", "faiss", "qdrant"]
Device = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What answers. kind: of a FAISS index. recall: promised, of the true best ten. qdrant: QdrantOptions' fields.
    device: where vectors are searched; without a GPU, "gpu" means the processor too."""

    name: Name = "auto"
    kind: Kind = "ivf"
    recall: float = 0.95
    qdrant: dict[str, Any] | None = None
    device: Device = "cpu"


@dataclass(frozen=True, slots=True)
class State:
    """What answers now. rows: how many the store holds, of `of`. recall: by modality searched and asked with."""

    name: str
    rows: int
    of: int
    promised: float
    recall: dict[str, dict[str, float]]
    remark: str = ""


def read_choice(snapshot: Snapshot) -> Choice:
    """As it was set; the rule's where nothing was."""
    told = snapshot.settings().get(_SETTING) or {}
    return Choice(**{name: value for name, value in told.items() if name in Choice.__slots__})


def write_choice(catalog: Catalog, choice: Choice) -> None:
    """Keep it in the index. Raises UsageError for a promise that makes no sense."""
    if not LEAST_RECALL <= choice.recall <= MOST_RECALL:
        raise UsageError(
            f"A recall of {choice.recall:g} cannot be promised.", "It is a share, from 0.5 to 1: 0.95"
        )
    with catalog.begin() as writer:
        writer.set_setting(_SETTING, asdict(choice))


def promise(catalog: Catalog, recall: float) -> None:
    """The same store with another recall, from its next refresh on. Raises UsageError."""
    with catalog.read() as snapshot:
        choice = replace(read_choice(snapshot), recall=recall)
    write_choice(catalog, choice)


def choice_of(name: str, kind: str, recall: float, qdrant: dict[str, Any], device: str = "cpu") -> Choice:
    """A choice from words. Raises UsageError for unknown ones."""
    for value, known, what in (
        (name, ("auto", "exact", "faiss", "qdrant"), "store"),
        (kind, ("ivf", "hnsw"), "kind of FAISS index"),
        (device, ("cpu", "gpu"), "device"),
        (qdrant.get("quantisation", "none"), ("none", "int8", "binary"), "quantisation"),
    ):
        if value not in known:
            raise UsageError(f"There is no {what} {value!r}.", f"Choose among: {', '.join(known)}.")
    if device == "gpu" and (name == "qdrant" or kind == "hnsw"):
        raise UsageError(
            f"{'Qdrant' if name == 'qdrant' else 'A graph (hnsw)'} is not searched on a GPU.",
            "Exact search and --kind ivf are.",
        )
    choice = Choice(name, kind, recall, qdrant if name == "qdrant" else None, device)  # type: ignore[arg-type]
    _check(choice)
    return choice


def _check(choice: Choice) -> None:
    if not LEAST_RECALL <= choice.recall <= MOST_RECALL:
        raise UsageError(
            f"A recall of {choice.recall:g} cannot be promised.", "It is a share, from 0.5 to 1: 0.95"
        )


def cells_for(n_rows: int) -> int:
    """About a square root of the rows, as a power of two: 256 for 50,000 rows, 1,024 for a million; 40 rows a cell at
    least, as k-means wants (faiss/Clustering.h: min_points_per_centroid 39)."""
    return max(1, min(n_rows // 40, 1 << round(n_rows.bit_length() / 2)))


# ---------------------------------------------------------------- answering


def open_store(snapshot: Snapshot, space_id: int, choice: Choice | None = None) -> VectorStore:
    """The store that was chosen (or `choice`), the exact one where it is not there. Raises StoreUnreachable."""
    from anyseek.stores.exact import ExactStore

    choice = choice or read_choice(snapshot)
    space = next(space for space in snapshot.spaces() if space.space_id == space_id)
    if choice.name == "qdrant":
        return _qdrant(snapshot, space, choice)
    found = None if choice.name == "exact" else faiss_file.read_description(snapshot.folder, space)
    if not faiss_file.is_installed() or (
        found is not None and not faiss_file.is_whole(snapshot.folder, found)
    ):
        found = None
    if choice.device == "gpu" and faiss_file.is_installed():
        from anyseek.stores import faiss_gpu

        on_gpus = faiss_gpu.opened(snapshot, space_id, found)
        if on_gpus is not None:
            return on_gpus
    if found is None:
        return ExactStore(snapshot, space_id)
    from anyseek.stores.faiss_store import FaissStore

    return FaissStore.open(snapshot, space_id, found, snapshot.folder)


def _qdrant(snapshot: Snapshot, space: SpaceRecord, choice: Choice) -> VectorStore:
    from anyseek.stores import qdrant_store
    from anyseek.stores.qdrant_engines import QdrantOptions

    held = qdrant_store.read_held(snapshot.folder, space, _index_id(snapshot))
    engine = qdrant_store.connect(QdrantOptions(**(choice.qdrant or {})), snapshot.folder, held.name)
    return qdrant_store.QdrantStore(snapshot, space.space_id, engine, held)


def _index_id(snapshot: Snapshot) -> str:
    """Tells this index's collections from another's on the same server: its time of birth in microseconds."""
    row = snapshot.database.first("SELECT value FROM index_info WHERE name = 'created'")
    return f"{int(float(row[0]) * 1e6):x}" if row else "0"


# ---------------------------------------------------------------- keeping up


def refresh(
    catalog: Catalog,
    texts: Callable[[], Floats] | None = None,
    progress: Callable[[str], None] | None = None,
    *,
    choice: Choice | None = None,
    anew: bool = False,
) -> None:
    """Bring the chosen derived store (or that of `choice`) up to date with the catalog.

    texts: makes (n, dim) queries of text to measure with. progress: told in words. anew: whatever is there.
    Raises IndexLocked, DiskFull, ReadOnlyIndex, MissingExtra, StoreUnreachable, StoreRefused.
    """
    with catalog.lock("anyseek store"), catalog.read() as snapshot:
        choice = choice or read_choice(snapshot)
        for space in snapshot.spaces()[:1]:
            if choice.name == "qdrant":
                _sync_qdrant(snapshot, space, choice, progress)
            elif _wants_faiss(choice, space):
                _refresh_faiss(snapshot, space, choice, texts, progress, anew=anew)
            elif (catalog.folder / faiss_file.FOLDER).is_dir():
                faiss_file.remove(catalog.folder, space.space_id)


def _wants_faiss(choice: Choice, space: SpaceRecord) -> bool:
    if choice.name == "faiss":
        return space.rows > 0
    return choice.name == "auto" and space.rows * space.card.dim > EXACT_NUMBERS and faiss_file.is_installed()


def _refresh_faiss(
    snapshot: Snapshot,
    space: SpaceRecord,
    choice: Choice,
    texts: Callable[[], Floats] | None,
    progress: Callable[[str], None] | None,
    *,
    anew: bool,
) -> None:
    from anyseek.stores.tuning import tuned

    folder, vectors = snapshot.folder, snapshot.vectors(space.space_id)
    old = faiss_file.read_description(folder, space)
    is_usable = old is not None and old.kind == choice.kind and faiss_file.is_whole(folder, old) and not anew
    tell = progress or (lambda told: None)
    if old is None or not is_usable or space.rows > _OUTGROWN * old.trained_on:
        tell(f"building a FAISS index of {space.rows:,} vectors")
        new = faiss_file.build(folder, space, vectors, choice.kind, cells_for(space.rows))
    elif space.rows - old.rows > max(_LATE_ROWS, _LATE_SHARE * old.rows):
        tell(f"adding {space.rows - old.rows:,} vectors to the FAISS index")
        new = faiss_file.extend(folder, space, vectors, old)
    elif old.target == choice.recall:
        faiss_file.tidy(folder, space.space_id, old)
        return
    else:
        new = old
    tell("measuring its recall")
    opened = faiss_file.open_file(folder, new)
    new = tuned(snapshot, space.space_id, new, opened, choice.recall, texts() if texts else None)
    faiss_file.write_description(folder, space.space_id, new)


def _sync_qdrant(
    snapshot: Snapshot, space: SpaceRecord, choice: Choice, progress: Callable[[str], None] | None
) -> None:
    from anyseek.stores import qdrant_store
    from anyseek.stores.qdrant_engines import QdrantOptions

    held = qdrant_store.read_held(snapshot.folder, space, _index_id(snapshot))
    engine = qdrant_store.connect(QdrantOptions(**(choice.qdrant or {})), snapshot.folder, held.name)
    try:
        qdrant_store.sync(
            snapshot,
            space,
            engine,
            held,
            (lambda done, total: progress(f"sent {done:,} of {total:,} vectors to Qdrant"))
            if progress
            else None,
        )
    finally:
        engine.close()


def state(snapshot: Snapshot) -> State | None:
    """What would answer a search; asks no server."""
    spaces = snapshot.spaces()
    if not spaces:
        return None
    space, choice = spaces[0], read_choice(snapshot)
    if choice.name == "qdrant":
        from anyseek.stores import qdrant_store

        held = qdrant_store.read_held(snapshot.folder, space, _index_id(snapshot))
        url = (choice.qdrant or {}).get("url") or "embedded"
        return State(f"qdrant ({url})", len(held.rows), space.live, choice.recall, {})
    on = ", on GPUs where there are any" if choice.device == "gpu" else ""
    found = None if choice.name == "exact" else faiss_file.read_description(snapshot.folder, space)
    if found is not None and faiss_file.is_installed():
        recall = {name: one.recall for name, one in found.tuned.items()}
        is_short = found.recall < choice.recall
        remark = (
            f"the promise of {choice.recall:g} does not hold: the worst pair has {found.recall:g}"
            if is_short
            else ""
        )
        return State(f"faiss {found.kind}{on}", found.rows, space.rows, choice.recall, recall, remark)
    is_large = space.rows * space.card.dim > EXACT_NUMBERS
    remark = 'searches would be faster with FAISS: pip install "anyseek[faiss]"' if is_large else ""
    return State(f"exact{on}", space.rows, space.rows, 1.0, {}, "" if faiss_file.is_installed() else remark)


def switch(
    catalog: Catalog,
    choice: Choice,
    texts: Callable[[], Floats] | None = None,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Fill another store from the catalog, check it, and only then let it answer. Resumable: the same call again.

    Raises what `refresh` raises, and UsageError for a promise that makes no sense.
    """
    _check(choice)
    if choice.name == "faiss":
        faiss_file.faiss_module()
    refresh(catalog, texts, progress, choice=choice)
    _verify(catalog, choice)
    write_choice(catalog, choice)


def _verify(catalog: Catalog, choice: Choice, n: int = 20) -> None:
    """A sample of stored vectors must find themselves."""
    import numpy as np

    with catalog.read() as snapshot:
        for space in snapshot.spaces()[:1]:
            live = snapshot.allowed_rows(space.space_id)
            rows = np.arange(space.rows, dtype=np.int64) if live is None else live
            if not len(rows):
                return
            some = np.random.default_rng(2).choice(rows, min(n, len(rows)), replace=False)
            queries = snapshot.vectors_at(space.space_id, some)
            store = open_store(snapshot, space.space_id, choice)
            try:
                scores, _ = store.search(queries, 1)
            finally:
                store.close()
            if (scores[:, 0] < 0.99).mean() > 0.1:
                raise UsageError("The new store does not find what was put into it; the old one stays.")
