"""Zero-shot classification: which of some labels a file shows, sounds like or says, without an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseek import modalities
from anyseek.contracts import Embedder, HasLogitScale, Modality
from anyseek.errors import ModalityNotSupported, UsageError
from anyseek.search.embedding import main_modality, mean_direction, query_vector
from anyseek.search.query import QueryPart
from anyseek.search.query_reader import QueryReader

if TYPE_CHECKING:
    from anyseek.contracts import Floats

SCALE = 20.0
"""For models that do not say what theirs is: between CLIP's first (14.3) and its last (100)."""


@dataclass(frozen=True, slots=True)
class Classified:
    """A file and the probability of each label, likeliest first; they add up to 1."""

    path: str
    modality: Modality
    scores: tuple[tuple[str, float], ...]


class Classifier:
    """Some labels, as one model understands them. Close it.

    templates: sentences with `{}` where the label goes; () for the prompts of each modality, see modalities.py.
    Raises UsageError for labels that are missing, empty or twice there and for a template without `{}`,
    ModalityNotSupported for a model that does not support text.
    """

    def __init__(self, embedder: Embedder, labels: Sequence[str], templates: Sequence[str] = ()) -> None:
        self.labels = [" ".join(label.split()) for label in labels]
        if len(self.labels) < 2 or not all(self.labels):
            raise UsageError(
                "Fewer than two labels leave nothing to choose.", 'As in: --labels "a dog,a cat"'
            )
        twice = [label for label in self.labels if self.labels.count(label) > 1]
        if twice:
            raise UsageError(f"The label {twice[0]!r} is there twice.", "Give each label once.")
        for template in templates:
            if template.count("{}") != 1:
                raise UsageError(
                    f"The template {template!r} has no single {{}}.", 'As in: --template "a photo of {}"'
                )
        if Modality.TEXT not in embedder.card.modalities:
            raise ModalityNotSupported(
                f"The model {embedder.card.name} does not support text.", "Choose another: anyseek models"
            )
        self._embedder, self._templates = embedder, tuple(templates)
        self._reader = QueryReader(embedder)
        self._vectors: dict[Modality, Floats] = {}

    def classify(self, path: str) -> Classified:
        """softmax(scale x cosine) over the labels. Raises QueryFileError, ModalityNotSupported.

        A file of several segments counts as the mean of their vectors.
        """
        parts = self._reader.read([QueryPart("file", path, None)])
        modality = main_modality(parts)
        cosines = self._label_vectors(modality) @ query_vector(parts, self._embedder)
        logits = self._scale(modality) * cosines.astype(np.float64)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")
        return Classified(path, modality, tuple((self.labels[i], float(shares[i])) for i in order))

    def close(self) -> None:
        """End the decoding process; safe to call twice."""
        self._reader.close()

    def _scale(self, modality: Modality) -> float:
        known = isinstance(self._embedder, HasLogitScale)
        return self._embedder.logit_scale(modality) if known else SCALE  # type: ignore[attr-defined]

    def _label_vectors(self, modality: Modality) -> Floats:
        """A unit row a label, (labels, dim) float32, made once for each modality."""
        if modality not in self._vectors:
            templates = self._templates or modalities.info(modality).prompts
            prepare = self._embedder.preparer(Modality.TEXT)
            texts = [prepare(one.replace("{}", label)) for label in self.labels for one in templates]
            rows = self._embedder.embed(Modality.TEXT, texts, role="query", target=modality)
            grouped = rows.reshape(len(self.labels), len(templates), -1)
            self._vectors[modality] = np.stack([mean_direction(group) for group in grouped])
        return self._vectors[modality]
