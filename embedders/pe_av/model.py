"""PE-AV at work. Text has one head for each kind of thing that it is compared with, so a query of words is another
vector for each target."""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoTokenizer, PeAudioVideoModel

from anyseek.contracts import DecodeHint, Modality, ModelCard, Preparer, Role
from anyseek.embedders.pe_av.prepare import RATE_HZ, WINDOW_S, PrepareFrames
from anyseek.embedders.plain import PrepareSound, PrepareText
from anyseek.embedders.support import not_supported

if TYPE_CHECKING:
    from anyseek.contracts import Floats

HOP = 1920  # samples of one step of the sound tower: 40 ms
SIDE = 336
MOST_TOKENS = 512
BATCH = {Modality.TEXT: 32, Modality.AUDIO: 8, Modality.IMAGE: 8, Modality.VIDEO: 2}


class PeAvEmbedder:
    """The Embedder of a PE-AV model in `folder`. Raises what transformers raises for a folder without one."""

    query_heads = frozenset({Modality.TEXT})
    """See contracts.HasTargets."""

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self._card = card
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = PeAudioVideoModel.from_pretrained(folder, local_files_only=True)
        self._model = model.eval().to(self._device)
        sound = DecodeHint(rate_hz=RATE_HZ, window_s=WINDOW_S, hop_s=WINDOW_S)
        frames = PrepareFrames(_side(folder))
        self._preparers: dict[Modality, Preparer] = {
            Modality.TEXT: PrepareText(DecodeHint(passage_chars=1200)),
            Modality.IMAGE: frames,
            Modality.AUDIO: PrepareSound(sound),
            Modality.VIDEO: frames,
        }

    @property
    def card(self) -> ModelCard:
        """Name, fingerprint, dimension, modalities, licence."""
        return self._card

    def preparer(self, modality: Modality) -> Preparer:
        """Raises ModalityNotSupported."""
        if modality not in self._preparers:
            raise not_supported(self._card, modality)
        return self._preparers[modality]

    def logit_scale(self, modality: Modality) -> float:
        """What the model was trained with, for texts beside `modality`."""
        at = {
            Modality.AUDIO: self._model.audio_model.text_audio_logit_scale,
            Modality.TEXT: self._model.text_audio_video_logit_scale,
        }
        return float(at.get(modality, self._model.video_model.text_video_logit_scale).detach())

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """Unit rows (len(prepared), dim) float32, in order.

        A query of text passes through the head of its target: sound, pictures and videos, or (of texts, and of no
        target) both together, which is also the head of texts that are documents.
        """
        self.preparer(modality)
        if not prepared:
            return np.empty((0, self._card.dim), np.float32)
        n = BATCH[modality]
        parts = []
        with torch.inference_mode():
            for i in range(0, len(prepared), n):
                batch = prepared[i : i + n]
                if modality is Modality.TEXT:
                    vectors = self._texts(batch, target if role == "query" else None)
                elif modality is Modality.AUDIO:
                    vectors = self._sounds(batch)
                else:
                    vectors = self._frames(batch)
                parts.append(torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy())
        rows: Floats = np.concatenate(parts)
        return rows

    def _texts(self, texts: Sequence[str], target: Modality | None) -> torch.Tensor:
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
        ).to(self._device)
        states = self._model.text_model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        if target is Modality.AUDIO:
            head = self._model.audio_model.text_audio_head
        elif target in (Modality.IMAGE, Modality.VIDEO):
            head = self._model.video_model.text_video_head
        else:
            head = self._model.text_audio_video_head
        vectors: torch.Tensor = head(states.last_hidden_state[:, 0])
        return vectors

    def _sounds(self, sounds: Sequence[Floats]) -> torch.Tensor:
        # To whole steps by reflection, as the model's own extractor does. Only sounds of one length go together: what
        # a shorter one is filled up with reaches it through the convolutions, whatever the mask says.
        whole = [np.pad(one, (0, -len(one) % HOP), "reflect") for one in sounds]
        vectors = torch.empty(len(whole), self._card.dim)
        for length in {len(one) for one in whole}:
            at = [i for i, one in enumerate(whole) if len(one) == length]
            values = torch.from_numpy(np.stack([whole[i] for i in at])[:, None])
            vectors[at] = self._model.get_audio_embeds(values.to(self._device)).float().cpu()
        return vectors

    def _frames(self, videos: Sequence[Any]) -> torch.Tensor:
        longest = max(map(len, videos))
        frames = np.zeros((len(videos), longest, *videos[0].shape[1:]), np.float32)
        mask = np.zeros((len(videos), longest), np.int64)
        for i, video in enumerate(videos):
            frames[i, : len(video)] = video.astype(np.float32) / 127.5 - 1  # mean and deviation 0.5
            mask[i, : len(video)] = 1
        hidden = None if mask.all() else torch.from_numpy(mask).to(self._device)
        tower = self._model.video_model
        seen = tower.video_encoder(
            pixel_values_videos=torch.from_numpy(frames).to(self._device), padding_mask_videos=hidden
        )
        vectors: torch.Tensor = tower.video_head(seen.pooler_output)
        return vectors


def _side(folder: Path) -> int:
    """The side in pixels that the model's own processor says."""
    for name, inside in (
        ("processor_config.json", "video_processor"),
        ("video_preprocessor_config.json", None),
    ):
        if (folder / name).is_file():
            settings = json.loads((folder / name).read_text("utf-8"))
            size = (settings.get(inside, {}) if inside else settings).get("size", {})
            if "height" in size:
                return int(size["height"])
    return SIDE
