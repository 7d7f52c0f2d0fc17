"""A small embedder with a meaning that a reader can check by hand, for tests of the rooms around the models.

Three concepts have an axis each, and every modality can express them:

    axis 0   the word "red"     a red picture     a low sound (below 500 Hz)     a near surface (below 2 m)
    axis 1   the word "green"   a green picture   a middle sound                 a middle distance
    axis 2   the word "blue"    a blue picture    a high sound (above 2 kHz)     a far surface (above 6 m)

Any other word has an axis of its own among the remaining ones, chosen by a checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.contracts import DecodeHint, Modality, ModelCard, Preparer, Role
from anyseek.errors import ModalityNotSupported

if TYPE_CHECKING:
    from anyseek.contracts import Floats

DIM = 32
CONCEPTS = ("red", "green", "blue")
RATE_HZ = 8_000


@dataclass(frozen=True)
class TextPreparer:
    hint: DecodeHint = DecodeHint()

    def __call__(self, data: Any) -> Any:
        return str(data)


@dataclass(frozen=True)
class ImagePreparer:
    hint: DecodeHint = DecodeHint(min_side=8)

    def __call__(self, data: Any) -> Any:
        return np.asarray(data, np.float32).mean(axis=(0, 1)) / 255


@dataclass(frozen=True)
class AudioPreparer:
    hint: DecodeHint = DecodeHint(rate_hz=RATE_HZ)

    def __call__(self, data: Any) -> Any:
        power = np.abs(np.fft.rfft(np.asarray(data, np.float32))) ** 2
        hz = np.fft.rfftfreq(len(data), 1 / RATE_HZ)
        return np.array(
            [power[hz < 500].sum(), power[(hz >= 500) & (hz <= 2000)].sum(), power[hz > 2000].sum()]
        )


@dataclass(frozen=True)
class DepthPreparer:
    hint: DecodeHint = DecodeHint()

    def __call__(self, data: Any) -> Any:
        metres = np.asarray(data, np.float32)
        known = metres[np.isfinite(metres)]
        return np.array(
            [(known < 2).sum(), ((known >= 2) & (known <= 6)).sum(), (known > 6).sum()], np.float32
        )


_PREPARERS: dict[Modality, Preparer] = {
    Modality.TEXT: TextPreparer(),
    Modality.IMAGE: ImagePreparer(),
    Modality.AUDIO: AudioPreparer(),
    Modality.DEPTH: DepthPreparer(),
}


def words_vector(text: str) -> Floats:
    """One row, (DIM,) float32, not normalised: a count per word's axis."""
    row = np.zeros(DIM, np.float32)
    for word in text.lower().split():
        word = word.strip(".,;:!?\"'()")
        axis = CONCEPTS.index(word) if word in CONCEPTS else 3 + zlib.crc32(word.encode()) % (DIM - 3)
        row[axis] += 1
    return row


@dataclass
class WordEmbedder:
    """Counts what it embedded, by modality, and raises what `fail(modality, item)` returns."""

    name: str = "words"
    modalities: tuple[Modality, ...] = tuple(_PREPARERS)
    version: str = "1"
    fail: Callable[[Modality, Any], Exception | None] = lambda modality, item: None
    embedded: dict[Modality, int] = field(default_factory=dict)

    @property
    def card(self) -> ModelCard:
        return ModelCard(
            name=self.name,
            fingerprint=f"{self.name}-{self.version}",
            dim=DIM,
            modalities=self.modalities,
            licence="Apache-2.0",
            commercial_use="yes",
            size_bytes=0,
            source="tests",
        )

    def preparer(self, modality: Modality) -> Preparer:
        if modality not in self.modalities:
            raise ModalityNotSupported(
                f"The model {self.name} has no tower for {modality}.", "Use another model."
            )
        return _PREPARERS[modality]

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        self.preparer(modality)
        rows = np.zeros((len(prepared), DIM), np.float32)
        for row, item in zip(rows, prepared, strict=True):
            if error := self.fail(modality, item):
                raise error
            row[:] = words_vector(item) if modality is Modality.TEXT else 0
            if modality is not Modality.TEXT:
                row[:3] = item
            row += 1e-3  # no zero vectors: silence and emptiness point the same way, weakly
            row /= np.linalg.norm(row)
        self.embedded[modality] = self.embedded.get(modality, 0) + len(prepared)
        return rows
