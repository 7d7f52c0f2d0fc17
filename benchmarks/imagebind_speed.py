"""How much faster our ImageBind towers are than plain ones: the same widths in float32, attention written out, every
token through every layer, texts always 77 tokens long.

    python benchmarks/imagebind_speed.py [--towers vision,text,audio,depth,thermal,imu] [--batch 8]

Random weights of the official shapes. For each precision the ratio beside the plain tower in the same run, and the
cosine with our own float32 vectors: the worst of the batch.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from anyseek.contracts import Modality
from anyseek.embedders.imagebind.choose import fastest
from anyseek.embedders.imagebind.config import HUGE, tensors
from anyseek.embedders.imagebind.prepare_image import PrepareImage, from_picture
from anyseek.embedders.imagebind.towers import Tower
from anyseek.media import decode

TOKENS = {"vision": 257, "text": 77, "audio": 229, "depth": 197, "thermal": 197, "imu": 251}
CLIPS = 3


class PlainBlock(nn.Module):
    """A transformer's block as a textbook has it (Vaswani et al. 2017, norms first)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> the same."""
        n, tokens, width = x.shape
        q, k, v = self.mix(self.norm1(x)).view(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v
        x = x + self.out(seen.transpose(1, 2).reshape(n, tokens, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


def plain(name: str) -> nn.Sequential:
    """A plain tower of the same width and depth."""
    shape = HUGE.towers[name]
    return nn.Sequential(*(PlainBlock(shape.width, shape.heads) for _ in range(shape.blocks))).eval()


def weights(name: str) -> dict[str, Tensor]:
    """Random weights of the official shapes, small enough that nothing overflows."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for key, shape in tensors(HUGE, name).items():
        size = torch.Size(shape)
        scale = size[-1] ** -0.5 if len(size) > 1 else 0.02
        found[key] = torch.randn(size, generator=generator) * scale
        if "norm" in key and key.endswith("weight"):
            found[key] = torch.ones(size)
        if key.endswith("log_logit_scale"):
            found[key] = torch.tensor(2.0)
    return found


def inputs(name: str, batch: int) -> Tensor:
    """As the preparers make them; texts of about ten tokens."""
    generator = torch.Generator().manual_seed(1)
    if name == "text":
        tokens = torch.zeros(batch, 77, dtype=torch.int64)
        tokens[:, 0] = 49_406
        tokens[:, 1:10] = torch.randint(300, 40_000, (batch, 9), generator=generator)
        tokens[:, 10] = 49_407
        return tokens
    shape: tuple[int, ...] = {
        "vision": (3, 224, 224),
        "audio": (CLIPS, 1, 128, 204),
        "depth": (1, 224, 224),
        "thermal": (1, 224, 224),
        "imu": (6, 2000),
    }[name]
    return torch.randn(batch, *shape, generator=generator)


def seconds(work: Callable[[], Any], runs: int) -> float:
    """The best of some runs after one that does not count."""
    work()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


@torch.inference_mode()
def measure(name: str, batch: int, runs: int) -> dict[str, object]:
    """One tower in three precisions beside the plain one."""
    peer, x = plain(name), inputs(name, batch)
    rows = batch * (CLIPS if name == "audio" else 1)
    tokens = torch.randn(rows, TOKENS[name], HUGE.towers[name].width)
    theirs = seconds(partial(peer, tokens), runs)
    told: dict[str, object] = {"tower": name, "batch": batch, "plain s/item": round(theirs / batch, 4)}
    first = None
    for precision in ("float32", "bfloat16", "int8"):
        tower = Tower(name, HUGE, weights(name), precision)  # type: ignore[arg-type]
        call = tower.clips if name == "audio" else tower
        out = functional.normalize(call(x).float(), dim=1)
        first = out if first is None else first
        ours = seconds(partial(call, x), runs)
        told[precision] = {
            "s/item": round(ours / batch, 4),
            "times plain": round(theirs / ours, 2),
            "cosine": round(float((out * first).sum(1).min()), 6),
        }
        del tower, call
    told["chosen"] = fastest(HUGE.towers[name].width)
    return told


def photograph(runs: int) -> dict[str, object]:
    """A JPEG of 12 megapixels from the disk to the tower's input, beside the same read whole."""
    rng = np.random.default_rng(0)
    parts = [  # clouds of every size, as photographs have them
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (n * 3, n * 4, 3), np.uint8)).resize((4000, 3000), 3),
            np.float32,
        )
        for n in (2, 8, 32, 128, 500)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/large.jpg"
        Image.fromarray(np.mean(parts, axis=0).astype(np.uint8)).save(path, quality=92)

        def whole() -> object:
            with Image.open(path) as opened:
                return from_picture(opened)

        def ours() -> object:
            return PrepareImage()(next(decode(path, Modality.IMAGE, PrepareImage().hint)).data)

        error = np.abs(np.subtract(whole(), ours())).mean()
        plain_s, ours_s = seconds(whole, 5 * runs), seconds(ours, 5 * runs)
    return {
        "jpeg": "4000 x 3000",
        "plain s": round(plain_s, 4),
        "times plain": round(plain_s / ours_s, 2),
        "mean error": round(float(error), 4),
    }


def main() -> None:
    """Prints one JSON object for a photograph's preparation, and one a tower."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--towers", default="imu,depth,thermal,audio,text,vision")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    print(json.dumps(photograph(options.runs)), flush=True)
    for name in filter(None, options.towers.split(",")):
        print(json.dumps(measure(name, options.batch, options.runs)), flush=True)


if __name__ == "__main__":
    main()
