"""A sentence-transformers model at work. Every input is passed with its modality: the library guesses at
bare strings, opens those that are paths and fetches those that are addresses."""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from sentence_transformers import SentenceTransformer
from transformers.utils import logging

from anyseek.contracts import DecodeHint, Modality, ModelCard, Preparer, Role
from anyseek.embedders.fingerprint import digest, fingerprint
from anyseek.embedders.plain import PrepareSound, PrepareText
from anyseek.embedders.sentence_tf.prepare import FRAMES, WINDOW_S, PrepareImage, PrepareVideo
from anyseek.embedders.support import not_supported
from anyseek.errors import ModelNotFound

if TYPE_CHECKING:
    from anyseek.contracts import Floats

REVISION = 1  # of our preparation: a change that moves vectors raises it
SUPPORTED = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.VIDEO)
BATCH: Mapping[Modality, int] = {Modality.TEXT: 64, Modality.IMAGE: 16, Modality.AUDIO: 8, Modality.VIDEO: 1}
# SigLIP was trained with texts filled up to 64 tokens and reads its last position: any other length is another vector.
FILLED_UP = {"text": {"padding": "max_length", "max_length": 64, "truncation": True}}
# Frames are chosen by the decoder: the library's own choice would take some of them away.
ALL_FRAMES = {"video": {"do_sample_frames": False}}
# Seconds that a model hears where it does not say: more would be cut away in silence.
LONGEST_S = 30.0
# A passage has as many characters as the model has tokens for, four each, and no more than this.
MOST_CHARS = 1200


class SentenceEmbedder:
    """The Embedder of `st:NAME`. Raises OSError where the model cannot be had, ModelNotFound where it cannot be
    used."""

    def __init__(
        self, name: str, place: str, licence: str, commercial_use: str, dim: int | None = None
    ) -> None:
        path = Path(place)
        with _no_bars():
            self._model = SentenceTransformer(str(path) if path.is_dir() else place, truncate_dim=dim)
        modalities = tuple(one for one in SUPPORTED if str(one) in self._model.modalities)
        if not modalities:
            raise ModelNotFound(
                f"{name} supports neither text, images, audio nor video.", "Choose another: anyseek models"
            )
        config = getattr(getattr(self._model[0], "auto_model", None), "config", None)
        self._kind = str(getattr(config, "model_type", ""))
        self._preparers = self._new_preparers(modalities)
        probe = self._encoded(modalities[0], [self._probe(modalities[0])], "document")
        if dim and probe.shape[1] != dim:
            raise ModelNotFound(
                f"{place} gives {probe.shape[1]} numbers a vector, not {dim}.",
                "Ask for fewer, or leave @DIM out.",
            )
        size = sum(one.numel() * one.element_size() for one in self._model.parameters())
        self._card = ModelCard(
            name=name,
            fingerprint=fingerprint("st", [REVISION, _identity(self._model, path, place), probe.shape[1]]),
            dim=int(probe.shape[1]),
            modalities=modalities,
            licence=licence,
            commercial_use=cast(Literal["yes", "no", "check"], commercial_use),
            size_bytes=int(size),
            source=place,
        )

    @property
    def card(self) -> ModelCard:
        """Name, fingerprint, dimension, modalities, licence."""
        return self._card

    def preparer(self, modality: Modality) -> Preparer:
        """Raises ModalityNotSupported."""
        if modality not in self._preparers:
            raise not_supported(self._card, modality)
        return self._preparers[modality]

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """Unit rows (len(prepared), dim) float32, in order. `role` chooses between the model's prompts.

        `target` makes no difference.
        """
        self.preparer(modality)
        if not prepared:
            return np.empty((0, self._card.dim), np.float32)
        return self._encoded(modality, prepared, role)

    def _new_preparers(self, modalities: tuple[Modality, ...]) -> dict[Modality, Preparer]:
        made: dict[Modality, Preparer] = {}
        if Modality.TEXT in modalities:
            tokens = self._model.max_seq_length or 512
            made[Modality.TEXT] = PrepareText(DecodeHint(passage_chars=min(MOST_CHARS, 4 * int(tokens))))
        if Modality.IMAGE in modalities:
            made[Modality.IMAGE] = PrepareImage()
        if Modality.AUDIO in modalities:
            window = self._window_s()
            made[Modality.AUDIO] = PrepareSound(
                DecodeHint(rate_hz=self._rate_hz(), window_s=window, hop_s=window)
            )
        if Modality.VIDEO in modalities:
            made[Modality.VIDEO] = PrepareVideo()
        return made

    def _rate_hz(self) -> int:
        """What the model's own processor says it wants."""
        return int(getattr(self._feature_extractor(), "sampling_rate", None) or 16_000)

    def _window_s(self) -> float:
        """How much it takes at once: of more, CLAP's processor would take a piece at random."""
        samples = getattr(self._feature_extractor(), "nb_max_samples", None)
        return min(LONGEST_S, samples / self._rate_hz()) if samples else LONGEST_S

    def _feature_extractor(self) -> Any:
        processor = getattr(self._model[0], "processor", None)
        return getattr(processor, "feature_extractor", processor)

    def _probe(self, modality: Modality) -> Any:
        if modality is Modality.TEXT:
            return "a"
        if modality is Modality.IMAGE:
            return np.zeros((32, 32, 3), np.uint8)
        return (
            np.zeros(16_000, np.float32) if modality is Modality.AUDIO else np.zeros((2, 3, 32, 32), np.uint8)
        )

    def _encoded(self, modality: Modality, items: Sequence[Any], role: Role) -> Floats:
        encode = self._model.encode_query if role == "query" else self._model.encode_document
        more: dict[str, Any] = {}
        if modality is Modality.TEXT and self._kind.startswith("siglip"):
            more["processing_kwargs"] = FILLED_UP
        if modality is Modality.VIDEO:
            more["processing_kwargs"] = ALL_FRAMES
        encoded = encode(
            [self._as_input(modality, item) for item in items],
            batch_size=BATCH[modality],
            show_progress_bar=False,
            convert_to_numpy=True,
            **more,
        )
        rows = np.asarray(encoded, np.float32).reshape(len(items), -1)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(length).all() or (length == 0).any():
            raise ModelNotFound(
                "The model returns vectors that are not numbers (NaN), or nothing but zeros.",
                "Some models cannot be run in half precision; try another.",
            )
        unit: Floats = rows / length
        return unit

    def _as_input(self, modality: Modality, item: Any) -> dict[str, Any]:
        if modality is Modality.TEXT:
            return {"text": item}
        if modality is Modality.IMAGE:
            from PIL import Image

            return {"image": Image.fromarray(item)}
        if modality is Modality.VIDEO:
            about = {
                "fps": FRAMES / WINDOW_S,
                "total_num_frames": len(item),
                "frames_indices": [*range(len(item))],
            }
            return {"video": {"array": item, "video_metadata": about}}
        return {"audio": {"array": item, "sampling_rate": self._rate_hz()}}


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without the progress bars that transformers draws while it loads."""
    were_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_shown:
            logging.enable_progress_bar()


def _identity(model: SentenceTransformer, path: Path, place: str) -> str:
    """What changes when the weights do: of a folder its weight files, of a hub model the commit it was taken from."""
    if path.is_dir():
        files = sorted(one for pattern in ("*.safetensors", "*.bin") for one in path.rglob(pattern))
        return " ".join(f"{one.relative_to(path)}={digest(one)}" for one in files)
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return f"{place}@{getattr(config, '_commit_hash', None)}"
