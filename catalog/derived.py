"""Small files derived from the catalog: written whole or not at all, made again when they are gone."""

from __future__ import annotations

from pathlib import Path

from anyseek import atomic
from anyseek.catalog.failures import translated


def read_file(path: Path) -> bytes | None:
    """Its bytes, None where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def write_file(path: Path, data: bytes) -> None:
    """Write INDEX/FOLDER/FILE or INDEX/stores/NAME/FILE; durable when this returns. Raises DiskFull, ReadOnlyIndex."""
    with translated(path.parent.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, data)
