"""Records of models in an index that are not what was written: found and put right by what is known of models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseek.catalog import codec
from anyseek.catalog.check import Finding
from anyseek.errors import AnyseekError, IndexDamaged, MissingExtra
from anyseek.jsonable import to_json

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.database import Database
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import ModelCard

MODEL_DAMAGED = "model-damaged"

_NAME = re.compile(r'"name":\s*"([^"\\]+)"')
_COLUMNS = "space_id, CAST(fingerprint AS BLOB), dim, CAST(card AS BLOB), generation, rows, live"


@dataclass(frozen=True, slots=True)
class _Space:
    """A row of the table as it is, texts decoded as far as they can be."""

    number: int
    fingerprint: str
    dim: Any
    text: str
    counts: tuple[Any, ...]

    @property
    def card(self) -> ModelCard | None:
        """None for one that cannot be read."""
        try:
            return codec.card(self.text)
        except (IndexDamaged, MissingExtra):
            return None

    @property
    def has_counts(self) -> bool:
        return all(isinstance(count, int) and count >= 0 for count in self.counts)


def models(snapshot: Snapshot) -> Iterator[Finding]:
    """The check of doctor."""
    known = _known()
    damaged = [one for one in _spaces(snapshot.database) if not _is_right(one, known)]
    lost = [one for one in damaged if _right_card(one, known) is None]
    if lost and any(_is_of_missing_package(one) for one in lost):
        return  # who reads the spaces says so
    if damaged:
        message = f"Models whose record is not what was stored: {len(damaged)}."
        remedy = "write it again, as it is known"
        if lost:
            remedy = "have its files read again: name the model, anyseek index --model NAME"
        yield Finding(MODEL_DAMAGED, message, len(damaged), True, remedy)


def put_right(catalog: Catalog) -> None:
    """Write what is known of these models; a space of one that nobody knows goes, and its files are read again."""
    known = _known()
    with catalog.begin() as writer:
        for space in [one for one in _spaces(writer.database) if not _is_right(one, known)]:
            card = _right_card(space, known)
            if card is None:
                writer.database.run("DELETE FROM spaces WHERE space_id = ?", [space.number])
            else:
                _write(writer.database, space, card)


def _write(database: Database, space: _Space, card: ModelCard) -> None:
    database.run(
        "DELETE FROM spaces WHERE fingerprint = ? AND space_id != ? AND rows = 0",
        [card.fingerprint, space.number],
    )
    database.run(
        "UPDATE OR IGNORE spaces SET fingerprint = ?, dim = ?, card = ? WHERE space_id = ?",
        [card.fingerprint, card.dim, to_json(card), space.number],
    )
    if not space.has_counts:
        generations = [
            int(generation)
            for path in (database.folder / "vectors").glob(f"{space.number}.*.f16")
            if (generation := path.name.split(".")[1]).isdecimal()
        ]
        database.run(
            "UPDATE spaces SET generation = ?1, live = 0, rows ="
            " (SELECT coalesce(max(row) + 1, 0) FROM embeddings WHERE space_id = ?2) WHERE space_id = ?2",
            [max(generations, default=0), space.number],
        )


def _spaces(database: Database) -> list[_Space]:
    rows = database.all(f"SELECT {_COLUMNS} FROM spaces ORDER BY space_id")
    return [
        _Space(
            number,
            fingerprint.decode("utf-8", "replace"),
            dim,
            text.decode("utf-8", "replace"),
            tuple(counts),
        )
        for number, fingerprint, dim, text, *counts in rows
    ]


def _known() -> dict[str, ModelCard]:
    """The models that can be listed, by fingerprint."""
    from anyseek.embedders import registry

    return {card.fingerprint: card for card in registry.cards()}


def _is_right(space: _Space, known: dict[str, ModelCard]) -> bool:
    card = space.card
    if card is None or not space.has_counts:
        return False
    if (card.fingerprint, card.dim) != (space.fingerprint, space.dim):
        return False
    listed = known.get(card.fingerprint)
    if listed is None or ":" in card.name:  # a member of a family has a name of its own
        return True
    return (listed.name, listed.dim, listed.modalities) == (card.name, card.dim, card.modalities)


def _right_card(space: _Space, known: dict[str, ModelCard]) -> ModelCard | None:
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


def _is_of_missing_package(space: _Space) -> bool:
    try:
        codec.card(space.text)
    except MissingExtra:
        return True
    except IndexDamaged:
        pass
    return False
