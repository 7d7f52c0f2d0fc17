"""Records of the catalog about itself: frozen dataclasses, standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anyseek.contracts import FileState, Modality, ModelCard, Report
from anyseek.errors import OtherModel


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """One model's vectors in this index.

    rows: vectors written in this generation, deleted ones included; row r lies at byte r * dim * 2.
    live: how many of them a search may return.
    """

    space_id: int
    card: ModelCard
    generation: int
    rows: int
    live: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One indexing run. Times in Unix seconds; `ended` and `report` are None while it runs, and for good
    when it was killed."""

    run_id: int
    command: str
    started: float
    ended: float | None
    report: Report | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much an index holds. The counts by modality are of what a search can find: missing files are included.

    Files without media, which are stored only so that no run opens them again, do not count.
    """

    files_by_state: dict[FileState, int]
    files_by_modality: dict[Modality, int]
    segments_by_modality: dict[Modality, int]
    problems_by_code: dict[str, int]


def other_model(folder: Path, made_by: ModelCard, here: ModelCard) -> OtherModel:
    """The refusal to compare vectors of two models."""
    if made_by.name == here.name:
        return OtherModel(
            f"The index in {folder} was made by another version of the model {here.name} ({made_by.fingerprint}): "
            f"the one here ({here.fingerprint}) gives other vectors, and the two do not compare.",
            f"To make its vectors again (tags stay): anyseek reindex --model {here.name}",
        )
    return OtherModel(
        f"The index in {folder} was made by the model {made_by.name} ({made_by.fingerprint}), "
        f"and this is {here.name} ({here.fingerprint}).",
        f"To move it to this model: anyseek reindex --model {here.name}",
    )
