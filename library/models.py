"""Records of models in an index that are not what was written: found and put right by what is known of models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.catalog.findings import Finding
from anyseek.catalog.records import other_model
from anyseek.catalog.space_records import (
    SpaceRow,
    delete_space,
    is_of_missing_package,
    space_rows,
    write_card,
)
from anyseek.errors import AnyseekError

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import ModelCard
    from anyseek.errors import OtherModel

MODEL_DAMAGED, _MODEL_OLDER = "model-damaged", "model-older"

_NAME = re.compile(r'"name":\s*"([^"\\]+)"')


def models(snapshot: Snapshot) -> Iterator[Finding]:
    """The check of doctor."""
    known = _known()
    damaged = [one for one in space_rows(snapshot) if not _is_right(one, known)]
    lost = [one for one in damaged if _right_card(one, known) is None]
    if lost and any(is_of_missing_package(snapshot, one) for one in lost):
        return  # who reads the spaces says so
    if damaged:
        message = f"Models whose record is not what was stored: {len(damaged)}."
        remedy = "write it again, as it is known"
        if lost:
            remedy = "have its files read again: name the model, anyseek index --model NAME"
        yield Finding(MODEL_DAMAGED, message, len(damaged), True, remedy)


def older_models(snapshot: Snapshot) -> Iterator[Finding]:
    """The check of doctor: vectors of a version of a model that is not the one here."""
    for space in snapshot.spaces():
        if (why := older_model(snapshot.folder, space.card)) is not None:
            yield Finding(_MODEL_OLDER, why.message, 1, False, why.hint or "")


def older_model(folder: Path, made_by: ModelCard) -> OtherModel | None:
    """Why the model of the same name that is here does not answer for an index; None where it does, and where that
    cannot be told without its weights."""
    from anyseek.embedders import registry

    with suppress(AnyseekError):
        here = registry.card_here(made_by.name)
        if here is not None and here.fingerprint != made_by.fingerprint:
            return other_model(folder, made_by, here)
    return None


def put_right(catalog: Catalog) -> None:
    """Write what is known of these models; a space of one that nobody knows goes, and its files are read again."""
    known = _known()
    with catalog.begin() as writer:
        for space in [one for one in space_rows(writer) if not _is_right(one, known)]:
            card = _right_card(space, known)
            if card is None:
                delete_space(writer, space)
            else:
                write_card(writer, space, card)


def _known() -> dict[str, ModelCard]:
    """The models that can be listed, by fingerprint."""
    from anyseek.embedders import registry

    return {card.fingerprint: card for card in registry.cards()}


def _is_right(space: SpaceRow, known: dict[str, ModelCard]) -> bool:
    card = space.card
    if card is None or not space.has_counts:
        return False
    if (card.fingerprint, card.dim) != (space.fingerprint, space.dim):
        return False
    listed = known.get(card.fingerprint)
    if listed is None or ":" in card.name:  # a member of a family has a name of its own
        return True
    return (listed.name, listed.dim, listed.modalities) == (card.name, card.dim, card.modalities)


def _right_card(space: SpaceRow, known: dict[str, ModelCard]) -> ModelCard | None:
    """What the record said, of all that says so still; None where nothing does."""
    from anyseek.embedders import registry

    card = space.card
    fingerprints = [space.fingerprint, *([card.fingerprint] if card else [])]
    for fingerprint in fingerprints:
        if fingerprint in known:
            return known[fingerprint]
    for name in _NAME.findall(space.text):
        with suppress(AnyseekError):
            named = registry.entry(name).card
            if named.fingerprint in fingerprints:
                return named
    is_one = card is not None and space.fingerprint == card.fingerprint
    return card if is_one else None
