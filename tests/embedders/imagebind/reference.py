"""ImageBind once more, in float64 NumPy, item by item and head by head: slow, plain, and sharing no line with ours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.embedders.imagebind.config import Config, tensors

Array = npt.NDArray[np.float64]
State = dict[str, Array]

_ERF = np.vectorize(math.erf)


def random_state(config: Config, seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Weights in the official format that make every tensor count."""
    rng = np.random.default_rng(seed)
    state = {}
    for name in config.towers:
        for key, shape in tensors(config, name).items():
            if key.endswith("log_logit_scale"):
                value = np.array(
                    math.log({"text": 30, "audio": 20, "depth": 5, "thermal": 10, "imu": 200}[name])
                )
            elif key.endswith("mask"):
                value = np.triu(np.full(shape, -np.inf), 1)
            elif ("norm" in key and key.endswith("weight")) or ("heads" in key and key.endswith(".0.weight")):
                value = 1 + 0.3 * rng.standard_normal(shape)
            elif key.endswith("bias"):
                value = 0.3 * rng.standard_normal(shape)
            else:
                inside = int(np.prod(shape[1:])) if len(shape) > 1 else 1
                value = rng.standard_normal(shape) * (1.2 / math.sqrt(inside) if "weight" in key else 0.5)
            state[key] = value.astype(np.float32)
    return state


def norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * weight + bias


def attend(x: Array, part: State, heads: int, is_causal: bool) -> Array:
    tokens, width = x.shape
    query, key, value = np.split(x @ part["attn.in_proj_weight"].T + part["attn.in_proj_bias"], 3, axis=1)
    if "attn.bias_k" in part:
        key = np.concatenate([key, part["attn.bias_k"].reshape(1, width)])
        value = np.concatenate([value, part["attn.bias_v"].reshape(1, width)])
    out = np.zeros_like(x)
    each = width // heads
    for head in range(heads):
        own = slice(head * each, (head + 1) * each)
        scores = query[:, own] @ key[:, own].T / math.sqrt(each)
        if is_causal:
            scores[np.triu_indices(tokens, 1)] = -np.inf
        scores = np.exp(scores - scores.max(1, keepdims=True))
        out[:, own] = scores / scores.sum(1, keepdims=True) @ value[:, own]
    return out @ part["attn.out_proj.weight"].T + part["attn.out_proj.bias"]


def block(x: Array, part: State, heads: int, is_causal: bool) -> Array:
    x = x + attend(norm(x, part["norm_1.weight"], part["norm_1.bias"], 1e-6), part, heads, is_causal)
    hidden = norm(x, part["norm_2.weight"], part["norm_2.bias"], 1e-6) @ part["mlp.fc1.weight"].T
    hidden = hidden + part["mlp.fc1.bias"]
    hidden = 0.5 * hidden * (1 + _ERF(hidden / math.sqrt(2)))
    return x + hidden @ part["mlp.fc2.weight"].T + part["mlp.fc2.bias"]


def stem(x: Any, part: State, name: str, config: Config) -> Array:
    """Tokens of one item, positions added."""
    shape = config.towers[name]
    if name == "text":
        return part["token_embedding.weight"][x] + part["pos_embed"][0]
    if name == "imu":
        long = shape.inside // 6
        rows = [
            np.concatenate([x[channel, i * long : (i + 1) * long] for channel in range(6)])
            for i in range(x.shape[1] // long)
        ]
        tokens = np.array(rows) @ part["imu_stem.proj.weight"].T
        places = part["pos_embed"][0]
    else:
        if name == "vision":
            kernel = part["rgbt_stem.proj.1.weight"]
            frames = np.stack([x, x], 1) if x.ndim == 3 else x
        else:
            kernel = part[f"{shape.stem}.proj.weight"][:, :, None]
            frames = x[:, None]
        tall, wide = kernel.shape[3:]
        down, across = shape.stride[-2:]
        tokens = np.array(
            [
                [(kernel[c] * frames[:, :, r : r + tall, s : s + wide]).sum() for c in range(len(kernel))]
                for r in range(0, frames.shape[2] - tall + 1, down)
                for s in range(0, frames.shape[3] - wide + 1, across)
            ]
        )
        places = part["pos_embedding_helper.pos_embed"][0]
    if shape.has_stem_norm:
        own = f"{shape.stem}.norm_layer."
        tokens = norm(tokens, part[own + "weight"], part[own + "bias"], 1e-5)
    return np.concatenate([part["cls_token"][0], tokens]) + places


def embed(state: State, config: Config, name: str, x: Any) -> Array:
    """(dim,) for one item: what the model gives, scale included."""

    def below(prefix: str) -> State:
        return {
            k.removeprefix(prefix): v.astype(np.float64) for k, v in state.items() if k.startswith(prefix)
        }

    shape = config.towers[name]
    tokens = stem(x, below(f"modality_preprocessors.{name}."), name, config)
    trunk = below(f"modality_trunks.{name}.")
    if name == "vision":
        before = "pre_transformer_layer.0."
        tokens = norm(tokens, trunk[before + "weight"], trunk[before + "bias"], 1e-6)
    for number in range(shape.blocks):
        tokens = block(tokens, below(f"modality_trunks.{name}.blocks.{number}."), shape.heads, name == "text")
    head = below(f"modality_heads.{name}.")
    if name == "text":
        one = norm(tokens[int(np.argmax(x))], head["proj.0.weight"], head["proj.0.bias"], 1e-6)
        out = head["proj.1.weight"] @ one
    else:
        one = norm(tokens[0], head["0.weight"], head["0.bias"], 1e-6)
        out = head[f"{shape.head}.weight"] @ one
    out = out / max(float(np.linalg.norm(out)), 1e-12)
    if name == "vision":
        return out
    return out * min(math.exp(float(state[f"modality_postprocessors.{name}.1.log_logit_scale"])), 100.0)
