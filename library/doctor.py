"""Whether an index can be trusted, catalog and stores alike, and the repair of what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check, hashes_of
from anyseek.catalog.findings import Finding
from anyseek.catalog.records import other_model
from anyseek.catalog.repair import repair as repair_catalog
from anyseek.errors import AnyseekError
from anyseek.indexer.reindex import EXCHANGE_SETTING, is_damaged_exchange
from anyseek.indexer.run_state import wrong_settings
from anyseek.library.models import MODEL_DAMAGED, models, older_models, put_right
from anyseek.media.source import HASH_BYTES
from anyseek.stores.backend import SyncRequest
from anyseek.stores.guarded import sentence
from anyseek.stores.registry import STORE_SETTING, is_damaged_choice
from anyseek.stores.trial import faults

if TYPE_CHECKING:
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, ModelCard

_WRONG_SETTINGS = "settings-wrong"
_CALIBRATION_DAMAGED = "calibration-damaged"
_STORE_DAMAGED, _STORE_FAILS = "store-damaged", "store-fails"


def check_all(folder: Path, *, repair: bool) -> list[Finding]:
    """What is wrong with the index in `folder`, worst first; [] for a healthy one.

    repair: put right what can be, and return what is wrong still. Raises IndexNotFound, NewerFormat; with it
    IndexLocked, ReadOnlyIndex, DiskFull.
    """
    findings = check(folder, more=_MORE)
    if repair and any(finding.is_repairable for finding in findings):
        repair_catalog(folder, findings, more=_MORE, repair_derived=_repair_derived)
        return check(folder, more=_MORE)
    return findings


def _derived(snapshot: Snapshot) -> Iterator[Finding]:
    """A store that does not answer as it should: searches are exact without it, and right, but slower."""
    for fault in faults(snapshot):
        if fault.remedy:
            yield Finding(_STORE_FAILS, fault.message, 1, False, fault.remedy)
        else:
            remedy = "build it again, as `anyseek index` does" if fault.is_chosen else "remove them"
            yield Finding(_STORE_DAMAGED, fault.message, 1, True, remedy)


def _settings(snapshot: Snapshot) -> Iterator[Finding]:
    """Settings that are JSON, and not of the shape that we give them."""
    if names := _wrong_settings(snapshot):
        message = f"Settings that are not what was stored: {', '.join(names)}."
        yield Finding(_WRONG_SETTINGS, message, len(names), True, "forget them: give them again")


def _wrong_settings(snapshot: Snapshot) -> list[str]:
    settings = snapshot.settings()
    names = wrong_settings(settings)
    names += [STORE_SETTING] if is_damaged_choice(settings) else []
    return names + ([EXCHANGE_SETTING] if is_damaged_exchange(settings) else [])


def _repair_settings(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        with catalog.read() as snapshot:
            names = _wrong_settings(snapshot)
        with catalog.begin() as writer:
            for name in names:
                writer.set_setting(name, None)


def _calibrations(snapshot: Snapshot) -> Iterator[Finding]:
    """Measurements that cannot be read: hits have no match without them."""
    from anyseek.search import calibration

    damaged = [one for one in snapshot.spaces() if calibration.is_damaged(snapshot.folder, one)]
    if damaged:
        message = f"Calibration files in {calibration.FOLDER}/ that cannot be read: {len(damaged)}."
        yield Finding(
            _CALIBRATION_DAMAGED, message, len(damaged), True, "measure again, as `anyseek index` does"
        )


def _repair_calibrations(snapshot: Snapshot) -> None:
    from anyseek.search import calibration

    for space in snapshot.spaces():
        if calibration.is_damaged(snapshot.folder, space):
            calibration.forget(snapshot.folder, space)
            # Without its model, or its vectors, the next `anyseek index` measures.
            with suppress(AnyseekError):
                calibration.refresh(snapshot, space, partial(_bank, snapshot.folder, space.card))


def _bank(folder: Path, made_by: ModelCard) -> Floats:
    """Raises OtherModel, ModelNotFound."""
    from anyseek.embedders import registry
    from anyseek.search.background import embedded

    embedder = registry.load(made_by.name)
    if embedder.card.fingerprint != made_by.fingerprint:
        raise other_model(folder, made_by, embedder.card)
    return embedded(embedder)


def _repair_derived(folder: Path, finding: Finding) -> bool:
    if finding.code == MODEL_DAMAGED:
        with Catalog.open(folder) as catalog:
            put_right(catalog)
        return True
    if finding.code == _CALIBRATION_DAMAGED:
        with Catalog.open(folder) as catalog, catalog.read() as snapshot:
            _repair_calibrations(snapshot)
        return True
    if finding.code == _WRONG_SETTINGS:
        _repair_settings(folder)
        return True
    if finding.code != _STORE_DAMAGED:
        return False
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        for fault in faults(snapshot):
            if not fault.remedy:
                # What cannot be repaired is found again by the check that follows.
                with suppress(AnyseekError, OSError), sentence("The store", "repaired"):
                    fault.backend.repair(snapshot, fault.space)
                    if fault.is_chosen:
                        fault.backend.sync(snapshot, fault.space, SyncRequest())
    return True


_MORE = (models, hashes_of(HASH_BYTES), _settings, _derived, _calibrations, older_models)
