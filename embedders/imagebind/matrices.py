"""Matrix products in the precision that is fastest on this machine; all take and give rows of the residual stream's
kind.

bfloat16 pays where the processor multiplies tiles of it (AMX) or at least pairs (AVX512_BF16); 8-bit integers pay on
any processor with VNNI. The stream itself, norms and sums stay float32.
"""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

Precision = Literal["float32", "bfloat16", "float16", "int8"]


class Matrix(Protocol):
    """x (..., inside) -> x @ weight.T + bias, (..., outside)."""

    def __call__(self, x: Tensor) -> Tensor:
        """See the class."""


class Plain:
    """The product in the weight's own type."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        self.weight = weight.to(dtype)
        self.bias = None if bias is None else bias.to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """See Matrix."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


AT_ONCE = 512
"""Rows: what lies between the steps of more does not stay in a processor's cache (1.6 times slower at 5,500)."""


class Integer:
    """8-bit weights with a scale for each output, 8-bit inputs with a scale for each row (Dettmers et al. 2022, sec.
    2).

    A scale for each row keeps the outliers of one token from flattening all others.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        weight = weight.float()
        scale = weight.abs().amax(1).clamp(min=1e-12) / 127.0
        self.weight = (weight / scale[:, None]).round_().to(torch.int8).t().contiguous()
        self.scale = scale
        self.bias = torch.zeros_like(scale) if bias is None else bias.float()

    def __call__(self, x: Tensor) -> Tensor:
        """See Matrix."""
        rows = x.reshape(-1, x.shape[-1])
        out = torch.empty(len(rows), len(self.scale), device=x.device)
        for i in range(0, len(rows), AT_ONCE):
            out[i : i + AT_ONCE] = self._some(rows[i : i + AT_ONCE].float())
        return out.view(*x.shape[:-1], -1)

    def _some(self, rows: Tensor) -> Tensor:
        scale = rows.abs().amax(1, keepdim=True).clamp_(min=1e-12).div_(127.0)
        small = (rows / scale).round_().to(torch.int8)
        out = torch._int_mm(small, self.weight).float()
        return torch.addcmul(self.bias, out.mul_(scale), self.scale)


def matrix(weight: Tensor, bias: Tensor | None, precision: Precision) -> Matrix:
    """The product in that precision."""
    if precision == "int8":
        return Integer(weight, bias)
    return Plain(weight, bias, getattr(torch, precision))
