"""Whether a file can be a checkpoint, by its own table of contents: no tensor is read and no torch imported."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from anyseek.errors import UsageError
from anyseek.printable import printable
from anyseek.system_errors import of_named

SUFFIXES = (".pth", ".pt", ".safetensors")
"""Of files that `check` knows."""

_MOST_HEADER = 100_000_000  # what safetensors itself takes


def check(path: Path) -> None:
    """Raises UsageError for a file that is neither a checkpoint of torch (a zip archive with `data.pkl`) nor one of
    safetensors under its own suffix, and for one that is cut off; what `of_named` raises where it cannot be read."""
    with of_named(path, "read"):
        is_safe = _is_safetensors(path)
        is_right = is_safe if path.suffix == ".safetensors" else not is_safe and _is_torch(path)
    if is_right:
        return
    if is_safe:
        raise UsageError(
            f"{printable(str(path))} is in the format of safetensors, and is not called so.",
            "Give it the suffix .safetensors.",
        )
    raise UsageError(
        f"{printable(str(path))} is cut off, or no checkpoint.",
        "A checkpoint is a file of torch (.pth), or of safetensors (.safetensors).",
    )


def _is_torch(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:  # whose table of contents is at the end
            return any(name.rpartition("/")[2] == "data.pkl" for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
        return False


def _is_safetensors(path: Path) -> bool:
    """Eight bytes of length, so much JSON (each tensor's `data_offsets`), and then all tensors."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        size = os.fstat(file.fileno()).st_size
        if not 2 <= length <= min(_MOST_HEADER, size - 8) or file.read(1) != b"{":
            return False
        try:
            header: Any = json.loads(b"{" + file.read(length - 1))
            ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
            return bool(ends) and size == 8 + length + max(ends)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            return False
