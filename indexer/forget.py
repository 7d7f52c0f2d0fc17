"""An indexed folder leaves the index: its files, their vectors and words. Their tags are kept for when they return."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.catalog.file_facts import counts_of_root
from anyseek.errors import UsageError
from anyseek.indexer.ignore import IGNORE_NAME
from anyseek.indexer.run_state import forget_root_settings, read_settings
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What left the index, or would. folder: absolute. files, segments: of it. tagged: files of it that have tags,
    which are kept. remarks: sentences for people, as of `Report`."""

    folder: str
    files: int
    segments: int
    tagged: int
    remarks: tuple[str, ...] = ()


def forget(catalog: Catalog, folder: str | os.PathLike[str], *, dry_run: bool = False) -> Forgotten:
    """Take an indexed folder out of the index; what is on the disk stays as it is, and the folder need not be there.

    dry_run: only count. Raises UsageError for a folder that is not one of those that are indexed; IndexLocked,
    ReadOnlyIndex, DiskFull.
    """
    if dry_run:
        return _counted(catalog, folder)[1]
    with catalog.lock("anyseek forget"):
        root, forgotten = _counted(catalog, folder)
        with catalog.read() as snapshot:
            settings = read_settings(snapshot)
        with catalog.begin() as writer:
            writer.forget_root(root)
            forget_root_settings(writer, settings, root)
    return forgotten


def _counted(catalog: Catalog, folder: str | os.PathLike[str]) -> tuple[int, Forgotten]:
    with catalog.read() as snapshot:
        roots = snapshot.roots()
        root = _root_at(roots, folder)
        return root, Forgotten(str(roots[root]), *counts_of_root(snapshot, root))


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
