"""The rows of the models as they are, damaged or not: read without trust, and written again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseek.catalog import codec
from anyseek.catalog.codec import LARGEST, is_number
from anyseek.contracts import Modality
from anyseek.errors import IndexDamaged, MissingExtra
from anyseek.jsonable import parsed, to_json

if TYPE_CHECKING:
    from pathlib import Path

    from anyseek.catalog.snapshot import Snapshot
    from anyseek.catalog.writer import Writer
    from anyseek.contracts import ModelCard

_COLUMNS = "space_id, CAST(fingerprint AS BLOB), dim, CAST(card AS BLOB), generation, rows, live"


@dataclass(frozen=True, slots=True)
class SpaceRow:
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
        """Whether generation, rows and live are numbers of something."""
        return all(map(is_number, self.counts))

    @property
    def unknown_modalities(self) -> list[str]:
        """Those that nobody declares."""
        try:
            names = parsed(self.text)["modalities"]
            return [name for name in names if isinstance(name, str) and name not in _known()]
        except (ValueError, TypeError, KeyError):
            return []


def space_rows(source: Snapshot | Writer) -> list[SpaceRow]:
    """All of them, by their numbers."""
    rows = source.database.all(f"SELECT {_COLUMNS} FROM spaces ORDER BY space_id")
    return [
        SpaceRow(
            number,
            fingerprint.decode("utf-8", "replace"),
            dim,
            text.decode("utf-8", "replace"),
            tuple(counts),
        )
        for number, fingerprint, dim, text, *counts in rows
    ]


def is_of_missing_package(source: Snapshot | Writer, row: SpaceRow) -> bool:
    """Whether a model has a modality whose package is gone. One that no segment has, and that is a letter from a
    known one, is damage."""
    return any(
        _has_segments(source, name) or not any(_is_a_letter_from(name, known) for known in _known())
        for name in row.unknown_modalities
    )


ROWS_OF_SEGMENTS = (
    "(SELECT coalesce(max(row) + 1, 0) FROM embeddings WHERE space_id = {} AND row BETWEEN 0 AND"
    f" {LARGEST - 1})"
)
"""SQL: how many rows a space has at least, by its segments. With {} for its number."""


def last_generation(folder: Path, number: int) -> int:
    """The last generation of a space of which there is a vector file, 0 for none."""
    names = (path.name.split(".")[1] for path in (folder / "vectors").glob(f"{number}.*.f16"))
    generations = [int(name) for name in names if name.isascii() and name.isdecimal()]
    return max(filter(is_number, generations), default=0)


def _known() -> list[str]:
    return [str(modality) for modality in Modality]


def _has_segments(source: Snapshot | Writer, modality: str) -> bool:
    return source.database.first("SELECT 1 FROM segments WHERE modality = ? LIMIT 1", [modality]) is not None


def _is_a_letter_from(name: str, other: str) -> bool:
    return len(name) == len(other) and sum(map(str.__ne__, name, other)) == 1


def delete_space(writer: Writer, row: SpaceRow) -> None:
    """A space of a model that nobody knows: its files are read again."""
    writer.database.run("DELETE FROM spaces WHERE space_id = ?", [row.number])


def write_card(writer: Writer, row: SpaceRow, card: ModelCard) -> None:
    """Write what the row should say; its counts are counted again where they are none."""
    database = writer.database
    database.run(
        "DELETE FROM spaces WHERE fingerprint = ? AND space_id != ? AND rows = 0",
        [card.fingerprint, row.number],
    )
    database.run(
        "UPDATE OR IGNORE spaces SET fingerprint = ?, dim = ?, card = ? WHERE space_id = ?",
        [card.fingerprint, card.dim, to_json(card), row.number],
    )
    if not row.has_counts:
        database.run(
            "UPDATE spaces SET generation = ?1, live = 0, rows ="
            f" {ROWS_OF_SEGMENTS.format('?2')} WHERE space_id = ?2",
            [last_generation(database.folder, row.number), row.number],
        )
