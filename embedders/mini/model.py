"""`mini` at work: ONNX Runtime sessions for the body and the head of each modality, opened when first needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from anyseek.contracts import Modality, ModelCard, Preparer, Role
from anyseek.embedders.mini import preparers, towers
from anyseek.embedders.support import not_supported

if TYPE_CHECKING:
    from anyseek.contracts import Floats

# 32 pictures at once would take 850 MB.
BATCH = {Modality.TEXT: 32, Modality.IMAGE: 4, Modality.AUDIO: 8, Modality.DEPTH: 32}


class MiniEmbedder:
    """The Embedder of the built-in model; safe to share between threads."""

    def __init__(self, card: ModelCard, heads: Path) -> None:
        self._card = card
        self._heads = heads
        self._towers: dict[Modality, list[onnxruntime.InferenceSession]] = {}
        self._opening = threading.Lock()

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
        tower = self._tower(modality)
        for part in _parts(modality, prepared):
            rows[part] = _run(tower, _stacked([prepared[i] for i in part]))
        return rows

    def _tower(self, modality: Modality) -> list[onnxruntime.InferenceSession]:
        tower = self._towers.get(modality)
        if tower is not None:
            return tower
        with self._opening:  # by one thread: a tower takes time and memory
            if modality not in self._towers:
                self._towers[modality] = [_session(path) for path in towers.files(self._heads, modality)]
            return self._towers[modality]


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between calls would steal time from the workers that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(tower: Sequence[onnxruntime.InferenceSession], batch: Any) -> Floats:
    """A batch through body and head: the outputs of one are the inputs of the next, by name. The last has one."""
    feed = {tower[0].get_inputs()[0].name: batch}
    for session in tower:
        names = [output.name for output in session.get_outputs()]
        feed = dict(zip(names, session.run(names, feed), strict=True))
    (rows,) = feed.values()
    vectors: Floats = rows
    return vectors


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
