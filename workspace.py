"""Finding, making and opening indexes: `anyseek.open`, `anyseek.create` and what the commands start with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.database import INDEX_NAME as INDEX_NAME
from anyseek.catalog.database import has_catalog, what_is_lost
from anyseek.catalog.failures import translated
from anyseek.catalog.records import other_model
from anyseek.contracts import Embedder, ModelCard
from anyseek.errors import DownloadFailed, IndexNotFound, LicenceNotAccepted, OtherModel, UsageError
from anyseek.index import DEFAULT_MODEL, Index
from anyseek.options import AnyPath, path_text
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.findings import Finding
    from anyseek.catalog.tags import SavedTags
    from anyseek.indexer import Progress, Reindexed

CATALOG_NAME = "catalog.sqlite"


def open(
    folder: AnyPath = ".", *, index: AnyPath | None = None, model: str | Embedder | None = None
) -> Index:
    """The index of a folder: `index` itself when given (or the `.anyseek` in it), else the nearest `.anyseek` from
    `folder` upward.

    model: None for the one that made the index; a name to insist on; an Embedder of one's own.
    Raises UsageError (no such folder), IndexNotFound, OtherModel, NewerFormat, IndexDamaged. Works on read-only media.
    """
    place = index_folder(folder, index)
    catalog = Catalog.open(place)
    try:
        with catalog.read() as snapshot:
            cards = [space.card for space in snapshot.spaces()]
        # An index without a space was never filled: whichever model comes first fills it.
        is_named = isinstance(model, str) and [card.name for card in cards[:1]] == [model]
        embedder = None if model is None or is_named else _of_index(place, cards, model)
    except BaseException:
        catalog.close()
        raise
    return Index(catalog, embedder)


def create(
    folder: AnyPath = ".", *more: AnyPath, index: AnyPath | None = None, model: str | Embedder = DEFAULT_MODEL
) -> Index:
    """A new, empty index over folders, in `index` or in `.anyseek` inside the first; `add()` then fills it.

    Raises UsageError (no such folder, an index is there already), ModelNotFound, ReadOnlyIndex, DiskFull.
    """
    from anyseek.indexer.scan import existing_folder

    roots = [existing_folder(one) for one in (folder, *more)]
    embedder = _loaded(model)
    catalog = Catalog.create(Path(path_text(index)) if index is not None else roots[0] / INDEX_NAME, roots)
    try:
        with catalog.begin() as writer:
            writer.ensure_space(embedder.card)
    except BaseException:
        catalog.close()
        raise
    return Index(catalog, embedder)


@contextmanager
def open_or_create(
    folders: Sequence[AnyPath],
    *,
    index: AnyPath | None = None,
    model: str | Embedder | None = None,
    is_dry_run: bool = False,
) -> Iterator[Index]:
    """The index that belongs to `folders`, made when there is none; without folders the nearest upward.

    is_dry_run: nothing is made; a new index lies in a temporary folder and is gone at the end.
    Raises what open and create raise.
    """
    from anyseek.indexer.scan import existing_folder

    if not folders:
        place = index_folder(index=index)
    else:
        place = _inside(index) if index is not None else existing_folder(folders[0]) / INDEX_NAME
    with ExitStack() as stack:
        opened = _opened(place, model)
        if opened is None and not folders:
            opened = open(index=place, model=model)  # which says what is missing
        elif opened is None and is_dry_run:
            place = Path(stack.enter_context(TemporaryDirectory(prefix="anyseek-"))) / "index"
        yield stack.enter_context(opened or _created(folders, place, model))


def _opened(place: Path, model: str | Embedder | None) -> Index | None:
    """None where there is no index, or the rest of one whose creation was cut off."""
    try:
        return open(index=place, model=model)
    except IndexNotFound:
        return None


def _created(folders: Sequence[AnyPath], place: Path, model: str | Embedder | None) -> Index:
    try:
        return create(*folders, index=place, model=model or DEFAULT_MODEL)
    except UsageError:
        opened = _opened(place, model)  # another process may have made it meanwhile
        if opened is None:
            raise
        return opened


def reindex(
    folder: AnyPath = ".",
    *,
    model: str | Embedder | None = None,
    index: AnyPath | None = None,
    keep: bool = False,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Reindexed:
    """Make an index one of another model; the old vectors answer until all new ones are there. The store follows.

    model: None for the one that made the index, as it is here now. An interrupted run is continued by the same call.
    keep: the old index stays, beside the new one.
    Raises UsageError (it is that model's already), ModelNotFound, RootUnavailable and what `Index.add` raises.
    """
    from anyseek import indexer

    place = index_folder(folder, index)
    options = indexer.IndexOptions(workers=workers)
    embedder = _loaded(model if model is not None else model_name(place))
    done = indexer.reindex(place, embedder, keep=keep, options=options, progress=progress, stop=stop)
    if not done.is_done:
        return done
    with open(index=place, model=embedder) as made:
        remarks = (*done.report.remarks, *made.refresh_derived())
    return replace(done, report=replace(done.report, remarks=remarks))


def model_name(place: Path) -> str:
    """The name of the model that made the index in this folder. Raises UsageError where none did yet, and what `open`
    raises."""
    with Catalog.open(place) as catalog, catalog.read() as snapshot:
        for space in snapshot.spaces():
            return space.card.name
    raise UsageError(
        f"The index in {printable(str(place))} has no model yet.", "Name one: anyseek reindex --model NAME"
    )


def index_folder(folder: AnyPath = ".", index: AnyPath | None = None) -> Path:
    """Where the index of a call lies: `index` or the `.anyseek` in it when given, else the nearest one to `folder`.

    Raises UsageError and IndexNotFound, as `nearest_index` does.
    """
    return nearest_index(folder) if index is None else _inside(index)


def _inside(index: AnyPath) -> Path:
    """The index in this place where it is not one itself but has one. Raises UsageError for what is not a path."""
    place = Path(path_text(index))
    has_index = not _was_index(place) and _was_index(place / INDEX_NAME)
    return place / INDEX_NAME if has_index else place


def _was_index(place: Path) -> bool:
    """Whether there is an index, or one that lost its catalog."""
    return has_catalog(place) or what_is_lost(place) is not None


def nearest_index(folder: AnyPath = ".") -> Path:
    """The `.anyseek` in `folder` or in the nearest folder above it; `folder` itself when it is an index.

    Raises UsageError when there is no such folder, IndexNotFound.
    """
    start = Path(os.path.abspath(path_text(folder)))
    with translated(start):
        is_there = start.exists()
    if not is_there:
        raise UsageError(f"There is no folder {printable(os.fspath(folder))}.", "Check the path.")
    if _was_index(start):
        return start
    for place in (start, *start.parents):
        if _was_index(place / INDEX_NAME):
            return place / INDEX_NAME
    raise IndexNotFound(f"There is no index in {start} or above it.", f"Make one: anyseek index {folder}")


def models() -> list[ModelCard]:
    """The models that this installation knows, by name."""
    from anyseek.embedders import registry

    return list(registry.cards())


def check(
    folder: AnyPath = ".", *, index: AnyPath | None = None, repair: bool = False, mend: bool = False
) -> list[Finding]:
    """What is wrong with an index, worst first, even with one that cannot be opened; [] when it is healthy.

    repair: put right what safely can be, and return what is wrong still. mend: the older name of `repair`.
    Raises UsageError (no such folder), IndexNotFound, NewerFormat; with `repair` IndexLocked, ReadOnlyIndex, DiskFull.
    """
    from anyseek.library.doctor import check_all

    return check_all(index_folder(folder, index), repair=repair or mend)


def saved_tags(folder: AnyPath = ".", *, index: AnyPath | None = None) -> SavedTags:
    """All tags of an index, however damaged, as far as they can be read (`Tags.saved`).

    Raises UsageError (no such folder), IndexNotFound, NewerFormat; IndexDamaged for a catalog that is gone.
    """
    from anyseek.catalog.tags import saved

    return saved(index_folder(folder, index))


def _of_index(place: Path, cards: Sequence[ModelCard], model: str | Embedder) -> Embedder:
    """The model, if it is one of those that the index has vectors of, or the index has none.

    Raises OtherModel; for one of another name before any weights are looked for: whether they are here makes no
    difference then.
    """

    def check(card: ModelCard) -> None:
        if cards and card.fingerprint not in [one.fingerprint for one in cards]:
            raise other_model(place, cards[0], card)

    if not isinstance(model, str):
        check(model.card)
        return model
    from anyseek.embedders import registry

    try:
        if cards and (known := registry.entry(model).card).name not in [one.name for one in cards]:
            raise other_model(place, cards[0], known)
        loaded = registry.load(model)
    except (DownloadFailed, LicenceNotAccepted) as error:  # of a model whose card is in its weights
        if not cards:
            raise
        raise OtherModel(
            f"The index in {place} was made by the model {cards[0].name}, not by {printable(model)}.",
            f"To move it to this model: anyseek reindex --model {printable(model)}",
        ) from error
    check(loaded.card)
    return loaded


def _loaded(model: str | Embedder) -> Embedder:
    """Raises ModelNotFound."""
    if not isinstance(model, str):
        return model
    from anyseek.embedders import registry

    return registry.load(model)
