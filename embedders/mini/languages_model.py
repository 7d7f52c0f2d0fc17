"""`mini-languages` at work: `mini`, with texts that pass through a body of a hundred languages."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.contracts import Modality, ModelCard, Preparer, Role
from anyseek.embedders.mini import e5, towers
from anyseek.embedders.mini.model import MiniEmbedder, run
from anyseek.embedders.mini.prepare_languages import PrepareLanguages

if TYPE_CHECKING:
    from anyseek.contracts import Floats


class LanguagesEmbedder(MiniEmbedder):
    """The Embedder; safe to share between threads."""

    def __init__(self, card: ModelCard) -> None:
        """Raises MissingExtra."""
        super().__init__(card, towers.HEADS)
        e5.weights()
        self._body: e5.E5Body | None = None
        self._loading = threading.Lock()

    def preparer(self, modality: Modality) -> Preparer:
        """Raises ModalityNotSupported."""
        own = super().preparer(modality)
        return PrepareLanguages() if modality is Modality.TEXT else own

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """Unit rows (len(prepared), dim) float32, in order. `role` and `target` make no difference to this model."""
        if modality is not Modality.TEXT:
            return super().embed(modality, prepared, role=role, target=target)
        rows = np.empty((len(prepared), self.card.dim), np.float32)
        tower = self._tower(modality)
        body = self._text_body()

        def fill(part: list[int]) -> None:  # of one text: sums of a batch come out a little differently
            rows[part] = run(tower, body.vector(prepared[part[0]])[None], 1)

        self._each(fill, [[i] for i in range(len(prepared))])
        return rows

    def _text_body(self) -> e5.E5Body:
        with self._loading:
            if self._body is None:
                self._body = e5.E5Body()
            return self._body

    def _files(self, modality: Modality) -> Sequence[Path]:
        return towers.languages_files(modality)
