"""What the recipe writes: a tower whose rows are centred is the same tower, less what all its rows have in common."""

# ruff: noqa: TID253 - the training extra is what this is about

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx")
import torch
from torch.nn.functional import normalize

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


def test_a_shipped_tower_counts_what_its_head_says_of_windows_half() -> None:
    torch.manual_seed(0)
    tower = Tower(NetShape((16, 16, 16), (1, 1, 1), hidden=8), 5).eval()
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        grid = tower.trunk((pixels.permute(0, 3, 1, 2) / 255 - 0.4) / 0.2)
        shown = Served(tower, True, 0.4, 0.2, window=3)(pixels)
        windows = [
            grid[:, :, r : r + 3, c : c + 3] for r in (0, 1) for c in (0, 1)
        ]  # the map has 4 x 4 cells
        whole, *parts = (normalize(tower.head(part.mean((2, 3)))) for part in (grid, *windows))
        expected = whole + normalize(sum(parts)) / 2
    torch.testing.assert_close(shown, expected, atol=1e-5, rtol=1e-5)
