"""Small files derived from the catalog: written whole or not at all, made again when they are gone."""

from __future__ import annotations

import os
from pathlib import Path

from anyseek.atomic import sync_folder
from anyseek.catalog.database import translated


def read_file(path: Path) -> bytes | None:
    """Its bytes, None where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def write_file(path: Path, data: bytes) -> None:
    """Durable when this returns. Raises DiskFull, ReadOnlyIndex."""
    with translated(path.parent.parent):
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
