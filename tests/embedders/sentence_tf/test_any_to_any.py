"""EmbeddingGemma 2 as people would have it on disk: text, images, audio and video in one model, small and random.

Its processor needs a torchvision that loads; where there is none these tests are skipped.
"""

# ruff: noqa: TID253 - these libraries are what the tests are about

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sentence_transformers")
pytest.importorskip("torchvision", exc_type=ImportError)
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    EmbeddingGemma2Config,
    EmbeddingGemma2Model,
    EmbeddingGemma2Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.embedding_gemma2.video_processing_embedding_gemma2 import (
    EmbeddingGemma2VideoProcessor,
)
from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil

from anyseek.contracts import Embedder, Modality
from anyseek.embedders import registry

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own

DIM = 24
SPECIAL = {
    "image_token": "<|image|>",
    "boi_token": "<boi>",
    "eoi_token": "<eoi>",
    "video_token": "<|video|>",
    "audio_token": "<|audio|>",
    "boa_token": "<boa>",
    "eoa_token": "<eoa>",
}
TEXT = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "global_head_dim": 16,
    "num_global_key_value_heads": 1,
    "hidden_size_per_layer_input": 8,
    "embedding_dim": DIM,
    "max_position_embeddings": 4096,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "position_embedding_size": 1024,
}
AUDIO = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "subsampling_conv_channels": [128, 4],
    "output_proj_dims": 32,
}
# A message's parts one after the other, each medium as its token.
CHAT = (
    "{% for m in messages %}{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }}{% else %}{{ '<|' + c['type'] + '|>' }}{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model in the format of sentence-transformers."""
    where = tmp_path_factory.mktemp("gemma")
    words = Tokenizer(models.BPE(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    known = ["<pad>", "<eos>", "<bos>", "<unk>", *SPECIAL.values()]
    words.train_from_iterator(
        ["a dog on the beach", "the sea"], trainers.BpeTrainer(vocab_size=300, special_tokens=known)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        extra_special_tokens=SPECIAL,
        model_max_length=2048,
    )
    names = {name: "eoa_token_index" if name == "eoa_token" else f"{name}_id" for name in SPECIAL}
    ids = {names[name]: tokenizer.convert_tokens_to_ids(token) for name, token in SPECIAL.items()}
    torch.manual_seed(0)
    config = EmbeddingGemma2Config(text_config=TEXT, vision_config=VISION, audio_config=AUDIO, **ids)
    EmbeddingGemma2Model(config).save_pretrained(where / "plain")
    EmbeddingGemma2Processor(
        Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessorPil(max_soft_tokens=70),
        tokenizer,
        EmbeddingGemma2VideoProcessor(max_soft_tokens=70),
        chat_template=CHAT,
    ).save_pretrained(where / "plain")
    whole = SentenceTransformer(
        modules=[Transformer(str(where / "plain")), Pooling(DIM, "mean"), Normalize()], device="cpu"
    )
    whole.save(str(where / "whole"))
    return where / "whole"


@pytest.fixture(scope="module")
def model(folder: Path) -> Embedder:
    return registry.load(f"st:{folder}")


def media() -> dict[Modality, list[Any]]:
    rng = np.random.default_rng(0)
    return {
        Modality.TEXT: ["a dog on the beach", "the sea"],
        Modality.IMAGE: [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(2)],
        Modality.AUDIO: [rng.uniform(-0.5, 0.5, n).astype(np.float32) for n in (16_000, 24_000)],
        Modality.VIDEO: [rng.integers(0, 256, (10, 48, 64, 3), np.uint8) for _ in range(2)],
    }


def test_all_four_modalities_are_there_and_give_what_the_library_gives(model: Embedder, folder: Path) -> None:
    assert set(model.card.modalities) == set(media())
    theirs = SentenceTransformer(str(folder), device="cpu")
    pixels = media()[Modality.IMAGE][0]
    films = media()[Modality.VIDEO][0].transpose(0, 3, 1, 2)
    about = {"fps": 1.0, "total_num_frames": 10, "frames_indices": list(range(10))}
    expected = {
        Modality.TEXT: theirs.encode_document({"text": "a dog on the beach"}),
        Modality.IMAGE: theirs.encode_document({"image": Image.fromarray(pixels)}),
        Modality.AUDIO: theirs.encode_document(
            {"audio": {"array": media()[Modality.AUDIO][0], "sampling_rate": 16_000}}
        ),
        Modality.VIDEO: theirs.encode_document(
            {"video": {"array": films, "video_metadata": about}},
            processing_kwargs={"video": {"do_sample_frames": False}},
        ),
    }
    for modality, one in expected.items():
        prepare = model.preparer(modality)
        (row,) = model.embed(modality, [prepare(media()[modality][0])])
        np.testing.assert_allclose(row, one, atol=2e-6)


@pytest.mark.parametrize("modality", list(media()))
def test_company_changes_no_vector(model: Embedder, modality: Modality) -> None:
    prepare = model.preparer(modality)
    items = [prepare(one) for one in media()[modality]]
    together = model.embed(modality, items)
    alone = np.concatenate([model.embed(modality, [one]) for one in items])
    np.testing.assert_allclose(together, alone, atol=2e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-4
