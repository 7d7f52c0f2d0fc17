"""Whether an index can be trusted, catalog and stores alike, and the repair of what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.catalog import repair
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import Finding
from anyseek.catalog.check import examine as examine_catalog
from anyseek.stores import registry

if TYPE_CHECKING:
    from anyseek.catalog.snapshot import Snapshot

_STORE_DAMAGED = "store-damaged"


def examined(folder: Path, *, mend_it: bool) -> list[Finding]:
    """What is wrong with the index in `folder`, worst first; [] for a healthy one.

    mend_it: repair what can be, and return what is wrong still. Raises IndexNotFound, NewerFormat; with `mend_it`
    IndexLocked, ReadOnlyIndex, DiskFull.
    """
    findings = examine_catalog(folder, more=(_derived,))
    if mend_it and findings:
        repair.mend(folder, findings, more=(_derived,), mend_derived=_mend_derived)
        return examine_catalog(folder, more=(_derived,))
    return findings


def _derived(snapshot: Snapshot) -> Iterator[Finding]:
    """A store whose files are not what was written: it is not used, so answers are right, but slow."""
    for _, _, message in registry.damage(snapshot):
        yield Finding(_STORE_DAMAGED, message, 1, True, "remove it; `anyseek store refresh` makes it again")


def _mend_derived(folder: Path, finding: Finding) -> bool:
    if finding.code != _STORE_DAMAGED:
        return False
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        for store, space, _ in registry.damage(snapshot):
            store.repair(snapshot, space)
    return True
