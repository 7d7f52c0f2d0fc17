"""`onnx:NAME` against sentence-transformers itself: the same folder, its transformer written as ONNX beside it."""

# ruff: noqa: TID253 - what these models are made with

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("sentence_transformers")
pytest.importorskip("onnxscript")
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from anyseek.contracts import Modality
from anyseek.embedders import registry
from anyseek.errors import ModalityNotSupported, ModelNotFound

pytestmark = pytest.mark.filterwarnings("ignore")
TEXTS = ["", "a dog", "The SEA at night, and a boat; " * 30, "stars", "birds over house number seven"]
ALL = "a dog the sea at night and boat ; , stars birds over house number seven search for passage : -".split()


class Inner(torch.nn.Module):
    """A transformer as it is exported: three inputs by name, one output."""

    def __init__(self, model: BertModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """(n, t) -> (n, t, width)."""
        found: torch.Tensor = self.model(input_ids, attention_mask, token_type_ids).last_hidden_state
        return found


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with its words, and the same as model.onnx."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ALL])}
    tokens = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    tokens.normalizer = normalizers.Lowercase()
    tokens.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokens.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokens, model_max_length=24, **special).save_pretrained(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    model = BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=24, **shape)).eval()
    model.save_pretrained(folder)
    ids = torch.randint(4, 20, (2, 7))
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    torch.onnx.export(
        Inner(model),
        (ids, mask, torch.zeros_like(ids)),
        folder / "model.onnx",
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=["last_hidden_state"],
        dynamic_shapes=[free, free, free],
        external_data=False,
        dynamo=True,
    )
    return folder


def saved(
    place: Path, inner: Path, modules: list[torch.nn.Module], prompts: dict[str, str] | None = None
) -> Path:
    """A folder as on the hub: the tiny BERT, these modules after it, and onnx/model.onnx."""
    SentenceTransformer(modules=[Transformer(str(inner)), *modules], prompts=prompts).save(str(place))
    (place / "onnx").mkdir()
    shutil.copyfile(inner / "model.onnx", place / "onnx" / "model.onnx")
    return place


def both(place: Path, role: str, name: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Rows of TEXTS, ours and the library's."""
    ours = registry.load(f"onnx:{place}{name}")
    prepare = ours.preparer(Modality.TEXT)
    found = ours.embed(Modality.TEXT, [prepare(text) for text in TEXTS], role=role)  # type: ignore[arg-type]
    theirs = SentenceTransformer(str(place))
    encode = theirs.encode_query if role == "query" else theirs.encode_document
    rows = encode([text.strip() for text in TEXTS], normalize_embeddings=True)
    return found, np.asarray(rows)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["mean", "cls", "max", "lasttoken"])
def test_rows_are_those_of_the_library(tmp_path: Path, inner: Path, mode: str) -> None:
    place = saved(tmp_path, inner, [Pooling(32, pooling_mode=mode), Normalize()])
    ours, theirs = both(place, "document")
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_prompts_and_a_dense_layer_are_those_of_the_library(tmp_path: Path, inner: Path) -> None:
    torch.manual_seed(1)
    prompts = {"query": "search for : ", "document": "passage : "}
    place = saved(tmp_path, inner, [Pooling(32), Dense(32, 12), Normalize()], prompts)
    for role in ("query", "document"):
        ours, theirs = both(place, role)
        assert ours.shape == (len(TEXTS), 12)
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    shorter, _ = both(place, "query", "@8")
    whole, _ = both(place, "query")
    cut = whole[:, :8] / np.linalg.norm(whole[:, :8], axis=1, keepdims=True)
    np.testing.assert_allclose(shorter, cut, atol=1e-6)


def test_it_is_a_model_of_its_own_that_never_loads_torch(tmp_path: Path, inner: Path) -> None:
    place = saved(tmp_path, inner, [Pooling(32)])
    card = registry.entry(f"onnx:{place}").card
    assert (card.modalities, card.dim, card.source) == ((Modality.TEXT,), 32, str(place))
    with pytest.raises(ModalityNotSupported):
        registry.load(f"onnx:{place}").preparer(Modality.IMAGE)
    code = f"""
import sys
from anyseek.embedders import registry
registry.load({f"onnx:{place}"!r})
raise SystemExit("torch" in sys.modules or "transformers" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    (place / "modules.json").write_text((place / "modules.json").read_text() + " ")
    assert registry.entry(f"onnx:{place}").card.fingerprint != card.fingerprint


def test_what_cannot_be_run_is_refused_in_a_sentence(tmp_path: Path, inner: Path) -> None:
    place = saved(tmp_path, inner, [Pooling(32)])
    named = json.loads((place / "modules.json").read_text())
    (place / "modules.json").write_text(json.dumps([*named, {"type": "some.LSTM", "path": ""}]))
    with pytest.raises(ModelNotFound, match="module LSTM"):
        registry.load(f"onnx:{place}")
    (place / "modules.json").write_text("{")
    with pytest.raises(ModelNotFound, match=r"modules\.json cannot be read"):
        registry.load(f"onnx:{place}")
    (place / "modules.json").write_text('{"type": 1}')
    with pytest.raises(ModelNotFound, match=r"modules\.json is not a file of such settings"):
        registry.load(f"onnx:{place}")
    (place / "modules.json").write_text(json.dumps(named))
    words = (place / "tokenizer.json").read_bytes()
    (place / "tokenizer.json").unlink()
    with pytest.raises(ModelNotFound, match=r"tokenizer\.json cannot be read"):
        registry.load(f"onnx:{place}")
    (place / "tokenizer.json").write_bytes(words)
    (place / "onnx/model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelNotFound, match="cannot be read"):
        registry.load(f"onnx:{place}")
    (place / "onnx/model.onnx").unlink()
    with pytest.raises(ModelNotFound, match="has no onnx/model"):
        registry.load(f"onnx:{place}")
