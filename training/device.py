"""Where training runs, and how exactly."""

from __future__ import annotations

import torch


def best() -> torch.device:
    """CUDA when there is one, else the CPU; half precision is bfloat16 on both."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def prepare(threads: int) -> None:
    """Threads of the CPU; its matrix products in bfloat16, which recent ones do in half of the time."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium")
