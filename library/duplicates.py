"""Files that are the same, or nearly: by their content, and by how near their vectors lie.

Vectors stand for what is shown, not for bytes: a copy that was saved again, made smaller or cut a little stays near.
How near depends on the model; docs/searching.md says it of `mini`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from anyseek.contracts import Filter, Modality
from anyseek.options import NEAR

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord

LOG = logging.getLogger(__name__)

_NEIGHBOURS = 16
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Group:
    """Files that belong together, by path. kind: identical bytes, or near. cosine: the least that binds them."""

    kind: Literal["identical", "near"]
    modality: Modality | None
    cosine: float
    paths: tuple[str, ...]


def identical(snapshot: Snapshot) -> list[Group]:
    """Files with the same bytes, the largest groups first."""
    groups = [
        Group(
            "identical",
            copies[0].modality,
            1.0,
            tuple(sorted(snapshot.absolute_path(record) for record in copies)),
        )
        for copies in snapshot.copies()
    ]
    return sorted(groups, key=lambda group: (-len(group.paths), group.paths))


def near(snapshot: Snapshot, space: SpaceRecord, least: float = NEAR) -> list[Group]:
    """Files of one segment whose vectors lie within `least` of one another, in chains; identical ones count once.

    Each row is compared with its 16 nearest, by whatever store answers searches.
    """
    from anyseek.stores.registry import open_store

    groups: list[Group] = []
    remark = ""
    for modality in snapshot.counts_in(space.space_id):
        rows, files = _whole_files(snapshot, space, modality)
        if len(rows) < 2:
            continue
        parent = np.arange(len(rows))
        weakest: dict[int, float] = {}
        store = open_store(snapshot, space.space_id)
        try:
            for i in range(0, len(rows), _AT_ONCE):
                part = rows[i : i + _AT_ONCE]
                scores, near_rows = store.search(snapshot.vectors_at(space.space_id, part), _NEIGHBOURS, rows)
                close = (scores >= least) & (near_rows >= 0)
                for here, there in zip(*np.nonzero(close), strict=True):
                    a, b = (
                        _root(parent, i + int(here)),
                        _root(parent, int(np.searchsorted(rows, near_rows[here, there]))),
                    )
                    if a != b:
                        parent[b] = a
                        lowest = min(weakest.pop(b, 1.0), weakest.get(a, 1.0), float(scores[here, there]))
                        weakest[a] = lowest
        finally:
            remark = store.remark or remark
            store.close()
        members: dict[int, list[str]] = defaultdict(list)
        for place in range(len(rows)):
            members[_root(parent, place)].append(files[place])
        groups += [
            Group("near", modality, round(min(1.0, weakest[root]), 4), tuple(sorted(paths)))
            for root, paths in members.items()
            if len(paths) > 1
        ]
    if remark:
        LOG.warning("%s", remark)
    return sorted(groups, key=lambda group: (-len(group.paths), group.paths))


def _whole_files(
    snapshot: Snapshot, space: SpaceRecord, modality: Modality
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[str]]:
    """Rows of files with one segment of this modality, ascending, one for each content; and their paths."""
    allowed = snapshot.allowed_rows(space.space_id, Filter(frozenset({modality})))
    rows: list[int] = []
    paths: list[str] = []
    seen: set[bytes] = set()
    if allowed is not None:
        places = snapshot.hits_for_rows(space.space_id, allowed)
        n_of: dict[int, int] = defaultdict(int)
        for segment, _ in places:
            n_of[segment.file_id] += 1
        for row, (segment, path) in zip(allowed, places, strict=True):
            record = snapshot.file(segment.file_id)
            if n_of[segment.file_id] == 1 and record is not None and record.content_hash not in seen:
                seen.add(record.content_hash)
                rows.append(int(row))
                paths.append(path)
    return np.array(rows, np.int64), paths


def _root(parent: np.ndarray[tuple[int], np.dtype[np.int64]], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = int(parent[place])
    return place
