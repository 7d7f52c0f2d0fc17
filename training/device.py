"""Where training runs."""

from __future__ import annotations

import torch


def best() -> torch.device:
    """CUDA when there is one, else the CPU; half precision is bfloat16 on both."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
