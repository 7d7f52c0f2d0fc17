"""The sound teacher: EfficientAT mn04_as, an AudioSet tagger, built from the shapes in its weight file.

Architecture: MobileNetV3-Large at width 0.4 (Howard et al. 2019; Schmid et al. 2023 for the tagger). Only its
outputs are used: 527 tag probabilities and the 384 features before its classifier.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

RATE_HZ = 32_000
STRIDED = (2, 4, 7, 13)  # blocks that halve the map
SMOOTH_FROM = 7  # hard-swish from this block on, ReLU before


class Tagger:
    """Sound at 32 kHz -> (probabilities (n, 527), features (n, 384))."""

    def __init__(self, path: Path) -> None:
        self.weights: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
        self.window = torch.hann_window(800, periodic=False)
        self.mel = torch.from_numpy(_kaldi_mel())

    def spectrum(self, samples: Tensor) -> Tensor:
        """float32 (n, N) -> (n, 1, 128, frames), as the tagger was trained."""
        sharp = functional.conv1d(samples[:, None], torch.tensor([[[-0.97, 1.0]]]))[:, 0]
        parts = torch.stft(sharp, 1024, 320, 800, self.window, center=True, return_complex=True)
        power = parts.real**2 + parts.imag**2
        return ((torch.log(self.mel @ power + 1e-5) + 4.5) / 5.0)[:, None]

    @torch.no_grad()
    def __call__(
        self, samples: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """samples: float32 (n, N) at 32 kHz, -1 to 1."""
        x = functional.hardswish(self._conv(self.spectrum(torch.from_numpy(samples)), "features.0", 2))
        for number in range(1, 16):
            x = self._block(x, number)
        x = functional.hardswish(self._conv(x, "features.16", 1))
        features = x.mean((2, 3))
        hidden = functional.hardswish(self._linear(features, "classifier.2"))
        return self._linear(hidden, "classifier.5").sigmoid().numpy(), features.numpy()

    def _block(self, x: Tensor, number: int) -> Tensor:
        act = functional.hardswish if number >= SMOOTH_FROM else functional.relu
        stride = 2 if number in STRIDED else 1
        name, out, step = f"features.{number}.block", x, 0
        while True:
            key = f"{name}.{step}"
            if f"{key}.conc_se_layers.0.fc1.weight" in self.weights:
                squeezed = out.mean((2, 3))
                hidden = functional.relu(self._linear(squeezed, f"{key}.conc_se_layers.0.fc1"))
                gate = self._linear(hidden, f"{key}.conc_se_layers.0.fc2").sigmoid()
                out = out * gate[:, :, None, None]
            elif (
                f"{name}.{step + 1}.0.weight" in self.weights
                or f"{name}.{step + 1}.conc_se_layers.0.fc1.weight" in self.weights
            ):
                deep = self.weights[f"{key}.0.weight"].shape[1] == 1 and out.shape[1] > 1
                out = act(self._conv(out, key, stride if deep else 1))
            else:
                out = self._conv(out, key, 1)
                return out + x if out.shape == x.shape else out
            step += 1

    def _conv(self, x: Tensor, key: str, stride: int) -> Tensor:
        """Convolution and its batch norm."""
        weight = self.weights[f"{key}.0.weight"]
        groups = x.shape[1] // weight.shape[1]
        x = functional.conv2d(x, weight, None, stride, weight.shape[2] // 2, 1, groups)
        norm = [self.weights[f"{key}.1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, norm[0], norm[1], norm[2], norm[3], False, 0.0, 1e-3)

    def _linear(self, x: Tensor, key: str) -> Tensor:
        return functional.linear(x, self.weights[f"{key}.weight"], self.weights[f"{key}.bias"])


def _kaldi_mel(bands: int = 128, low_hz: float = 0.0, high_hz: float = 15_000.0) -> npt.NDArray[np.float32]:
    """Kaldi's mel banks over the bins of a 1024-point transform: (bands, 513)."""

    low, high = (1127.0 * math.log1p(hz / 700.0) for hz in (low_hz, high_hz))
    edges = np.linspace(low, high, bands + 2)[:, None]
    place = 1127.0 * np.log1p(np.arange(513) * RATE_HZ / 1024 / 700.0)[None]
    up, down = (
        (place - edges[:-2]) / (edges[1:-1] - edges[:-2]),
        (edges[2:] - place) / (edges[2:] - edges[1:-1]),
    )
    return np.asarray(np.maximum(0.0, np.minimum(up, down)), np.float32)


def tag_names(path: Path) -> list[str]:
    """The 527 names, in the order of the outputs."""
    with path.open(newline="", encoding="utf-8") as lines:
        return [row["display_name"] for row in csv.DictReader(lines)]
