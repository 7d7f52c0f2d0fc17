"""A sentence-transformers cross-encoder at work: it reads a query and a document together, which costs more and tells
more than two vectors."""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sentence_transformers import CrossEncoder

from anyseek.contracts import DecodeHint, Modality, Preparer
from anyseek.embedders.plain import PrepareText
from anyseek.embedders.sentence_tf.prepare import PrepareImage
from anyseek.errors import ModelNotFound

if TYPE_CHECKING:
    from anyseek.contracts import Floats

BATCH = 16


class CrossReranker:
    """The Reranker of `st:NAME`. Raises OSError where it cannot be had, ModelNotFound where it cannot be used."""

    def __init__(self, place: str) -> None:
        self._model = CrossEncoder(place)
        candidates: dict[Modality, Preparer] = {
            Modality.TEXT: PrepareText(DecodeHint()),
            Modality.IMAGE: PrepareImage(),
        }
        self._preparers = {kind: one for kind, one in candidates.items() if self._model.supports(str(kind))}
        if Modality.TEXT not in self._preparers:
            raise ModelNotFound(f"{place} does not support text.", "Choose a cross-encoder that does.")
        if self._model.num_labels != 1:
            raise ModelNotFound(
                f"{place} sorts into {self._model.num_labels} classes; it does not rank.",
                "Choose a reranker.",
            )

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What it can judge."""
        return tuple(self._preparers)

    def preparer(self, modality: Modality) -> Preparer:
        """Of one of `modalities`."""
        return self._preparers[modality]

    def scores(self, words: str, modality: Modality, prepared: Sequence[Any]) -> Floats:
        """How well each item answers the words, (len(prepared),) float32, on the model's own scale."""
        # A model of texts alone takes nothing in them for a path or an address; any other one needs the modality.
        is_plain = self.modalities == (Modality.TEXT,)
        query: Any = words if is_plain else {"text": words}
        pairs = [(query, item if is_plain else _as_input(modality, item)) for item in prepared]
        scores = self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
        return np.asarray(scores, np.float32).reshape(len(prepared))


def _as_input(modality: Modality, item: Any) -> dict[str, Any]:
    if modality is Modality.TEXT:
        return {"text": item}
    from PIL import Image

    return {"image": Image.fromarray(item)}
