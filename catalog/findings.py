"""What doctor says of an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from anyseek.catalog.database import DAMAGED_NAME

if TYPE_CHECKING:
    from anyseek.catalog.snapshot import Snapshot

REBUILD = (
    f"put it aside as {DAMAGED_NAME}, and make a new one of all that can be read of it, tags first; what else is"
    " missing, the next `anyseek index` reads again"
)
READ_AGAIN = "have the next `anyseek index` read these files again; their records and tags stay"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with an index. code: short and stable; count: of the things that are wrong.

    is_repairable: whether `repair` can put it right without losing anything that cannot be made again. remedy: what it
    does then, or what a person can do; instead: what a person had better do, where that can be done. file_ids: the
    files whose segments are to be made again.
    """

    code: str
    message: str
    count: int
    is_repairable: bool
    remedy: str
    file_ids: tuple[int, ...] = ()
    instead: str = ""


Check: TypeAlias = Callable[["Snapshot"], Iterator[Finding]]
"""Looks at one snapshot of an index."""


def about_files(code: str, message: str, rows: Any) -> Iterator[Finding]:
    """That the files of these rows (file_id,) are to be read again; nothing where there are none. message: with {} for
    how many they are."""
    file_ids = tuple(file_id for (file_id,) in rows)
    if file_ids:
        yield Finding(code, message.format(len(file_ids)), len(file_ids), True, READ_AGAIN, file_ids)
