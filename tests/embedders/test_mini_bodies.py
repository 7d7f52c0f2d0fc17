"""The text and picture bodies as shipped agree with the published networks, but for the rounding to int8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from anyseek.embedders.mini.prepare_text import PrepareText
from anyseek.embedders.mini.prepare_visual import PrepareImage
from anyseek.embedders.mini.towers import BODIES

GOLDEN = Path(__file__).with_name("golden") / "mini_bodies.npz"
LEAST_COSINE = 0.98  # 0.994 with int8 dot products; processors without them sum differently
TEXTS = (  # those of golden/make_mini_bodies.py
    "a dog",
    "two dogs running on a beach at sunset",
    "the man bites the dog",
    "the dog bites the man",
    "Boundary layers of a flat plate in supersonic flow, " * 12,
)


@pytest.fixture(scope="module")
def published() -> Iterator[dict[str, np.ndarray]]:
    with np.load(GOLDEN) as saved:
        yield dict(saved)


def session(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(BODIES / name), providers=["CPUExecutionProvider"])


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_text_body_agrees_with_minilm(published: dict[str, np.ndarray]) -> None:
    body = session("text.onnx")
    rows = [body.run(["vectors"], {"tokens": PrepareText()(text)[None]})[0][0] for text in TEXTS]
    assert (
        min(cosine(row, wanted) for row, wanted in zip(rows, published["texts"], strict=True)) > LEAST_COSINE
    )


def test_the_picture_body_agrees_with_efficientnet_lite2(published: dict[str, np.ndarray]) -> None:
    data = pytest.importorskip("skimage.data")
    pixels = PrepareImage()(data.chelsea())[None]
    cells, logits = session("image.onnx").run(["map", "logits"], {"pixels": pixels})
    assert cosine(cells[0].mean((0, 1)), published["features"]) > LEAST_COSINE
    assert cosine(logits[0], published["logits"]) > LEAST_COSINE
    assert logits[0].argmax() == published["logits"].argmax()
