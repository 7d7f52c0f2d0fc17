"""A root that is gone and a folder that holds its files: the root has moved, as with a drive that was renamed."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.errors import MediaError
from anyseek.indexer.run_state import is_within
from anyseek.indexer.survey import is_gone
from anyseek.media.source import Source
from anyseek.opening import FileBelow, stat_file

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot
    from anyseek.contracts import FileRecord
    from anyseek.indexer.run_context import RunContext

SAMPLE, HASHED = 500, 8
"""Files of a root that are looked for in a folder, and how many of those that are there are read to be sure."""

LEAST_PRESENT, LEAST_EQUAL = 0.5, 0.75
"""Shares of the sample that has to be there (same path below the root, same size), and of the read ones that have to
have the recorded content."""


def moved_roots(run: RunContext, snapshot: Snapshot, requested: Sequence[Path]) -> dict[int, Path]:
    """Roots that are gone and whose files lie in one of these folders now, by number; folders that lie in a root, or
    hold one, are none. A root inside such a root moves with it."""
    roots = run.state.roots
    gone = {number: root for number, root in roots.items() if is_gone(root)}
    moved: dict[int, Path] = {}
    for path in requested:
        others = [root for number, root in roots.items() if number not in gone] + [*moved.values()]
        if any(is_within(path, root) or is_within(root, path) for root in others):
            continue
        left = [number for number in gone if number not in moved and gone[number] != path]
        shares = {number: _share_of(snapshot, number, path) for number in left}
        number = max(shares, key=shares.__getitem__, default=None)
        if number is None or shares[number] < LEAST_PRESENT:
            continue
        moved[number] = path
        for inner in left:
            below = os.path.relpath(gone[inner], gone[number])
            if inner != number and not below.startswith(os.pardir) and (path / below).is_dir():
                moved[inner] = path / below
    return moved


def _share_of(snapshot: Snapshot, root: int, folder: Path) -> float:
    """How much of a sample of the root's files lies in the folder: 0 when the content of some that do is another,
    or when all of them are empty."""
    sample = _sampled(snapshot, root)
    present = [record for record in sample if _is_there(record, folder)]
    if not present or len(present) < LEAST_PRESENT * len(sample):
        return 0.0
    # Empty files are all alike: they prove nothing.
    read = sorted((record for record in present if record.size), key=lambda record: record.size)[:HASHED]
    n_equal = sum(_has_content(record, folder) for record in read)
    return len(present) / len(sample) if read and n_equal >= LEAST_EQUAL * len(read) else 0.0


def _sampled(snapshot: Snapshot, root: int) -> list[FileRecord]:
    """Files of known content, evenly chosen (reservoir sampling), the same ones every time."""
    choice = random.Random(0)
    sample: list[FileRecord] = []
    n_seen = 0
    for record in snapshot.files():
        if record.root != root or not record.content_hash:
            continue
        n_seen += 1
        if len(sample) < SAMPLE:
            sample.append(record)
        elif (place := choice.randrange(n_seen)) < SAMPLE:
            sample[place] = record
    return sample


def _is_there(record: FileRecord, folder: Path) -> bool:
    try:
        facts = stat_file(FileBelow(str(folder), record.path))
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size == record.size


def _has_content(record: FileRecord, folder: Path) -> bool:
    try:
        with Source.open(FileBelow(str(folder), record.path)) as source:
            return source.digest() == record.content_hash
    except MediaError:
        return False
