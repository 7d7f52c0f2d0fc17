"""The one answer of every model to a modality that it does not support."""

from __future__ import annotations

from anyseek.contracts import Modality, ModelCard
from anyseek.errors import ModalityNotSupported


def not_supported(card: ModelCard, modality: Modality) -> ModalityNotSupported:
    """The error to raise, naming what the model does support."""
    return ModalityNotSupported(
        f"The model {card.name} does not support {modality}.", f"It supports {', '.join(card.modalities)}."
    )
