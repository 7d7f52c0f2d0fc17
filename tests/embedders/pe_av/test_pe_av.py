"""PE-AV as people would have it on disk: the real format, small and random, opened as pe-av:FOLDER.

timm, which holds its picture tower, needs a torchvision that loads; where there is none these tests are skipped.
"""

# ruff: noqa: TID253 - these libraries are what the tests are about

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torchvision", exc_type=ImportError)
pytest.importorskip("timm", exc_type=ImportError)
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    PeAudioFeatureExtractor,
    PeAudioVideoConfig,
    PeAudioVideoModel,
    PeAudioVideoProcessor,
    PeVideoVideoProcessor,
    PreTrainedTokenizerFast,
)

from anyseek.contracts import Embedder, Modality
from anyseek.embedders import registry
from anyseek.errors import ModelNotFound

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own

TEXTS = ["a dog runs on the beach", "the sea at night", "rain on a roof", "two cats and a red car"]
SIDE = 32
TEXT = {
    "model_type": "modernbert",
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "cls_token_id": 1,
    "sep_token_id": 2,
}
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "head_dim": 16,
}
SOUND = {
    **TOWER,
    "model_type": "pe_audio_encoder",
    "dac_config": {"encoder_hidden_size": 4, "codebook_dim": 8},
}
SIGHT = {
    **TOWER,
    "model_type": "pe_video_encoder",
    "vision_config": {
        "model_type": "timm_wrapper",
        "architecture": "vit_pe_core_tiny_patch16_384",
        "model_args": {"img_size": SIDE, "embed_dim": 32, "depth": 1, "num_heads": 2},
        "num_classes": 32,
        "do_pooling": True,
        "global_pool": "map",
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and its processor, saved as on the hub."""
    where = tmp_path_factory.mktemp("pe-av")
    torch.manual_seed(0)
    both = {**TOWER, "model_type": "pe_audio_video_encoder", "audio_config": SOUND, "video_config": SIGHT}
    model = PeAudioVideoModel(PeAudioVideoConfig(text_config=TEXT, audio_video_config=both))
    with torch.no_grad():
        for weights in model.parameters():  # far enough from zero that heads differ
            weights.add_(0.02 * torch.randn_like(weights))
    model.save_pretrained(where)
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=special))
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    size = {"height": SIDE, "width": SIDE}
    frames = PeVideoVideoProcessor(
        size=size,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        do_resize=True,
        do_normalize=True,
        do_rescale=True,
    )
    PeAudioVideoProcessor(PeAudioFeatureExtractor(), frames, words).save_pretrained(where)
    return where


@pytest.fixture(scope="module")
def ours(folder: Path) -> Embedder:
    return registry.load(f"pe-av:{folder}")


@pytest.fixture(scope="module")
def theirs(folder: Path) -> tuple[Any, Any]:
    return PeAudioVideoModel.from_pretrained(folder).eval(), PeAudioVideoProcessor.from_pretrained(folder)


def sounds() -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.5, 0.5, n).astype(np.float32) for n in (48_000, 30_001, 9_600)]


def films(n: int) -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (n, SIDE, SIDE, 3), np.uint8) for _ in range(2)]


def unit(rows: torch.Tensor) -> Any:
    return torch.nn.functional.normalize(rows, dim=-1).numpy()


def rows(model: Embedder, modality: Modality, data: list[Any], **how: Any) -> Any:
    prepare = model.preparer(modality)
    return model.embed(modality, [prepare(one) for one in data], **how)


def test_every_tower_gives_what_the_librarys_own_forward_pass_gives(
    ours: Embedder, theirs: tuple[Any, Any]
) -> None:
    model, processor = theirs
    # One length, in whole steps: the library itself gives a filled-up sound another vector (by 2e-4).
    heard, seen = [sounds()[0], sounds()[0][:46_500][::-1]], films(4)
    ready = processor(
        audio=heard, videos=seen, text=TEXTS[:2], sampling_rate=48_000, padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        all_of_it = model(**ready)
    close = {"rtol": 0, "atol": 2e-5}
    np.testing.assert_allclose(rows(ours, Modality.AUDIO, heard), unit(all_of_it.audio_embeds), **close)
    np.testing.assert_allclose(rows(ours, Modality.VIDEO, seen), unit(all_of_it.video_embeds), **close)
    heads = {
        Modality.AUDIO: all_of_it.text_audio_embeds,
        Modality.VIDEO: all_of_it.text_video_embeds,
        Modality.IMAGE: all_of_it.text_video_embeds,
        Modality.TEXT: all_of_it.text_audio_video_embeds,
    }
    for target, expected in heads.items():
        found = rows(ours, Modality.TEXT, TEXTS[:2], role="query", target=target)
        np.testing.assert_allclose(found, unit(expected), **close)
    np.testing.assert_allclose(
        rows(ours, Modality.TEXT, TEXTS[:2]), unit(all_of_it.text_audio_video_embeds), **close
    )


def test_a_picture_is_a_film_of_one_frame(ours: Embedder) -> None:
    frame = films(1)[0]
    np.testing.assert_array_equal(rows(ours, Modality.IMAGE, [frame[0]]), rows(ours, Modality.VIDEO, [frame]))


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.AUDIO, Modality.VIDEO])
def test_company_changes_no_vector(ours: Embedder, modality: Modality) -> None:
    many: dict[Modality, list[Any]] = {
        Modality.TEXT: TEXTS,
        Modality.AUDIO: sounds(),
        Modality.VIDEO: [films(4)[0], films(2)[0]],
    }
    together = rows(ours, modality, many[modality])
    alone = np.concatenate([rows(ours, modality, [one]) for one in many[modality]])
    np.testing.assert_allclose(together, alone, rtol=0, atol=2e-5)


def test_what_prepares_travels_to_a_process_without_torch(ours: Embedder) -> None:
    for modality in ours.card.modalities:
        prepare = ours.preparer(modality)
        assert pickle.loads(pickle.dumps(prepare)).hint == prepare.hint
    script = "import sys, pickle; pickle.loads(sys.stdin.buffer.read()); print('torch' in sys.modules)"
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    told = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(ours.preparer(Modality.VIDEO)),
        capture_output=True,
        check=True,
        env=clean,
    )
    assert told.stdout.strip() == b"False"


@pytest.mark.thorough
def test_a_folder_is_indexed_and_searched_with_it(folder: Path, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / "note.txt").write_text("the sea at night")
    (media / "other.txt").write_text("two cats")

    def anyseek(*arguments: str) -> str:
        command = [sys.executable, "-m", "anyseek.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=media, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    anyseek("index", ".", "--model", f"pe-av:{folder}")
    assert "note.txt" in anyseek("search", "the sea at night", "-k", "1", "--vectors-only")


def test_a_folder_without_a_model_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="is not a PE-AV model"):
        registry.entry(f"pe-av:{tmp_path}")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelNotFound, match="can be read"):
        registry.load(f"pe-av:{tmp_path}")
