"""What makes two vectors comparable, as one short word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(name: str, facts: Iterable[object], files: Iterable[Path] = ()) -> str:
    """`name-` and twelve hexadecimal digits of the SHA-256 over the facts' reprs and the files' bytes.

    facts: everything that changes a vector without changing a weight: the code's revision, preparation
    parameters, how files are cut into segments, the dimension.
    """
    digest = hashlib.sha256(name.encode())
    for fact in facts:
        digest.update(b"\0" + repr(fact).encode())
    for path in files:
        digest.update(b"\0" + path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"{name}-{digest.hexdigest()[:12]}"


def digest(path: Path) -> str:
    """Sixteen hexadecimal digits for a large file: its size, and 256 pieces of 4 KiB spread evenly over it.

    Reading all of 4.8 GB to name a model would take longer than a search.
    """
    size = path.stat().st_size
    hasher = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for piece in range(256):
            file.seek(max(0, (size - 4096) * piece // 255))
            hasher.update(file.read(4096))
    return hasher.hexdigest()[:16]
