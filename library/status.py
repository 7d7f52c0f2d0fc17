"""What an index holds and how far it agrees with the disk, at a glance."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.contracts import FileState, Modality, ModelCard
from anyseek.system_errors import ABSENT

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, RunRecord, Snapshot
    from anyseek.stores.backend import State


@dataclass(frozen=True, slots=True)
class Root:
    """An indexed folder, and whether it is there now."""

    path: str
    is_there: bool


@dataclass(frozen=True, slots=True, order=True)
class Skipped:
    """A file that could not be indexed, and why; `code` is short and stable."""

    path: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """One index.

    files, segments: what a search can find, by modality. skipped: files with a problem, and folders that could not be
    read (their path ends in "/"), by its code; `problems` has them one by one, by path. missing: searchable files whose
    folder could not be read at the last run.
    changed, gone: files that differ from what was indexed, or are no longer there; None when not looked for. What
    cannot be seen now is neither.
    Files that are new on disk are not looked for: `anyseek index --dry-run` counts them.
    store: what answers searches. writer: who is writing the index at this moment, empty when nobody is.
    older_model: where the vectors are of another version of the model than the one here, that in a sentence, and what
    to do in another.
    """

    index: str
    roots: tuple[Root, ...]
    model: ModelCard | None
    files: dict[Modality, int]
    segments: dict[Modality, int]
    skipped: dict[str, int]
    problems: tuple[Skipped, ...]
    missing: int
    changed: int | None
    gone: int | None
    size_bytes: int
    last_run: RunRecord | None
    writer: str
    store: State | None = None
    older_model: tuple[str, ...] = ()


def status(catalog: Catalog, *, look: bool = True) -> Status:
    """The status of an index; `look` compares every file on disk with what was indexed (one stat each)."""
    from anyseek.catalog.locking import is_locked, read_holder
    from anyseek.library.models import older_model
    from anyseek.stores.registry import state

    holder = read_holder(catalog.folder) if is_locked(catalog.folder) else None
    with catalog.read() as snapshot:
        roots = snapshot.roots()
        counts = snapshot.counts()
        spaces = snapshot.spaces()
        changed, gone = _stale(snapshot) if look else (None, None)
        problems = sorted([*_skipped_files(snapshot), *_skipped_places(snapshot, roots)])
        older = older_model(catalog.folder, spaces[0].card) if spaces else None
        return Status(
            index=str(catalog.folder),
            roots=tuple(Root(str(path), os.path.isdir(path)) for path in roots.values()),
            model=spaces[0].card if spaces else None,
            files=counts.files_by_modality,
            segments=counts.segments_by_modality,
            skipped=dict(sorted(Counter(one.code for one in problems).items())),
            problems=tuple(problems),
            missing=counts.files_by_state.get(FileState.MISSING, 0),
            changed=changed,
            gone=gone,
            size_bytes=catalog.size_bytes(),
            last_run=snapshot.last_run(),
            writer=str(holder) if holder else "",
            store=state(snapshot),
            older_model=(older.message, older.hint) if older else (),
        )


def _skipped_files(snapshot: Snapshot) -> Iterator[Skipped]:
    for record in snapshot.problems():
        assert record.problem is not None, "Snapshot.problems gives files with one"
        yield Skipped(snapshot.absolute_path(record), record.problem.code, record.problem.reason)


def _skipped_places(snapshot: Snapshot, roots: Mapping[int, Path]) -> Iterator[Skipped]:
    """Folders, and files that could not even be looked at: the catalog has no record of them."""
    from anyseek.indexer.run_state import unread_places, unread_problem

    for place in unread_places(snapshot.settings()):
        if place.root in roots:
            path = os.path.join(roots[place.root], place.path)
            problem = unread_problem(path, place)
            yield Skipped(path, problem.code, problem.reason)


def _stale(snapshot: Snapshot) -> tuple[int, int]:
    """How many known files (changed, gone): of folders that are there, for an unplugged one tells nothing."""
    there = {root: os.fsencode(path) for root, path in snapshot.roots().items() if os.path.isdir(path)}
    changed = gone = 0
    for record in snapshot.files():
        folder = there.get(record.root)
        if folder is None or record.state is FileState.MISSING or record.modality is None:
            continue
        try:
            now = os.lstat(os.path.join(folder, os.fsencode(record.path)))
        except ABSENT:
            gone += 1
            continue
        except OSError:  # it cannot be seen, so nothing is known of it
            continue
        seen = (record.size, record.mtime_ns, record.inode)
        changed += (now.st_size, now.st_mtime_ns, now.st_ino) != seen
    return changed, gone
