"""ImageBind at work: towers opened when they are first needed, batches by modality, unit vectors out."""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from anyseek.contracts import Modality, ModelCard, Preparer, Role
from anyseek.embedders.imagebind import choose
from anyseek.embedders.imagebind.checkpoint import Checkpoint
from anyseek.embedders.imagebind.config import TOWERS
from anyseek.embedders.imagebind.matrices import Precision
from anyseek.embedders.imagebind.prepare_image import PrepareDepth, PrepareImage, PrepareThermal
from anyseek.embedders.imagebind.prepare_motion import PrepareMotion
from anyseek.embedders.imagebind.prepare_sound import PrepareSound
from anyseek.embedders.imagebind.prepare_video import PrepareVideo
from anyseek.embedders.imagebind.tokenizer import PrepareText
from anyseek.embedders.imagebind.towers import Tower
from anyseek.embedders.support import not_supported

if TYPE_CHECKING:
    from anyseek.contracts import Floats

PREPARERS: Mapping[Modality, Preparer] = {
    Modality.TEXT: PrepareText(),
    Modality.IMAGE: PrepareImage(),
    Modality.AUDIO: PrepareSound(),
    Modality.DEPTH: PrepareDepth(),
    Modality.THERMAL: PrepareThermal(),
    Modality.IMU: PrepareMotion(),
    Modality.VIDEO: PrepareVideo(),
}

# Items a batch on a CPU: enough to fill the caches of the matrix products, little enough for the memory of a laptop.
BATCH: Mapping[Modality, int] = {
    Modality.TEXT: 32,
    Modality.IMAGE: 8,
    Modality.AUDIO: 4,
    Modality.DEPTH: 16,
    Modality.THERMAL: 8,
    Modality.IMU: 16,
    Modality.VIDEO: 1,
}
GPU_FACTOR = 16


class ImageBindEmbedder:
    """The Embedder of a checkpoint. precision: None to measure which is fastest here, tower by tower."""

    def __init__(self, checkpoint: Checkpoint, card: ModelCard, precision: Precision | None = None) -> None:
        self._checkpoint, self._card, self._precision = checkpoint, card, precision
        self._towers: dict[str, Tower] = {}
        self._device = choose.device()

    @property
    def card(self) -> ModelCard:
        """Name, fingerprint, dimension, modalities, licence."""
        return self._card

    def choices(self, modality: Modality) -> dict[str, str]:
        """The precision and the device of a tower, measured to be fastest here."""
        self.preparer(modality)
        return {"precision": self._tower(TOWERS[modality]).precision, "device": self._device}

    def preparer(self, modality: Modality) -> Preparer:
        """Raises ModalityNotSupported."""
        if modality not in PREPARERS:
            raise not_supported(self._card, modality)
        return PREPARERS[modality]

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """Unit rows (len(prepared), dim) float32, in order. `role` and `target` make no difference to this model.

        An item of several clips (sounds, videos) is the mean of their vectors, brought to unit length.
        """
        self.preparer(modality)
        tower = self._tower(TOWERS[modality])
        rows = np.empty((len(prepared), self._card.dim), np.float32)
        size = BATCH[modality] * (GPU_FACTOR if self._device == "cuda" else 1)
        for part in _batches(modality, prepared, size):
            x = torch.from_numpy(np.stack([prepared[i] for i in part])).to(self._device)
            has_clips = modality in (Modality.AUDIO, Modality.VIDEO)
            out = tower.clips(x) if has_clips else tower(x)
            rows[part] = functional.normalize(out, dim=1).cpu().numpy()
        return rows

    def logit_scale(self, modality: Modality) -> float:
        """The product of both towers' own scales (Girdhar et al. 2023: a learned one for texts, fixed ones else)."""
        self.preparer(modality)
        return self._tower(TOWERS[modality]).scale * self._tower("text").scale

    def _tower(self, name: str) -> Tower:
        if name not in self._towers:
            precision = self._precision or choose.fastest(self._checkpoint.config.towers[name].width)
            self._towers[name] = self._checkpoint.tower(name, precision, self._device)
        return self._towers[name]


def _batches(modality: Modality, prepared: Sequence[Any], size: int) -> list[list[int]]:
    """Places of the items of each batch; texts of like length together, since a batch is as long as its longest."""
    order = list(range(len(prepared)))
    if modality is Modality.TEXT:
        order.sort(key=lambda i: int(np.argmax(prepared[i])))
    return [order[start : start + size] for start in range(0, len(order), size)]
