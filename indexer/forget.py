"""An indexed folder leaves the index: its files, their vectors and words. Their tags are kept for when they return.

Where it lies in another indexed folder, which would meet its files anew, they stay and belong to that one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.catalog.file_facts import counts_of_root
from anyseek.catalog.root_records import hand_over
from anyseek.errors import UsageError
from anyseek.indexer.ignore import IGNORE_NAME
from anyseek.indexer.run_state import forget_root_settings, hand_over_trust, read_settings
from anyseek.indexer.scan import reaches
from anyseek.indexer.survey import is_gone
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What left the index, or would. folder: absolute. files, segments: of it. tagged: files of it that have tags,
    which are kept. covered_by: the indexed folder around it, to which its files belong now, so that nothing left; ""
    for none. stay: how many files these are. remarks: sentences for people, as of `Report`."""

    folder: str
    files: int
    segments: int
    tagged: int
    covered_by: str = ""
    stay: int = 0
    remarks: tuple[str, ...] = ()


def forget(catalog: Catalog, folder: str | os.PathLike[str], *, dry_run: bool = False) -> Forgotten:
    """Take an indexed folder out of the index; what is on the disk stays as it is, and the folder need not be there.

    dry_run: only count. Raises UsageError for a folder that is not one of those that are indexed; IndexLocked,
    ReadOnlyIndex, DiskFull.
    """
    if dry_run:
        with catalog.read() as snapshot:
            return _Planned.read(snapshot, folder).forgotten()
    with catalog.lock("anyseek forget"):
        with catalog.read() as snapshot:
            settings = read_settings(snapshot)
            planned = _Planned.read(snapshot, folder)
        root = planned.root
        with catalog.begin() as writer:
            if planned.outer is None:
                writer.forget_root(root)
            else:
                hand_over(writer, root, planned.outer, os.fsencode(planned.below))
                hand_over_trust(writer, settings, root, planned.outer)
            forget_root_settings(writer, settings, root)
    return planned.forgotten()


@dataclass(frozen=True, slots=True)
class _Planned:
    """roots: all of them. root: the one to be forgotten. counts: its files, segments and tagged files. outer: the root
    around it that would meet its files (None: there is none), and `below` is the way from there."""

    roots: Mapping[int, Path]
    root: int
    counts: tuple[int, int, int]
    outer: int | None
    below: str

    @staticmethod
    def read(snapshot: Snapshot, folder: str | os.PathLike[str]) -> _Planned:
        roots = snapshot.roots()
        root = _root_at(roots, folder)
        outer, below = _covering(roots, root)
        return _Planned(roots, root, counts_of_root(snapshot, root), outer, below)

    def forgotten(self) -> Forgotten:
        folder = str(self.roots[self.root])
        if self.outer is None:
            return Forgotten(folder, *self.counts)
        return Forgotten(folder, 0, 0, 0, str(self.roots[self.outer]), self.counts[0])


def _covering(roots: Mapping[int, Path], root: int) -> tuple[int | None, str]:
    """The root in which this one lies and whose scan reaches it, and the way; one that is not there lies in none."""
    path = os.path.realpath(roots[root])
    if is_gone(roots[root]):
        return None, ""
    around = [
        (len(stem), number)
        for number, other in roots.items()
        if number != root
        and path.startswith(stem := os.path.join(os.path.realpath(other), ""))
        and path != stem
    ]
    if not around:
        return None, ""
    length, outer = max(around)
    below = path[length:]
    return (outer, below) if reaches(roots[outer], below) else (None, "")


def _root_at(roots: Mapping[int, Path], folder: str | os.PathLike[str]) -> int:
    """Raises UsageError, with what to do instead."""
    name = printable(os.fspath(folder))
    for spell in (os.path.abspath, os.path.realpath):
        path = spell(folder)
        for number, root in roots.items():
            if spell(root) == path:
                return number
    path = os.path.realpath(folder)
    for root in roots.values():
        if path.startswith(os.path.join(os.path.realpath(root), "")):
            below = os.path.relpath(path, os.path.realpath(root))
            raise UsageError(
                f"{name} is a part of the indexed folder {printable(str(root))}, not an indexed folder itself.",
                f"To leave it out, write /{printable(below)}/ into {printable(str(root / IGNORE_NAME))},"
                " and run: anyseek index",
            )
    known = ", ".join(printable(str(root)) for root in roots.values())
    raise UsageError(
        f"{name} is not an indexed folder.", f"Indexed are: {known}." if known else "None is indexed."
    )
