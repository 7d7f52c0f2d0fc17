"""The sound body: EfficientAT mn04_as, an AudioSet tagger, built in torch from the shapes in its weight file.

Architecture: MobileNetV3-Large (Howard et al. 2019) at width 0.4, trained by Schmid, Koutini and Widmer 2023
("Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation"). MIT.
"""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES, TAGS = 384, 527
SMOOTH_FROM = 7  # hard-swish from this block on, ReLU before
STRIDED = (2, 4, 7, 13)  # blocks that halve the map
EPSILON = 1e-3  # of the batch norms

Weights = dict[str, Tensor]


class Body(nn.Module):
    """Log-mel float32 (n, frames, 128) -> (features (n, 384), tag logits (n, 527)); any number of frames from 1 on.

    weights: the tensors of `mn04_as_mAP_432.pt`. The batch norms are folded into the convolutions.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(weights, "features.0", 2), nn.Hardswish())
        self.blocks = nn.ModuleList([_Block(weights, number) for number in range(1, 16)])
        self.last = nn.Sequential(_conv(weights, "features.16", 1), nn.Hardswish())
        hidden, tags = _linear(weights, "classifier.2"), _linear(weights, "classifier.5")
        self.classifier = nn.Sequential(hidden, nn.Hardswish(), tags)
        self.eval()

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        x = self.stem(mel.transpose(1, 2)[:, None])
        for block in self.blocks:
            x = block(x)
        features = self.last(x).mean((2, 3))
        return features, self.classifier(features)


class _Block(nn.Module):
    """An inverted residual: wider, over place and time, squeeze and excitation, narrower."""

    def __init__(self, weights: Weights, number: int) -> None:
        super().__init__()
        smooth = nn.Hardswish() if number >= SMOOTH_FROM else nn.ReLU()
        name, steps, step = f"features.{number}.block", list[nn.Module](), 0
        while f"{name}.{step}.0.weight" in weights or f"{name}.{step}.conc_se_layers.0.fc1.weight" in weights:
            key = f"{name}.{step}"
            if f"{key}.0.weight" not in weights:
                steps.append(_Squeeze(weights, f"{key}.conc_se_layers.0"))
            else:
                shape = weights[f"{key}.0.weight"].shape
                steps += [_conv(weights, key, 2 if number in STRIDED and shape[2] > 1 else 1), smooth]
            step += 1
        self.steps = nn.Sequential(*steps[:-1])  # what is narrow again stays linear

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.steps(x)
        return out + x if out.shape == x.shape else out


class _Squeeze(nn.Module):
    """Every channel weighed by what all of them say on average."""

    def __init__(self, weights: Weights, key: str) -> None:
        super().__init__()
        self.first, self.second = _linear(weights, f"{key}.fc1"), _linear(weights, f"{key}.fc2")

    def forward(self, x: Tensor) -> Tensor:
        gate = self.second(functional.relu(self.first(x.mean((2, 3))))).sigmoid()
        return x * gate[:, :, None, None]


def _conv(weights: Weights, key: str, stride: int) -> nn.Conv2d:
    """A convolution with its batch norm in it; one input channel a group where the weights say so."""
    weight = weights[f"{key}.0.weight"]
    mean, variance, scale, shift = (
        weights[f"{key}.1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    outside, inside, kernel = weight.shape[0], weight.shape[1], weight.shape[2]
    groups = outside if kernel > 1 and key != "features.0" else 1  # but for the stem, each channel on its own
    conv = nn.Conv2d(inside * groups, outside, kernel, stride, kernel // 2, groups=groups)
    factor = scale / torch.sqrt(variance + EPSILON)
    conv.weight.data, conv.bias = weight * factor[:, None, None, None], nn.Parameter(shift - mean * factor)
    return conv


def _linear(weights: Weights, key: str) -> nn.Linear:
    weight, bias = weights[f"{key}.weight"], weights[f"{key}.bias"]
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight.data, linear.bias.data = weight, bias
    return linear


def read_body(teachers: Path) -> Body:
    """The body from the teachers' folder."""
    return Body(torch.load(teachers / "mn04_as_mAP_432.pt", weights_only=True, map_location="cpu"))


def tag_names(teachers: Path) -> list[str]:
    """AudioSet's 527 display names, in the order of the logits."""
    with (teachers / "audioset_class_labels.csv").open(newline="", encoding="utf-8") as lines:
        return [row["display_name"] for row in csv.DictReader(lines)]
