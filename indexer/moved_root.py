"""A root that is gone and a folder that holds its files: the root has moved, as with a drive that was renamed.

This is about a folder that stands for the whole root. Of all other moves, files are recognised one by one
(absent_roots.py), and those that are not met stay.
"""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.errors import MediaError
from anyseek.indexer.absent_roots import has_really_gone
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

LEAST_PRESENT, LEAST_EQUAL, LEAST_SAME = 0.9, 0.75, 0.5
"""Shares of the sample that has to be there (same path below the root, same size), and of the read ones that have to
have the recorded content; and of those present that have to be the very files, by their inodes, where not all are there
and the root's drive may be away: its files come back with it, and what is here may be a part that was copied."""


def moved_roots(run: RunContext, snapshot: Snapshot, requested: Sequence[Path]) -> dict[int, Path]:
    """Roots that are gone and whose files lie in one of these folders now, by number; folders that lie in a root, or
    hold one, are none. A root inside such a root moves with it."""
    sampled = cache(lambda root: _sampled(snapshot, root))
    roots = run.state.roots
    gone = {number: root for number, root in roots.items() if is_gone(root)}
    moved: dict[int, Path] = {}
    for path in requested:
        others = [root for number, root in roots.items() if number not in gone] + [*moved.values()]
        if any(is_within(path, root) or is_within(root, path) for root in others):
            continue
        left = [number for number in gone if number not in moved and gone[number] != path]
        shares = {number: _share_of(run, sampled(number), number, path) for number in left}
        number = max(shares, key=shares.__getitem__, default=None)
        if number is None or shares[number] < LEAST_PRESENT:
            continue
        moved[number] = path
        for inner in left:
            below = os.path.relpath(gone[inner], gone[number])
            if inner != number and not below.startswith(os.pardir) and (path / below).is_dir():
                moved[inner] = path / below
    return moved


def _share_of(run: RunContext, sample: list[FileRecord], root: int, folder: Path) -> float:
    """How much of this sample of the root's files lies in the folder: 0 when the content of some that do is another,
    or when all of them are empty."""
    inodes = {record.file_id: _inode_of(record, folder) for record in sample}
    present = [record for record in sample if inodes[record.file_id] is not None]
    if not present or len(present) < LEAST_PRESENT * len(sample):
        return 0.0
    n_same = sum(inodes[record.file_id] == record.inode for record in present)
    may_return = not has_really_gone(run, root) and n_same < LEAST_SAME * len(present)
    if len(present) < len(sample) and may_return:
        return 0.0
    # Empty files are all alike: they prove nothing.
    read = sorted((record for record in present if record.size), key=lambda record: record.size)[:HASHED]
    n_equal = sum(_has_content(record, folder) for record in read)
    return len(present) / len(sample) if read and n_equal >= LEAST_EQUAL * len(read) else 0.0


def _sampled(snapshot: Snapshot, root: int) -> list[FileRecord]:
    """Files of known content, evenly chosen, the same ones every time."""
    numbers = snapshot.numbers_with_hash(root)
    chosen = random.Random(0).sample(numbers, min(SAMPLE, len(numbers)))
    return [record for number in sorted(chosen) if (record := snapshot.file(number))]


def _inode_of(record: FileRecord, folder: Path) -> int | None:
    """Of the file of this size at the record's place below the folder; None where there is none."""
    try:
        facts = stat_file(FileBelow(str(folder), record.path))
    except (OSError, ValueError):
        return None
    return facts.st_ino if stat.S_ISREG(facts.st_mode) and facts.st_size == record.size else None


def _has_content(record: FileRecord, folder: Path) -> bool:
    try:
        with Source.open(FileBelow(str(folder), record.path)) as source:
            return source.digest() == record.content_hash
    except MediaError:
        return False
