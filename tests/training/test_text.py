"""The text body that the recipe writes, of small random weights: rows that keep to themselves and know word order."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx")
from training.text_body import Body, Shape

pytestmark = pytest.mark.train
SHAPE = Shape(layers=2, heads=2, width=16)
RNG = np.random.default_rng(0)


def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    shapes = {
        "embeddings.word_embeddings.weight": (40, 16),
        "embeddings.position_embeddings.weight": (12, 16),
        "embeddings.token_type_embeddings.weight": (2, 16),
        "embeddings.LayerNorm.weight": (16,),
        "embeddings.LayerNorm.bias": (16,),
    }
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= {f"{layer}.attention.{part}.weight": (16, 16), f"{layer}.attention.{part}.bias": (16,)}
        shapes |= {f"{layer}.intermediate.dense.weight": (32, 16), f"{layer}.intermediate.dense.bias": (32,)}
        shapes |= {f"{layer}.output.dense.weight": (16, 32), f"{layer}.output.dense.bias": (16,)}
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{layer}.{norm}.weight": (16,), f"{layer}.{norm}.bias": (16,)}
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(Body(weights(), SHAPE).model().SerializeToString())


def test_the_body_has_the_same_bytes_each_time() -> None:
    first, second = (Body(weights(), SHAPE).model().SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_text_has_the_same_unit_row_alone_and_beside_longer_ones(
    session: onnxruntime.InferenceSession,
) -> None:
    rows = RNG.integers(1, 40, (4, 9))
    rows[0, 3:] = 0
    together = session.run(None, {"tokens": rows})[0]
    alone = session.run(None, {"tokens": rows[:1, :3]})[0]
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[0], alone[0], atol=1e-5)


def test_the_order_of_tokens_counts(session: onnxruntime.InferenceSession) -> None:
    first, second = session.run(None, {"tokens": np.array([[3, 7, 11, 5], [3, 11, 7, 5]])})[0]
    assert first @ second < 0.999
