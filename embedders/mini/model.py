"""`mini` at work: one ONNX Runtime session for each modality, opened when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from anyseek.contracts import Modality, ModelCard, Preparer, Role
from anyseek.embedders.mini import preparers
from anyseek.embedders.support import not_supported

if TYPE_CHECKING:
    from anyseek.contracts import Floats

BATCH = {Modality.TEXT: 32, Modality.IMAGE: 32, Modality.AUDIO: 8, Modality.DEPTH: 32}


class MiniEmbedder:
    """The Embedder of the built-in model; safe to share between threads."""

    def __init__(self, card: ModelCard, weights: Path) -> None:
        self._card = card
        self._weights = weights
        self._sessions: dict[Modality, onnxruntime.InferenceSession] = {}

    @property
    def card(self) -> ModelCard:
        """Name, fingerprint, dimension, modalities, licence."""
        return self._card

    def preparer(self, modality: Modality) -> Preparer:
        """Raises ModalityNotSupported."""
        if modality not in self._card.modalities:
            raise not_supported(self._card, modality)
        return preparers.of(modality)

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """Unit rows (len(prepared), dim) float32, in order. `role` and `target` make no difference to this model."""
        self.preparer(modality)
        rows = np.empty((len(prepared), self._card.dim), np.float32)
        session = self._session(modality)
        name = session.get_inputs()[0].name
        for part in _parts(modality, prepared):
            batch = _stacked([prepared[i] for i in part])
            rows[part] = session.run(None, {name: batch})[0]
        return rows

    def _session(self, modality: Modality) -> onnxruntime.InferenceSession:
        session = self._sessions.get(modality)
        if session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = len(os.sched_getaffinity(0))
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            # Threads that spin between calls would steal time from the workers that decode.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            path = str(self._weights / f"{modality}.onnx")
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            self._sessions[modality] = session
        return session


def _parts(modality: Modality, prepared: Sequence[Any]) -> list[list[int]]:
    """Places of the items of each batch: items of like length together, texts of nearly like length."""
    length: Callable[[int], int] = lambda i: len(prepared[i])  # noqa: E731
    order = sorted(range(len(prepared)), key=length)
    parts: list[list[int]] = []
    for i in order:
        last = parts[-1] if parts else []
        fits = last and len(last) < BATCH[modality]
        if fits and (modality is Modality.TEXT or length(last[0]) == length(i)):
            last.append(i)
        else:
            parts.append([i])
    return parts


def _stacked(items: Sequence[Any]) -> Any:
    """One array of the items; shorter rows of tokens are filled up with 0, the padding token."""
    longest = max(len(item) for item in items)
    if all(len(item) == longest for item in items):
        return np.stack(items)
    out = np.zeros((len(items), longest), items[0].dtype)
    for row, item in zip(out, items, strict=True):
        row[: len(item)] = item
    return out
