"""Qwen3-VL-Embedding as people would have it on disk: text, images and video in one model, small and random.

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
from transformers import PreTrainedTokenizerFast, Qwen3VLConfig, Qwen3VLModel, Qwen3VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

from anyseek.contracts import Embedder, Modality
from anyseek.embedders import registry
from anyseek.errors import ModalityNotSupported

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own

DIM = 32
SPECIAL = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
TEXT = {
    "hidden_size": DIM,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 4096,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 10_000.0,
        "mrope_section": [4, 2, 2],
        "mrope_interleaved": True,
    },
}
VISION = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 2,
    "out_hidden_size": DIM,
    "num_position_embeddings": 64,
    "deepstack_visual_indexes": [0],
}
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }} {% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}{% else %}"
    "{{ '<|vision_start|><|' + c['type'] + '_pad|><|vision_end|>' }}{% endif %}{% endfor %}{% endif %}"
    " <|im_end|> {% endfor %}"
)
PROMPTS = {"query": "find what is asked for", "document": "represent what is given"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model in the format of sentence-transformers, its last token taken, as the published ones are."""
    where = tmp_path_factory.mktemp("qwen")
    words = Tokenizer(models.BPE(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    known = ["<pad>", "<unk>", "<|im_start|>", "<|im_end|>", *SPECIAL]
    texts = ["a dog on the beach", "the sea", *PROMPTS.values(), "system user 0123456789 . < > seconds"]
    words.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=300, special_tokens=known))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=known[2:],
        model_max_length=2048,
        padding_side="left",
    )
    ids = dict(zip(IDS, tokenizer.convert_tokens_to_ids(SPECIAL), strict=True))
    torch.manual_seed(0)
    config = Qwen3VLConfig(text_config=TEXT | {"vocab_size": 320}, vision_config=VISION, **ids)
    Qwen3VLModel(config).save_pretrained(where / "plain")
    small = {"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    Qwen3VLProcessor(
        Qwen2VLImageProcessorPil(patch_size=16, size=small),
        tokenizer,
        Qwen3VLVideoProcessor(size=small),
        chat_template=CHAT,
    ).save_pretrained(where / "plain")
    modules = [Transformer(str(where / "plain")), Pooling(DIM, "lasttoken"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu", prompts=PROMPTS).save(str(where / "whole"))
    return where / "whole"


@pytest.fixture(scope="module")
def model(folder: Path) -> Embedder:
    return registry.load(f"st:{folder}")


def media() -> dict[Modality, list[Any]]:
    rng = np.random.default_rng(0)
    return {
        Modality.TEXT: ["a dog on the beach", "the sea"],
        Modality.IMAGE: [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(2)],
        Modality.VIDEO: [rng.integers(0, 256, (10, 48, 64, 3), np.uint8) for _ in range(2)],
    }


def test_its_three_modalities_give_what_the_library_gives(model: Embedder, folder: Path) -> None:
    assert set(model.card.modalities) == set(media())
    with pytest.raises(ModalityNotSupported):
        model.preparer(Modality.AUDIO)
    theirs = SentenceTransformer(str(folder), device="cpu")
    films = media()[Modality.VIDEO][0].transpose(0, 3, 1, 2)
    about = {"fps": 1.0, "total_num_frames": 10, "frames_indices": list(range(10))}
    expected = {
        Modality.TEXT: theirs.encode_document({"text": "a dog on the beach"}),
        Modality.IMAGE: theirs.encode_document({"image": Image.fromarray(media()[Modality.IMAGE][0])}),
        Modality.VIDEO: theirs.encode_document(
            {"video": {"array": films, "video_metadata": about}},
            processing_kwargs={"video": {"do_sample_frames": False}},
        ),
    }
    for modality, one in expected.items():
        (row,) = model.embed(modality, [model.preparer(modality)(media()[modality][0])])
        np.testing.assert_allclose(row, one, atol=2e-6)


def test_a_query_is_asked_with_the_prompt_of_queries(model: Embedder, folder: Path) -> None:
    theirs = SentenceTransformer(str(folder), device="cpu")
    (asked,) = model.embed(Modality.TEXT, ["the sea"], role="query")
    (held,) = model.embed(Modality.TEXT, ["the sea"])
    np.testing.assert_allclose(asked, theirs.encode_query({"text": "the sea"}), atol=2e-6)
    assert np.abs(asked - held).max() > 1e-3


@pytest.mark.parametrize("modality", list(media()))
def test_company_changes_no_vector(model: Embedder, modality: Modality) -> None:
    prepare = model.preparer(modality)
    items = [prepare(one) for one in media()[modality]]
    together = model.embed(modality, items)
    alone = np.concatenate([model.embed(modality, [one]) for one in items])
    np.testing.assert_allclose(together, alone, atol=2e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-4
