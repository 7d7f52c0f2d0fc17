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
