"""The forward pass: tokens of any modality through a pre-norm transformer to one vector.

Only what the answer needs is computed: the last block for the pooled token alone, texts up to the last one's end.
"""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from anyseek.embedders.imagebind.config import Config, TowerShape
from anyseek.embedders.imagebind.matrices import Matrix, Plain, Precision, matrix

EPS, STEM_EPS = 1e-6, 1e-5
MOST_SCALE = 100.0

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer norm in float32."""

    weight: Tensor
    bias: Tensor
    eps: float = EPS

    def __call__(self, x: Tensor) -> Tensor:
        """(..., width) -> the same shape, float32."""
        return functional.layer_norm(x.float(), x.shape[-1:], self.weight, self.bias, self.eps)


class Block:
    """One transformer block; `extra` is the learned key and value (heads, 1, each) of bias_kv towers."""

    def __init__(self, part: Weights, tower: TowerShape, precision: Precision, is_last: bool) -> None:
        self.heads = tower.heads
        self.first = Norm(part["norm_1.weight"].float(), part["norm_1.bias"].float())
        self.second = Norm(part["norm_2.weight"].float(), part["norm_2.bias"].float())
        weight, bias = part["attn.in_proj_weight"], part["attn.in_proj_bias"]
        width = tower.width
        self.query: Matrix | None = None
        if is_last:  # one query, all keys and values
            self.query = matrix(weight[:width], bias[:width], precision)
            weight, bias = weight[width:], bias[width:]
        self.mix = matrix(weight, bias, precision)
        self.out = matrix(part["attn.out_proj.weight"], part["attn.out_proj.bias"], precision)
        self.up = matrix(part["mlp.fc1.weight"], part["mlp.fc1.bias"], precision)
        self.down = matrix(part["mlp.fc2.weight"], part["mlp.fc2.bias"], precision)
        self.extra: tuple[Tensor, Tensor] | None = None
        if tower.has_bias:
            key, value = (
                part[f"attn.bias_{which}"].float().view(tower.heads, 1, width // tower.heads)
                for which in ("k", "v")
            )
            self.extra = key, value

    def __call__(self, x: Tensor, is_causal: bool) -> Tensor:
        """(n, tokens, width) float32 -> the same shape."""
        query, key, value = self._split(self.mix(self.first(x)), 3)
        key, value = self._extended(key, value)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=is_causal)
        return self._finish(x, seen)

    def pooled(self, x: Tensor, place: Tensor | None) -> Tensor:
        """(n, tokens, width) -> (n, width): the block's output at one token of each row, the first if place is None.

        place: int64 (n,); then later tokens are hidden from it.
        """
        assert self.query is not None
        normed = self.first(x)
        rows = torch.arange(len(x), device=x.device)
        at = (rows, place) if place is not None else (slice(None), 0)
        query = self.query(normed[at][:, None])
        (query,) = self._split(query, 1)
        key, value = self._extended(*self._split(self.mix(normed), 2))
        mask = None
        if place is not None:
            mask = (torch.arange(x.shape[1], device=x.device) <= place[:, None])[:, None, None]
        seen = functional.scaled_dot_product_attention(query, key, value, mask)
        return self._finish(x[at][:, None], seen)[:, 0]

    def _split(self, mixed: Tensor, parts: int) -> tuple[Tensor, ...]:
        """(n, tokens, parts * width) -> `parts` of (n, heads, tokens, each)."""
        count, tokens, width = mixed.shape
        split = mixed.view(count, tokens, parts, self.heads, width // parts // self.heads)
        return split.permute(2, 0, 3, 1, 4).unbind(0)

    def _extended(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        if self.extra is None:
            return key, value
        more = [one.to(key.dtype).expand(len(key), -1, -1, -1) for one in self.extra]
        return torch.cat([key, more[0]], 2), torch.cat([value, more[1]], 2)

    def _finish(self, x: Tensor, seen: Tensor) -> Tensor:
        """Attention's output projected and added, then the two-layer perceptron's."""
        x = x + self.out(seen.transpose(1, 2).flatten(2)).float()
        hidden = functional.gelu(self.up(self.second(x)))
        return x + self.down(hidden).float()


class Tower:
    """One tower over its tensors. Not for training."""

    def __init__(self, name: str, config: Config, weights: Weights, precision: Precision) -> None:
        self.name, self.shape, self.precision = name, config.towers[name], precision
        shape = self.shape
        trunk = f"modality_trunks.{name}."
        self.blocks = []
        for number in range(shape.blocks):
            part = _below(weights, f"{trunk}blocks.{number}.")
            self.blocks.append(Block(part, shape, precision, number == shape.blocks - 1))
        head = _below(weights, f"modality_heads.{name}.")
        norm, last = ("proj.0", "proj.1") if name == "text" else ("0", shape.head)
        self.norm = Norm(head[f"{norm}.weight"].float(), head[f"{norm}.bias"].float())
        self.last = Plain(head[f"{last}.weight"], None, torch.float32)
        scale = weights.get(f"modality_postprocessors.{name}.1.log_logit_scale")
        self.scale = 1.0 if scale is None else min(math.exp(float(scale)), MOST_SCALE)
        self.stem = _below(weights, f"modality_preprocessors.{name}.")
        self.stem = {key: value.float() for key, value in self.stem.items() if key != "mask"}
        if name == "vision":
            before = _below(weights, f"{trunk}pre_transformer_layer.0.")
            self.before: Norm | None = Norm(before["weight"].float(), before["bias"].float())
        else:
            self.before = None

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """What the model gives: unit vectors times the tower's scale, (n, dim) float32.

        text int64 (n, tokens); pictures (n, channels, side, side); frames (n, 3, 2, side, side); motion (n, 6, steps).
        """
        tokens, place = self._tokens(x)
        if self.before is not None:
            tokens = self.before(tokens)
        for block in self.blocks[:-1]:
            tokens = block(tokens, place is not None)
        pooled = self.norm(self.blocks[-1].pooled(tokens, place))
        return self.scale * functional.normalize(self.last(pooled), dim=-1)

    @torch.inference_mode()
    def clips(self, x: Tensor) -> Tensor:
        """(n, clips, ...) -> (n, dim): the plain mean over each row's clips, not brought to unit length again."""
        out: Tensor = self(x.flatten(0, 1)).view(*x.shape[:2], -1).mean(1)
        return out

    def _tokens(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, tokens, width) float32, and for text where each row ends."""
        if self.name == "text":
            place = x.argmax(1)
            x = x[:, : int(place.max()) + 1]
            return self.stem["token_embedding.weight"][x] + self.stem["pos_embed"][:, : x.shape[1]], place
        if self.name == "imu":
            patches = _windows(x, self.shape.inside // x.shape[1])
            tokens = functional.linear(patches, self.stem["imu_stem.proj.weight"])
        else:
            tokens = self._patches(x)
        if self.shape.has_stem_norm:
            weight, bias = (self.stem[f"{self.shape.stem}.norm_layer.{part}"] for part in ("weight", "bias"))
            tokens = Norm(weight, bias, STEM_EPS)(tokens)
        tokens = torch.cat([self.stem["cls_token"].expand(len(tokens), -1, -1), tokens], 1)
        return tokens + self._places(tokens.shape[1]), None

    def _patches(self, x: Tensor) -> Tensor:
        """Pictures or frames -> (n, patches, width), row by row; a picture is a clip of two equal frames."""
        if self.name == "vision":
            kernel = self.stem["rgbt_stem.proj.1.weight"]
            if x.ndim == 4:
                grid = functional.conv2d(x, kernel.sum(2), stride=self.shape.stride[1:])
            else:
                grid = functional.conv3d(x, kernel, stride=self.shape.stride)
        else:
            kernel = self.stem[f"{self.shape.stem}.proj.weight"]
            grid = functional.conv2d(x, kernel, stride=self.shape.stride)
        return grid.flatten(2).transpose(1, 2)

    def _places(self, tokens: int) -> Tensor:
        """The positional embedding, (1, tokens, width); vision's is resized for pictures of another side."""
        key = "pos_embed" if self.name == "imu" else "pos_embedding_helper.pos_embed"
        places = self.stem[key]
        if tokens == places.shape[1] or self.name != "vision":
            return places
        n_trained, n_needed = places.shape[1] - 1, tokens - 1
        side = math.isqrt(n_trained)
        grid = places[:, 1:].transpose(1, 2).reshape(1, -1, side, side)
        grid = functional.interpolate(
            grid, scale_factor=math.sqrt(n_needed / n_trained), mode="bicubic", align_corners=False
        )
        return torch.cat([places[:, :1], grid.flatten(2).transpose(1, 2)], 1)


def _windows(motion: Tensor, length: int) -> Tensor:
    """(n, channels, steps) -> (n, steps // length, channels * length), channel by channel."""
    count, channels, steps = motion.shape
    cut = motion[:, :, : steps // length * length]
    return cut.reshape(count, channels, -1, length).transpose(1, 2).flatten(2)


def _below(weights: Weights, prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
