"""Whether an index can be trusted, catalog and stores alike, and the repair of what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import Finding, check, hashes_of
from anyseek.catalog.repair import repair as repair_catalog
from anyseek.media.source import HASH_BYTES
from anyseek.stores import registry

if TYPE_CHECKING:
    from anyseek.catalog.snapshot import Snapshot

_STORE_DAMAGED = "store-damaged"


def check_all(folder: Path, *, repair: bool) -> list[Finding]:
    """What is wrong with the index in `folder`, worst first; [] for a healthy one.

    repair: put right what can be, and return what is wrong still. Raises IndexNotFound, NewerFormat; with it
    IndexLocked, ReadOnlyIndex, DiskFull.
    """
    findings = check(folder, more=_MORE)
    if repair and findings:
        repair_catalog(folder, findings, more=_MORE, repair_derived=_repair_derived)
        return check(folder, more=_MORE)
    return findings


def _derived(snapshot: Snapshot) -> Iterator[Finding]:
    """A store whose files are not what was written: it is not used, so searches are right, but slow."""
    for _, _, message in registry.damage(snapshot):
        yield Finding(_STORE_DAMAGED, message, 1, True, "remove it; `anyseek store refresh` makes it again")


def _repair_derived(folder: Path, finding: Finding) -> bool:
    if finding.code != _STORE_DAMAGED:
        return False
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        for store, space, _ in registry.damage(snapshot):
            store.repair(snapshot, space)
    return True


_MORE = (hashes_of(HASH_BYTES), _derived)
