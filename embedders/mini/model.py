"""`mini` at work: ONNX Runtime sessions for the body and the head of each modality, opened when first needed."""

from __future__ import annotations

import itertools
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
    from concurrent.futures import ThreadPoolExecutor

    from anyseek.contracts import Floats

BATCH = 8
"""Items that a core is given at once. More are no faster: texts of more unlike lengths are filled up, and fewer cores
have something to do."""
# Pictures pass the body one by one: more at once are no faster on a core, and each takes 25 MB.
ONE_BY_ONE = {Modality.IMAGE}


class MiniEmbedder:
    """The Embedder of the built-in model; safe to share between threads."""

    def __init__(self, card: ModelCard, heads: Path) -> None:
        self._card = card
        self._heads = heads
        self._towers: dict[Modality, list[onnxruntime.InferenceSession]] = {}
        self._cores = len(os.sched_getaffinity(0))
        self._threads: ThreadPoolExecutor | None = None
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

        def fill(part: list[int]) -> None:
            batch = _stacked([prepared[i] for i in part])
            rows[part] = run(tower, batch, 1 if modality in ONE_BY_ONE else len(part))

        self._each(fill, _parts(modality, prepared))
        return rows

    def _each(self, fill: Callable[[list[int]], None], parts: Sequence[list[int]]) -> None:
        """A part on each core: two cores that share one small picture wait for each other after every layer."""
        if min(len(parts), self._cores) < 2:
            for part in parts:
                fill(part)
            return
        from concurrent.futures import ThreadPoolExecutor  # not for one query: it takes time to import

        with self._opening:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._cores, "mini")
        for _ in self._threads.map(fill, parts):
            pass

    def _tower(self, modality: Modality) -> list[onnxruntime.InferenceSession]:
        tower = self._towers.get(modality)
        if tower is not None:
            return tower
        with self._opening:  # by one thread: a tower takes time and memory
            if modality not in self._towers:
                self._towers[modality] = [_session(path) for path in self._files(modality)]
            return self._towers[modality]

    def _files(self, modality: Modality) -> Sequence[Path]:
        return towers.files(self._heads, modality)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(tower: Sequence[onnxruntime.InferenceSession], batch: Any, at_once: int) -> Floats:
    """A batch through body (`at_once` items a call) and head; a head takes what its body returns, by name."""
    body = tower[0]
    name = body.get_inputs()[0].name
    calls = [body.run(None, {name: batch[i : i + at_once]}) for i in range(0, len(batch), at_once)]
    outputs = [np.concatenate(parts) for parts in zip(*calls, strict=True)]
    for before, session in itertools.pairwise(tower):
        names = [output.name for output in before.get_outputs()]
        outputs = session.run(None, dict(zip(names, outputs, strict=True)))
    (vectors,) = outputs
    return vectors


def _parts(modality: Modality, prepared: Sequence[Any]) -> list[list[int]]:
    """Places of the items of each batch: items of like length together, texts of nearly like length."""
    length: Callable[[int], int] = lambda i: len(prepared[i])  # noqa: E731
    order = sorted(range(len(prepared)), key=length)
    parts: list[list[int]] = []
    for i in order:
        last = parts[-1] if parts else []
        fits = last and len(last) < BATCH
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
