"""Checkpoints in the official format (`imagebind_huge.pth`, or safetensors with the same names), read tower by tower.

The file is mapped, not read: only the tensors of a tower in use are touched, and each goes straight into its final
type.
"""

# ruff: noqa: TID253 - loaded with the model only

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anyseek.embedders.imagebind.config import HUGE, Config, tensors
from anyseek.embedders.imagebind.matrices import Precision
from anyseek.embedders.imagebind.towers import Tower
from anyseek.errors import MissingExtra, ModelNotFound

HINT = "Take the official file (anyseek models pull imagebind), or name another: anyseek models path imagebind FILE"


class Checkpoint:
    """An open checkpoint. Raises ModelNotFound, naming the first tensor that is not as it should be."""

    def __init__(self, path: Path, config: Config = HUGE) -> None:
        self.path, self.config = path, config
        self._tensors = _mapped(path)
        _check(self._tensors, path, config)

    def tower(self, name: str, precision: Precision = "float32", device: str = "cpu") -> Tower:
        """One of vision, text, audio, depth, thermal, imu; its tensors alone are read."""
        keys = tensors(self.config, name)
        missing = [key for key in keys if key not in self._tensors]
        if missing:
            raise ModelNotFound(f"{self.path} has no tensor {missing[0]}.", HINT)
        weights = {key: self._tensors[key].to(device) for key in keys}
        return Tower(name, self.config, weights, precision)


def load(path: Path | str, tower: str, precision: Precision = "float32", config: Config = HUGE) -> Tower:
    """One tower of a checkpoint. Raises ModelNotFound."""
    return Checkpoint(Path(path), config).tower(tower, precision)


def _mapped(path: Path) -> Mapping[str, Tensor]:
    """All tensors of the file, mapped."""
    if not path.is_file():
        raise ModelNotFound(f"There is no file {path}.", HINT)
    try:
        if path.suffix == ".safetensors":
            try:
                from safetensors.torch import load_file
            except ImportError as error:
                raise MissingExtra(
                    "safetensors is not installed.", "pip install 'anyseek[models]'"
                ) from error
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except (RuntimeError, ValueError, EOFError, OSError, KeyError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ModelNotFound(f"{path} is damaged or no checkpoint: {reason}", HINT) from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise ModelNotFound(f"{path} is damaged or no checkpoint: {error}", HINT) from error
    if not isinstance(state, Mapping) or not all(isinstance(one, Tensor) for one in state.values()):
        raise ModelNotFound(f"{path} holds no named tensors.", HINT)
    return state


def _check(state: Mapping[str, Tensor], path: Path, config: Config) -> None:
    """A tower may be left out as a whole; whatever is there has to be right."""
    expected: dict[str, tuple[int, ...]] = {}
    for name in config.towers:
        own = tensors(config, name)
        if any(key in state for key in own):
            expected |= own
    for key, shape in expected.items():
        if key not in state:
            raise ModelNotFound(f"{path} is not an ImageBind checkpoint: it has no tensor {key}.", HINT)
        if tuple(state[key].shape) != shape:
            raise ModelNotFound(
                f"{path} is not this ImageBind: {key} has the shape {tuple(state[key].shape)}, not {shape}.",
                HINT,
            )
        if not state[key].is_floating_point():
            raise ModelNotFound(f"{path} is not an ImageBind checkpoint: {key} is {state[key].dtype}.", HINT)
    for key in state:
        if key not in expected:
            raise ModelNotFound(f"{path} is not an ImageBind checkpoint: its tensor {key} is unknown.", HINT)
