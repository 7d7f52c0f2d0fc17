"""Which precision a tower runs in: measured once on this machine, on a block of the tower's own width."""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

import os
import time
from functools import lru_cache

import torch

from anyseek.embedders.imagebind.matrices import Precision, matrix

ROWS = 512
ROUNDS = 3


def device() -> str:
    """cuda when there is a GPU that torch can use, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@lru_cache(maxsize=16)
def fastest(width: int, rows: int = ROWS) -> Precision:
    """The precision in which rows of `width` go fastest through a perceptron's matrix.

    `ANYSEEK_PRECISION` (float32, bfloat16, int8) overrides the measurement. On a GPU: bfloat16 where it has it.
    """
    chosen = os.environ.get("ANYSEEK_PRECISION")
    if chosen in ("float32", "bfloat16", "float16", "int8"):
        return chosen  # type: ignore[return-value]
    if device() == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    choices: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
    return min(choices, key=lambda precision: seconds(width, rows, precision))


@torch.inference_mode()
def seconds(width: int, rows: int, precision: Precision) -> float:
    """The best of some products (rows, width) x (width, 4 width), in seconds; infinite where it cannot be done."""
    x, weight = torch.randn(rows, width), torch.randn(4 * width, width) / width**0.5
    try:
        product = matrix(weight, torch.zeros(4 * width), precision)
        product(x)
        best = float("inf")
        for _ in range(ROUNDS):
            start = time.perf_counter()
            product(x).float()
            best = min(best, time.perf_counter() - start)
    except (RuntimeError, NotImplementedError):  # this build or processor lacks it
        return float("inf")
    return best
