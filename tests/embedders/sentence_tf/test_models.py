"""CLIP, CLAP and SigLIP as people would have them on disk: real formats, small and random, opened as st:FOLDER."""

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

pytest.importorskip("sentence_transformers")
import torch
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
)

from anyseek.contracts import Modality
from anyseek.embedders import registry
from anyseek.errors import DownloadFailed, ModalityNotSupported, ModelNotFound

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own

TEXTS = [
    "a dog runs on the beach",
    "the sea at night",
    "two cats",
    "rain",
    "a red car in the street by the sea",
]
SHAPE = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}


def words(longest: int, **more: Any) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=special))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=longest,
        **more,
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    text = {**SHAPE, "num_attention_heads": 2, "max_position_embeddings": 32}
    vision = {**SHAPE, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    del vision["vocab_size"]
    text |= {"eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).save_pretrained(folder)
    image = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(image_processor=image, tokenizer=words(32)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clap")
    torch.manual_seed(0)
    text = {**SHAPE, "num_attention_heads": 2, "max_position_embeddings": 64}
    audio = {
        "spec_size": 64,
        "num_mel_bins": 16,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "patch_embeds_hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "hidden_size": 32,
        "window_size": 4,
        "num_hidden_layers": 2,
        "enable_fusion": False,
    }
    ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=24)).save_pretrained(folder)
    hears = ClapFeatureExtractor(
        feature_size=16, sampling_rate=48000, max_length_s=2, hop_length=1500, truncation="rand_trunc"
    )
    ClapProcessor(feature_extractor=hears, tokenizer=words(32)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("siglip")
    torch.manual_seed(0)
    text = {**SHAPE, "num_attention_heads": 2, "max_position_embeddings": 64, "projection_size": 32}
    text |= {"eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
    vision = {**SHAPE, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    del vision["vocab_size"]
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    image = SiglipImageProcessor(size={"height": 32, "width": 32})
    # As published, SigLIP's tokenizer gives no mask: what a text is filled up with was part of the training.
    tokenizer = words(64, model_input_names=["input_ids"])
    SiglipProcessor(image_processor=image, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def rows(name: str, modality: Modality, *data: Any, **how: Any) -> Any:
    model = registry.load(name)
    prepare = model.preparer(modality)
    return model.embed(modality, [prepare(one) for one in data], **how)


def test_clip_maps_pictures_and_words_as_transformers_does(clip: Path) -> None:
    name = f"st:{clip}"
    card = registry.entry(name).card
    assert (card.modalities, card.dim) == ((Modality.TEXT, Modality.IMAGE), 24)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    ours = rows(name, Modality.IMAGE, pixels)
    assert ours.dtype == np.float32
    assert abs(np.linalg.norm(ours, axis=1) - 1).max() < 1e-6
    model, processor = CLIPModel.from_pretrained(clip).eval(), CLIPProcessor.from_pretrained(clip)
    with torch.no_grad():
        theirs = model.get_image_features(**processor(images=[pixels], return_tensors="pt")).pooler_output
        said = model.get_text_features(**processor(text=["two cats"], return_tensors="pt")).pooler_output
    assert float(ours[0] @ (theirs[0] / theirs[0].norm()).numpy()) > 0.99999
    assert float(rows(name, Modality.TEXT, "two cats")[0] @ (said[0] / said[0].norm()).numpy()) > 0.99999


def test_vectors_can_be_cut_to_their_first_numbers(clip: Path) -> None:
    whole, cut = rows(f"st:{clip}", Modality.TEXT, *TEXTS), rows(f"st:{clip}@8", Modality.TEXT, *TEXTS)
    first = whole[:, :8] / np.linalg.norm(whole[:, :8], axis=1, keepdims=True)
    assert abs(first - cut).max() < 1e-6
    card = registry.entry(f"st:{clip}@8").card
    assert (card.dim, card.name) == (8, f"st:{clip}@8")
    assert card.fingerprint != registry.entry(f"st:{clip}").card.fingerprint
    with pytest.raises(ModelNotFound, match="24 numbers"):
        registry.entry(f"st:{clip}@25")


def test_a_batch_changes_no_vector(clip: Path) -> None:
    together = rows(f"st:{clip}", Modality.TEXT, *TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        assert float(rows(f"st:{clip}", Modality.TEXT, text)[0] @ row) > 0.99999


def test_siglips_texts_are_filled_up_as_in_its_training(siglip: Path) -> None:
    """It reads its last position: filled up to the longest of a batch, each text's vector would be another."""
    together = rows(f"st:{siglip}", Modality.TEXT, *TEXTS)
    filled = words(64)(TEXTS, padding="max_length", max_length=64, return_tensors="pt")
    with torch.no_grad():
        said = (
            SiglipModel.from_pretrained(siglip)
            .eval()
            .get_text_features(input_ids=filled["input_ids"])
            .pooler_output
        )
    theirs = torch.nn.functional.normalize(said, dim=1).numpy()
    assert (together * theirs).sum(1).min() > 0.99999
    assert abs(rows(f"st:{siglip}", Modality.TEXT, TEXTS[0])[0] - together[0]).max() < 1e-5


def test_words_that_are_a_path_or_an_address_are_words(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library would open the one and fetch the other."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (32, 32), (255, 0, 0)).save("dog.png")
    before = rows(f"st:{clip}", Modality.TEXT, "dog.png", "http://127.0.0.1:9/dog.png")
    (tmp_path / "dog.png").unlink()
    assert (before == rows(f"st:{clip}", Modality.TEXT, "dog.png", "http://127.0.0.1:9/dog.png")).all()


def test_clap_hears_at_its_own_rate_and_gives_the_same_vector_twice(clap: Path) -> None:
    name = f"st:{clap}"
    model = registry.load(name)
    assert model.card.modalities == (Modality.TEXT, Modality.AUDIO)
    hint = model.preparer(Modality.AUDIO).hint
    assert (hint.rate_hz, hint.window_s) == (48_000, 2.0)
    sound = np.random.default_rng(1).normal(0, 0.1, 96_000).astype(np.float32)
    first, second = rows(name, Modality.AUDIO, sound), rows(name, Modality.AUDIO, sound)
    assert (first == second).all()
    short = rows(name, Modality.AUDIO, sound[:10], np.full(100, np.nan, np.float32))
    assert np.isfinite(short).all()
    with pytest.raises(ModalityNotSupported, match="image"):
        model.preparer(Modality.IMAGE)


def test_the_fingerprint_is_the_weights(clip: Path, clap: Path, tmp_path: Path) -> None:
    import shutil

    moved = Path(shutil.copytree(clip, tmp_path / "elsewhere"))
    same = registry.entry(f"st:{clip}").card.fingerprint
    assert registry.entry(f"st:{moved}").card.fingerprint == same
    assert registry.entry(f"st:{clap}").card.fingerprint != same
    model = CLIPModel.from_pretrained(moved)
    with torch.no_grad():
        model.logit_scale += 1
    model.save_pretrained(moved)
    assert registry.entry(f"st:{moved}").card.fingerprint != same


def test_what_prepares_travels_to_a_process_without_torch(clip: Path) -> None:
    model = registry.load(f"st:{clip}")
    for modality in model.card.modalities:
        made = pickle.dumps(model.preparer(modality))
        code = "import pickle, sys; pickle.load(sys.stdin.buffer); sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], input=made, check=False).returncode == 0


@pytest.mark.thorough
def test_what_is_no_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFound, match="empty"):
        registry.entry(f"st:{tmp_path / 'empty'}")
    with pytest.raises(ModelNotFound, match="does not name a model"):
        registry.entry("st:")
    code = (
        "from anyseek.embedders import registry\n"
        "try:\n    registry.entry('st:nobody/nothing')\n"
        "except Exception as error:\n    print(type(error).__name__)"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.strip() == DownloadFailed.__name__


@pytest.mark.thorough
def test_a_folder_is_indexed_and_searched_with_it(clip: Path, tmp_path: Path) -> None:
    """By the command, in processes of its own; sounds, which it does not know, are counted and named."""
    import json

    import sample_files

    for colour in ("red", "blue"):
        sample_files.picture(tmp_path / f"{colour}.png", colour)
    sample_files.sound(tmp_path / "red.wav", "red", seconds=1)

    def anyseek(*arguments: str) -> str:
        command = [str(Path(sys.executable).with_name("anyseek")), *arguments]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (run.returncode, "Traceback" in run.stderr) == (0, False), run.stderr
        return run.stdout

    indexed = anyseek("index", ".", "--model", f"st:{clip}", "--workers", "1")
    assert "no-tower 1" in indexed
    hits = [json.loads(line) for line in anyseek("search", "--image", "red.png", "--json").splitlines()]
    assert next(hit for hit in hits if hit["type"] == "hit")["path"].endswith("red.png")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge")
    torch.manual_seed(0)
    config = BertConfig(**SHAPE, num_attention_heads=2, max_position_embeddings=64, num_labels=1)
    BertForSequenceClassification(config).save_pretrained(folder)
    words(64, sep_token="</s>", cls_token="<s>").save_pretrained(folder)
    return folder


def test_a_cross_encoder_reads_query_and_text_together(judge: Path) -> None:
    reranker = registry.reranker(f"st:{judge}")
    assert reranker.modalities == (Modality.TEXT,)
    found = reranker.scores("a dog", Modality.TEXT, TEXTS)
    assert found.dtype == np.float32
    expected = CrossEncoder(str(judge)).predict([("a dog", text) for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(ModelNotFound, match="no reranker"):
        registry.reranker("mini")


@pytest.mark.thorough
def test_a_search_is_reranked_from_the_command_line(judge: Path, tmp_path: Path) -> None:
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number}.txt").write_text(text)

    def anyseek(*arguments: str) -> str:
        command = [sys.executable, "-m", "anyseek.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    anyseek("index", ".")
    found = anyseek("search", "a dog", "--paths", "--to", "text", "--rerank", f"st:{judge}").split()
    scores = registry.reranker(f"st:{judge}").scores("a dog", Modality.TEXT, TEXTS)
    assert [Path(one).stem for one in found] == [str(i) for i in np.argsort(-scores)]
