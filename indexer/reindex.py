"""Another model for an index: its vectors are made beside the old ones, which answer until all are there.

The new index grows in a folder beside the old one (`.anyseek.next`), by ordinary runs: what is committed stays,
whatever happens, and the next run continues from there. Models cut recordings and videos differently, so files are
read again rather than segments copied. At the end the two folders change names in one step.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek.atomic import sync_folder
from anyseek.catalog.aside import aside_of
from anyseek.catalog.catalog import Catalog, WriterLock
from anyseek.catalog.codec import unreadable
from anyseek.catalog.creation import is_marked, others_in
from anyseek.catalog.database import DAMAGED_NAME, connect, has_catalog
from anyseek.catalog.failures import translated
from anyseek.catalog.tag_records import carry_over, read_tags
from anyseek.contracts import Embedder, Report
from anyseek.errors import AnyseekError, IndexDamaged, UsageError
from anyseek.indexer.options import IndexOptions, ProgressCall, StopCall
from anyseek.indexer.run import update
from anyseek.indexer.run_state import OF_RUNS, read_settings
from anyseek.jsonable import from_json
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot

EXCHANGE_SETTING = "exchanged"  # the setting that holds an _Exchange

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a run did.

    is_done: the new vectors answer now; else the old ones still do. vanished: absolute paths of files that the
    old vectors could find and the new cannot: they are gone, or cannot be read any more. kept: where the old index
    lies now, None when it was deleted.
    """

    report: Report
    is_done: bool
    vanished: tuple[str, ...] = ()
    kept: Path | None = None


def reindex(
    folder: Path,
    embedder: Embedder,
    *,
    keep: bool = False,
    options: IndexOptions,
    progress: ProgressCall | None = None,
    stop: StopCall | None = None,
) -> Reindexed:
    """Make the index in `folder` one of this model. Searches go on meanwhile; writers wait.

    keep: the old index stays, in a folder beside it that is named after its model.

    Raises UsageError when the index has that very model; RootUnavailable when a folder is gone (the old index
    stays, and so does what was made of the new one); IndexLocked, ReadOnlyIndex, DiskFull.
    """
    folder = Path(os.path.realpath(folder))
    beside = _beside(folder)
    has_catalog(folder)  # puts back what a run that was killed left aside
    _check_beside(beside)
    Catalog.open(folder).close()  # an older format is brought forward under a lock of its own
    with WriterLock(folder, "anyseek reindex"), Catalog.open(folder) as old:
        unfinished = _finish_exchange(old)
        with old.read() as snapshot:
            if unfinished is not None and _fingerprints(snapshot) == [embedder.card.fingerprint]:
                return unfinished
            model = _model_of(snapshot, embedder, folder)
            settings, roots = read_settings(snapshot), snapshot.roots()
        if options.depth_unit is None:
            options = replace(options, depth_unit=settings.get("depth_unit"))
        with _next(folder, embedder, [roots[number] for number in sorted(roots)]) as new:
            report = update(new, embedder, options=options, progress=progress, stop=stop)
            if report.interrupted:
                return Reindexed(report, is_done=False)
            vanished = tuple(_vanished(old, new))
            done = _Exchange(_free_name(folder, model) if keep else "", report, vanished)
            with ExitStack() as locked:
                # Tags and settings take no writer's lock: who gives one now waits, and gives it to the new index.
                with old.without_writers():
                    _hand_over(old, new, done)
                    new.close()
                    locked.enter_context(WriterLock(beside, "anyseek reindex"))  # which goes with the folder
                    with translated(folder):
                        exchange(folder, beside)
                old.close()
                with Catalog.open(folder) as exchanged:
                    return _finish_exchange(exchanged) or Reindexed(report, is_done=True, vanished=vanished)


def _hand_over(old: Catalog, new: Catalog, done: _Exchange) -> None:
    """What people made of the old index: the tags and settings that it has now."""
    with old.read() as snapshot:
        settings = read_settings(snapshot)
    with new.begin() as writer:
        for name in settings.keys() - OF_RUNS:
            writer.set_setting(name, settings[name])
        writer.set_setting(EXCHANGE_SETTING, asdict(done))
    carry_over(old, new)  # last: an index that has tags, and no record of an exchange, is somebody's own


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What the new index says of itself until the old one is out of the way: a run that is killed after the exchange is
    finished by the next one. kept_name: of the old index's folder, "" when it is deleted."""

    kept_name: str
    report: Report
    vanished: tuple[str, ...]


def _finish_exchange(catalog: Catalog) -> Reindexed | None:
    """Put the old index out of the way of the new one; None where there is nothing to finish."""
    folder = catalog.folder
    with catalog.read() as snapshot:
        stored = snapshot.settings().get(EXCHANGE_SETTING)
    if stored is None:
        return None
    done = _exchange_of(stored)
    kept = folder.with_name(done.kept_name) if done.kept_name else None
    with translated(folder):
        for old in (_beside(folder), aside_of(folder)):
            if kept is not None and old.exists() and not kept.exists():
                old.rename(kept)
            elif old.exists() and not _what_others_keep(old):
                with suppress(OSError):
                    _take_along(old, folder)
                    shutil.rmtree(old, ignore_errors=True)  # what cannot be deleted is in nobody's way
    if kept is not None:
        with suppress(AnyseekError):  # it left its place with connections open, and so with its log
            connect(kept, writable=False).close()
    with catalog.begin() as writer:
        writer.set_setting(EXCHANGE_SETTING, None)
    return Reindexed(done.report, is_done=True, vanished=done.vanished, kept=kept)


def _exchange_of(stored: Any) -> _Exchange:
    """Raises IndexDamaged."""
    try:
        done = from_json(json.dumps(stored), _Exchange)
        if b"/" in (name := os.fsencode(done.kept_name)) or b"\0" in name or name in (b".", b".."):
            raise ValueError(f"{done.kept_name!r} is not a name")
        return done
    except (TypeError, ValueError) as error:
        raise unreadable("an exchange", error) from error


def is_damaged_exchange(settings: dict[str, Any]) -> bool:
    """Whether what the index says of an unfinished exchange cannot be read."""
    try:
        if settings.get(EXCHANGE_SETTING) is not None:
            _exchange_of(settings[EXCHANGE_SETTING])
    except IndexDamaged:
        return True
    return False


def _fingerprints(snapshot: Snapshot) -> list[str]:
    return [space.card.fingerprint for space in snapshot.spaces()]


def _model_of(snapshot: Snapshot, embedder: Embedder, folder: Path) -> str:
    cards = [space.card for space in snapshot.spaces()]
    if cards and cards[0].fingerprint == embedder.card.fingerprint:
        raise UsageError(
            f"The index in {folder} was already made by {embedder.card.name}.",
            "To bring it up to date: anyseek index",
        )
    return cards[0].name if cards else "empty"


def _beside(index: Path) -> Path:
    return index.with_name(f"{index.name}.next")


def _next(index: Path, embedder: Embedder, roots: list[Path]) -> Catalog:
    """The new index as an earlier run left it; made anew when it is another model's or damaged. Raises UsageError for
    one that somebody works with."""
    folder = _beside(index)
    if folder.exists():
        if _is_in_use(folder):
            raise _in_the_way(folder, "is an index with tags of its own")
        with suppress(AnyseekError):
            catalog = Catalog.open(folder)
            with catalog.read() as snapshot:
                is_usable = _fingerprints(snapshot) in ([], [embedder.card.fingerprint])
                is_usable = is_usable and _real(snapshot.roots().values()) == _real(roots)
            if is_usable:
                return catalog
            catalog.close()
        with translated(folder):
            _take_along(folder, index)
            shutil.rmtree(folder)
    return Catalog.create(folder, roots)


def _take_along(folder: Path, index: Path) -> None:
    """Before an index is deleted: what somebody else has put into its folder goes to the index that stays, and so does
    a damaged catalog that a repair has left beside a new one. Raises OSError."""
    damaged = [path.name for path in folder.glob(f"{DAMAGED_NAME}*")]
    for name in (*others_in(folder), *damaged):
        target = index / name
        target.parent.mkdir(exist_ok=True)
        os.rename(folder / name, target.with_name(_free(target.parent, target.name)))


def _is_in_use(folder: Path) -> bool:
    """Whether an index has tags, which an unfinished one gets with the record of the exchange."""
    try:
        with Catalog.open(folder) as catalog, catalog.read() as snapshot:
            return EXCHANGE_SETTING not in snapshot.settings() and next(read_tags(snapshot), None) is not None
    except AnyseekError:  # not a whole one
        return False


def _check_beside(folder: Path) -> None:
    """Raises UsageError where the new index cannot grow without deleting what is somebody else's."""
    with translated(folder):
        if what := _what_others_keep(folder):
            raise _in_the_way(folder, what)


def _in_the_way(folder: Path, what: str) -> UsageError:
    return UsageError(
        f"{printable(str(folder))} {what}, and the new index is made there.",
        "Move it away, or give it another name.",
    )


def _what_others_keep(folder: Path) -> str:
    """What lies in a place where an index of ours may be deleted, and is not one's; "" for an index, whatever else lies
    in it, and for nothing. Raises OSError."""
    if not os.path.lexists(folder):
        return ""
    if folder.is_symlink() or not folder.is_dir():
        return "is not a folder"
    others = [] if is_marked(folder) else others_in(folder)
    return f"contains other files ({others[0]!r})" if others else ""


def _real(folders: Iterable[Path]) -> set[str]:
    """By the folders that they mean: two that have become one, by a link, are one in the new index."""
    return {os.path.realpath(folder) for folder in folders}


def _vanished(old: Catalog, new: Catalog) -> list[str]:
    """Files with vectors there and none here."""
    with old.read() as before, new.read() as after:
        searchable = {(record.root, record.path) for record in after.files() if record.problem is None}
        roots = {os.path.realpath(path): number for number, path in after.roots().items()}
        numbers = {number: roots.get(os.path.realpath(path)) for number, path in before.roots().items()}
        return [
            before.absolute_path(record)
            for record in before.files()
            if record.problem is None
            and record.modality is not None
            and (numbers.get(record.root), record.path) not in searchable
        ]


def _free_name(folder: Path, model: str) -> str:
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in model)
    return _free(folder.parent, f"{folder.name}.{plain}")


def _free(folder: Path, name: str) -> str:
    """A name that nothing in the folder has."""
    free, number = name, 2
    while os.path.lexists(folder / free):
        free, number = f"{name}-{number}", number + 1
    return free


def exchange(one: Path, other: Path) -> None:
    """Let two folders change names, in one step where the system can (Linux 3.15 and most file systems); else by
    three renames. Raises OSError."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        rename = None
    names = os.fsencode(one), os.fsencode(other)
    if rename is None:
        _exchange_by_steps(one, other)
    elif rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        if number not in (
            errno.ENOSYS,
            errno.EINVAL,
        ):  # what an old system, or a file system without it, says
            raise OSError(number, os.strerror(number), str(one))
        _exchange_by_steps(one, other)
    sync_folder(one.parent)


def _exchange_by_steps(one: Path, other: Path) -> None:
    """Killed after the first step, it is undone by whoever opens the index next (catalog/aside.py)."""
    aside = aside_of(one)
    one.rename(aside)
    try:
        other.rename(one)
    except OSError:
        aside.rename(one)
        raise
    aside.rename(other)
