"""Make mini_sound.npz: what EfficientAT's mn04_as says of `sound()`, computed from its weight file step by step.

python tests/embedders/golden/make_mini_sound.py mn04_as_mAP_432.pt
"""

# ruff: noqa: TID253 - torch is what this computes with

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

STRIDED = (2, 4, 7, 13)


def sound() -> np.ndarray:
    """Six seconds of a rising tone, on and off, peak 0.7, at 32 kHz."""
    t = np.arange(192_000) / 32_000
    tone = np.sin(2 * np.pi * (300 + 400 * t) * t) * (np.sin(4 * np.pi * t) > 0)
    return (tone * 0.7 / np.abs(tone).max()).astype(np.float32)


def spectrum(samples: Tensor) -> Tensor:
    """(n, N) -> (n, 1, 128, frames)."""
    sharp = functional.conv1d(samples[:, None], torch.tensor([[[-0.97, 1.0]]]))[:, 0]
    window = torch.hann_window(800, periodic=False)
    parts = torch.stft(sharp, 1024, 320, 800, window, center=True, return_complex=True)
    edges = torch.linspace(0, 1127 * math.log1p(15_000 / 700), 130)[:, None]
    place = 1127 * torch.log1p(torch.arange(513) * 32_000 / 1024 / 700)[None]
    up = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    mel = torch.minimum(up, down).clamp(min=0) @ (parts.real**2 + parts.imag**2)
    return ((torch.log(mel + 1e-5) + 4.5) / 5)[:, None]


class Tagger:
    """(n, 1, 128, frames) -> features (n, 384), probabilities (n, 527); batch norms as they are in the file."""

    def __init__(self, path: str) -> None:
        self.weights: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.hardswish(self.conv(x, "features.0", 2))
        for number in range(1, 16):
            x = self.block(x, number)
        features = functional.hardswish(self.conv(x, "features.16", 1)).mean((2, 3))
        hidden = functional.hardswish(self.linear(features, "classifier.2"))
        return features, self.linear(hidden, "classifier.5").sigmoid()

    def block(self, x: Tensor, number: int) -> Tensor:
        act = functional.hardswish if number >= 7 else functional.relu
        name = f"features.{number}.block"
        steps = sorted({int(key.split(".")[3]) for key in self.weights if key.startswith(name + ".")})
        out = x
        for step in steps:
            key = f"{name}.{step}"
            if f"{key}.0.weight" not in self.weights:  # squeeze and excitation
                key += ".conc_se_layers.0"
                hidden = functional.relu(self.linear(out.mean((2, 3)), f"{key}.fc1"))
                out = out * self.linear(hidden, f"{key}.fc2").sigmoid()[:, :, None, None]
                continue
            deep = self.weights[f"{key}.0.weight"].shape[2] > 1
            out = self.conv(out, key, 2 if deep and number in STRIDED else 1)
            out = out if step == steps[-1] else act(out)
        return out + x if out.shape == x.shape else out

    def conv(self, x: Tensor, key: str, stride: int) -> Tensor:
        weight = self.weights[f"{key}.0.weight"]
        x = functional.conv2d(x, weight, None, stride, weight.shape[2] // 2, 1, x.shape[1] // weight.shape[1])
        norm = [self.weights[f"{key}.1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *norm, eps=1e-3)

    def linear(self, x: Tensor, key: str) -> Tensor:
        return functional.linear(x, self.weights[f"{key}.weight"], self.weights[f"{key}.bias"])


if __name__ == "__main__":
    with torch.no_grad():
        features, tags = Tagger(sys.argv[1])(spectrum(torch.from_numpy(sound())[None]))
    np.savez_compressed(
        Path(__file__).with_name("mini_sound.npz"),
        features=features[0].numpy(),
        probabilities=tags[0].numpy().astype(np.float16),
    )
