"""The shapes of the towers, and from them the name and shape of every tensor of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from anyseek.contracts import Modality

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TowerShape:
    """One tower.

    tokens: rows of the positional embedding, the class token's among them. patch: kernel of the stem, () for text and
    IMU; stride: its step. inside: channels in (for IMU the numbers of one token). stem: the stem's name in the
    checkpoint. head: where the last matrix lies in the head. has_bias: a learned extra key and value in each block.
    has_stem_norm: a layer norm right after the stem. vocabulary: rows of the token table, text only.
    """

    width: int
    blocks: int
    heads: int
    tokens: int
    patch: Shape = ()
    stride: Shape = ()
    inside: int = 0
    stem: str = "rgbt_stem"
    head: str = "2"
    has_bias: bool = True
    has_stem_norm: bool = True
    vocabulary: int = 0


@dataclass(frozen=True, slots=True)
class Config:
    """All towers, by the names that the checkpoint gives them, and the width of the joint space."""

    towers: Mapping[str, TowerShape]
    dim: int = 1024


HUGE = Config(
    MappingProxyType(
        {
            "vision": TowerShape(
                1280, 32, 16, 257, (2, 14, 14), (2, 14, 14), 3, has_bias=False, has_stem_norm=False
            ),
            "text": TowerShape(1024, 24, 16, 77, has_bias=False, has_stem_norm=False, vocabulary=49408),
            "audio": TowerShape(768, 12, 12, 229, (16, 16), (10, 10), 1),
            "depth": TowerShape(384, 12, 8, 197, (16, 16), (16, 16), 1, "depth_stem"),
            "thermal": TowerShape(768, 12, 12, 197, (16, 16), (16, 16), 1),
            "imu": TowerShape(512, 6, 8, 251, inside=48, stem="imu_stem", head="3"),
        }
    )
)
"""imagebind_huge, the only checkpoint that was published (Girdhar et al. 2023)."""

TOWERS: Mapping[Modality, str] = MappingProxyType(
    {
        Modality.IMAGE: "vision",
        Modality.VIDEO: "vision",
        Modality.TEXT: "text",
        Modality.AUDIO: "audio",
        Modality.DEPTH: "depth",
        Modality.THERMAL: "thermal",
        Modality.IMU: "imu",
    }
)
"""Which tower embeds which modality."""


def tensors(config: Config, name: str) -> dict[str, Shape]:
    """Name and shape of every tensor of one tower, in the checkpoint's order of parts."""
    tower, width = config.towers[name], config.towers[name].width
    shapes: dict[str, Shape] = {}
    shapes |= {f"modality_preprocessors.{name}.{key}": shape for key, shape in _stem(tower, name)}
    for number in range(tower.blocks):
        prefix = f"modality_trunks.{name}.blocks.{number}."
        shapes |= {prefix + key: shape for key, shape in _block(tower)}
    if name == "vision":
        prefix = f"modality_trunks.{name}.pre_transformer_layer.0."
        shapes |= {prefix + "weight": (width,), prefix + "bias": (width,)}
    prefix = f"modality_heads.{name}."
    norm, last = ("proj.0", "proj.1") if name == "text" else ("0", tower.head)
    shapes |= {prefix + f"{norm}.weight": (width,), prefix + f"{norm}.bias": (width,)}
    shapes[prefix + f"{last}.weight"] = (config.dim, width)
    if name != "vision":
        shapes[f"modality_postprocessors.{name}.1.log_logit_scale"] = ()
    return shapes


def _stem(tower: TowerShape, name: str) -> Iterator[tuple[str, Shape]]:
    width = tower.width
    if name == "text":
        yield "pos_embed", (1, tower.tokens, width)
        yield "mask", (tower.tokens, tower.tokens)
        yield "token_embedding.weight", (tower.vocabulary, width)
        return
    yield "cls_token", (1, 1, width)
    helper = "" if name == "imu" else "pos_embedding_helper."
    yield f"{helper}pos_embed", (1, tower.tokens, width)
    if name == "imu":
        yield f"{tower.stem}.proj.weight", (width, tower.inside)
    else:
        middle = "proj.1" if name == "vision" else "proj"
        yield f"{tower.stem}.{middle}.weight", (width, tower.inside, *tower.patch)
    if tower.has_stem_norm:
        yield f"{tower.stem}.norm_layer.weight", (width,)
        yield f"{tower.stem}.norm_layer.bias", (width,)


def _block(tower: TowerShape) -> Iterator[tuple[str, Shape]]:
    width = tower.width
    yield "attn.in_proj_weight", (3 * width, width)
    yield "attn.in_proj_bias", (3 * width,)
    if tower.has_bias:
        yield "attn.bias_k", (1, 1, width)
        yield "attn.bias_v", (1, 1, width)
    yield "attn.out_proj.weight", (width, width)
    yield "attn.out_proj.bias", (width,)
    for norm in ("norm_1", "norm_2"):
        yield f"{norm}.weight", (width,)
        yield f"{norm}.bias", (width,)
    yield "mlp.fc1.weight", (4 * width, width)
    yield "mlp.fc1.bias", (4 * width,)
    yield "mlp.fc2.weight", (width, 4 * width)
    yield "mlp.fc2.bias", (width,)
