"""Where an index lies while it changes names with its successor, on file systems that cannot exchange two names.

Such an exchange is three renames (indexer/reindex.py). Killed after the first, it leaves no index in its place.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from anyseek import atomic
from anyseek.catalog.failures import translated
from anyseek.catalog.locking import WriterLock
from anyseek.errors import IndexNotFound
from anyseek.system_errors import is_absent


def aside_of(folder: Path) -> Path:
    """The name that an index has between the renames."""
    return folder.with_name(f"{folder.name}.aside")


def put_back(folder: Path, catalog_name: str) -> bool:
    """Give an index that was left aside its own name again; whether it did.

    Raises IndexLocked while an exchange is going on; ReadOnlyIndex, DiskFailed.
    """
    aside = aside_of(folder)
    if not folder.name or is_absent((aside / catalog_name).stat) or not is_absent(folder.lstat):
        return False
    # IndexNotFound: another process has done it meanwhile.
    with suppress(IndexNotFound), WriterLock(aside, "anyseek reindex"), translated(folder):
        os.rename(aside, folder)
        atomic.sync_folder(folder.parent)
    return True
