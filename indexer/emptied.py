"""Files that look gone because the drive they lie on is not there: they are missing, and nothing of them is deleted.

A folder that was read in an earlier run, and of which all files of the index are gone now, held a drive

- when it was a mount point then, and is none now, whether or not it still exists; or
- when it is there and nothing at all lies in it, and it is another folder than the one that was read (its inode tells),
  or MANY files or more of it are gone at once. (An index that never read the folder, as after an import, leaves files
  missing that were missing.)

What moved to another place was found there by its content before, so it does not count. Whoever deletes or moves files,
and whoever deletes a folder, is not asked: only a folder that was left behind empty, and had held many files, needs a
`--prune`. The remark is made once; the files stay missing until something lies in the folder, or until they are pruned.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from anyseek.contracts import FileRecord, FileState
from anyseek.indexer.diff import is_content

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot
    from anyseek.indexer.plan import Plan
    from anyseek.indexer.run_context import RunContext

MANY = 10

Place: TypeAlias = tuple[int, bytes]
"""A root's number, and a folder below it, without a final "/"."""


def keep_files_of_absent_drives(run: RunContext, snapshot: Snapshot, plan: Plan) -> None:
    """Take out of `plan.gone` what is missing by the rule above, and put it into `plan.absent`."""
    folders = _Folders(run, snapshot)
    below: dict[Place, list[FileRecord]] = defaultdict(list)
    for file_id in plan.gone:
        record = snapshot.file(file_id)
        if record is not None and (place := folders.absent_drive(record)):
            below[place].append(record)
    for place, records in below.items():
        n_content = sum(map(is_content, records))
        present = [one.file_id for one in records if one.state is not FileState.MISSING]
        is_other = folders.is_other(place)
        if is_other or n_content >= MANY or (is_other is None and not present):
            plan.absent[place] = present
            plan.keep_gone([one.file_id for one in records], n_content)


@dataclass(slots=True)
class _Folders:
    """What folders are now, and what they were when they were read; each is looked at once."""

    run: RunContext
    snapshot: Snapshot
    _mounts: set[Place] = field(init=False)
    _now: dict[Place, os.stat_result | None] = field(default_factory=dict)
    _empty: dict[Place, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mounts = self.snapshot.mount_points()

    def absent_drive(self, record: FileRecord) -> Place | None:
        """The folder above a file in which a drive may have lain that is not there now."""
        above = _above(record)
        for place in above:
            if place in self._mounts and not self._is_mount(place):
                return place
        for place in above:  # the nearest that is there
            facts = self._facts(place)
            if facts is not None:
                return place if stat.S_ISDIR(facts.st_mode) and self._is_empty(place) else None
        return None

    def is_other(self, place: Place) -> bool | None:
        """Whether it is not the folder that was read; None where that is not known."""
        facts, inode = self._facts(place), self.snapshot.inode_of_folder(*place)
        return None if inode is None else facts is None or facts.st_ino != inode

    def _facts(self, place: Place) -> os.stat_result | None:
        if place not in self._now:
            try:
                self._now[place] = os.lstat(self._path(place))
            except OSError:
                self._now[place] = None
        return self._now[place]

    def _is_mount(self, place: Place) -> bool:
        facts = self._facts(place)
        root, path = place
        parent = self._facts((root, path.rpartition(b"/")[0]))
        return facts is not None and parent is not None and facts.st_dev != parent.st_dev

    def _is_empty(self, place: Place) -> bool:
        if place not in self._empty:
            try:
                with os.scandir(self._path(place)) as entries:
                    self._empty[place] = next(entries, None) is None
            except FileNotFoundError:
                self._empty[place] = False
            except OSError:  # nothing can be said of what lies in it
                self._empty[place] = True
        return self._empty[place]

    def _path(self, place: Place) -> bytes:
        root, path = place
        return os.path.join(os.fsencode(self.run.state.roots[root]), path)


def _above(record: FileRecord) -> list[Place]:
    """The folders that a file lies in, the nearest first; not the root itself."""
    parts = os.fsencode(record.path).split(b"/")[:-1]
    return [(record.root, b"/".join(parts[:n])) for n in range(len(parts), 0, -1)]


def remark_on(run: RunContext, plan: Plan) -> str:
    """A line for people on the folders whose files are missing since this run; "" for none."""
    new = {place: ids for place, ids in plan.absent.items() if ids}
    if not new:
        return ""
    paths = [os.fsdecode(os.path.join(os.fsencode(run.state.roots[root]), path)) for root, path in new]
    more = f" and {len(paths) - 3:,} more folders" if len(paths) > 3 else ""
    n_files = sum(map(len, new.values()))
    files = f"{n_files:,} file{'s' * (n_files != 1)}"
    return (
        f"{', '.join(paths[:3])}{more}: empty or not there, as when a drive is not connected, so the index keeps"
        f" {files} as missing. If they are gone for good: anyseek index --prune"
    )
