"""What `mini` is, without loading it: its card is a small file beside the weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.contracts import Embedder, Modality, ModelCard
from anyseek.errors import ModelNotFound

if TYPE_CHECKING:
    from anyseek.embedders.registry import Entry

WEIGHTS = Path(__file__).with_name("weights")


def read_card() -> ModelCard:
    """The card that was written when the weights were shipped. Raises ModelNotFound if it is not there."""
    path = WEIGHTS / "card.json"
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelNotFound("The weights of `mini` are not installed.", "Install Anyseek again.") from None
    return ModelCard(
        name=row["name"],
        fingerprint=row["fingerprint"],
        dim=row["dim"],
        modalities=tuple(Modality(name) for name in row["modalities"]),
        licence=row["licence"],
        commercial_use=row["commercial_use"],
        size_bytes=row["size_bytes"],
        source=row["source"],
    )


def entry() -> Entry:
    """For the registry."""
    from anyseek.embedders.registry import Entry

    card = read_card()

    def load() -> Embedder:
        from anyseek.embedders.mini.model import MiniEmbedder

        return MiniEmbedder(card, WEIGHTS)

    return Entry(card, load)
