"""What the recipe writes says what was trained."""

# ruff: noqa: TID253 - the training extra is what this is about

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx")
import torch

from training.export import export
from training.nets import NetShape, Served, Tower

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]


def test_an_exported_network_gives_unit_rows_of_what_it_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, path = torch.nn.Linear(8, 6), tmp_path / "tower.onnx"
    export(net, torch.zeros(2, 8), [0], path, "x")
    session = onnxruntime.InferenceSession(str(path))
    assert [one.name for one in session.get_outputs()] == ["vectors"]
    x = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    rows = session.run(None, {"x": x})[0]
    with torch.no_grad():
        said = net(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(rows, said / np.linalg.norm(said, axis=1, keepdims=True), atol=2e-6)


def test_a_shipped_depth_tower_says_what_was_trained(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower = Tower(NetShape((16, 16, 16), (1, 1, 1), hidden=8), 5)
    with torch.no_grad():
        for _ in range(3):  # norms that have seen something
            tower(torch.randn(8, 3, 64, 64))
        planes = torch.randn(2, 3, 64, 64)
        wanted = tower.eval()(planes)
    torch.testing.assert_close(Served(tower)(planes), wanted, atol=1e-5, rtol=1e-5)
