"""What the recipe writes: a tower whose rows are centred is the same tower, less what all its rows have in common."""

# ruff: noqa: TID253 - the training extra is what this is about

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx")
import torch

from training.export import centre, export
from training.nets import NetShape, Served, Tower

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]


def test_a_centred_tower_gives_unit_rows_without_the_mean(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "tower.onnx"
    export(torch.nn.Linear(8, 6), torch.zeros(2, 8), [0], path, "x")
    x = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    before = onnxruntime.InferenceSession(str(path)).run(None, {"x": x})[0]
    centre(path, before.mean(0))
    session = onnxruntime.InferenceSession(str(path))
    assert [one.name for one in session.get_outputs()] == ["vectors"]
    after = session.run(None, {"x": x})[0]
    apart = before - before.mean(0)
    np.testing.assert_allclose(after, apart / np.linalg.norm(apart, axis=1, keepdims=True), atol=2e-6)


def test_a_shipped_depth_tower_says_what_was_trained(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower = Tower(NetShape((16, 16, 16), (1, 1, 1), hidden=8), 5)
    with torch.no_grad():
        for _ in range(3):  # norms that have seen something
            tower(torch.randn(8, 3, 64, 64))
        planes = torch.randn(2, 3, 64, 64)
        wanted = tower.eval()(planes)
    torch.testing.assert_close(Served(tower)(planes), wanted, atol=1e-5, rtol=1e-5)
