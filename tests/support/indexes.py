"""Small indexes for tests: cards, seen files, unit vectors, a catalog with something in it."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anyseek.catalog import sql_functions
from anyseek.catalog.catalog import Catalog, Snapshot, Writer
from anyseek.contracts import Modality, ModelCard, SeenFile, Span
from anyseek.media.source import HASH_BYTES

DIM = 16


def card(name: str = "toy", dim: int = DIM) -> ModelCard:
    return ModelCard(
        name=name,
        fingerprint=f"{name}-1",
        dim=dim,
        modalities=(Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.DEPTH),
        licence="Apache-2.0",
        commercial_use="yes",
        size_bytes=0,
        source="tests",
    )


def unit_rows(n: int, seed: int = 0, dim: int = DIM) -> npt.NDArray[np.float32]:
    """(n, dim) float32, unit length, the same for the same arguments."""
    rows = np.random.default_rng([seed, n, dim]).standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def stored(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What comes back after float16."""
    return vectors.astype(np.float16).astype(np.float32)


def seen(path: str, root: int = 0, *, size: int = 1, mtime_ns: int = 1, inode: int = 1) -> SeenFile:
    return SeenFile(root, path, size, mtime_ns, inode)


def hash_of(path: str) -> bytes:
    """A hash of the real length, another one for another path."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()[:HASH_BYTES]


def put(
    writer: Writer,
    space: int,
    path: str,
    vectors: npt.NDArray[np.float32],
    modality: Modality = Modality.IMAGE,
    content_hash: bytes | None = None,
    root: int = 0,
) -> int:
    """One file with one segment a row; its hash is made of its path unless one is given."""
    if content_hash is None:
        content_hash = hash_of(path)
    file_id = writer.put_file(seen(path, root), content_hash, modality)
    parts = [(Span(10.0 * i, 10.0 * i + 10), f"part {i}") for i in range(len(vectors))]
    writer.add_segments(file_id, space, modality, parts, vectors)
    return file_id


def new_index(folder: Path, files: int = 0, segments: int = 1) -> tuple[Catalog, int]:
    """A catalog over `folder`, in `folder/.anyseek`, with `files` pictures a0, a1, ...; and its space."""
    folder.mkdir(exist_ok=True)
    catalog = Catalog.create(folder / ".anyseek", [folder])
    with catalog.begin() as writer:
        space = writer.ensure_space(card())
        for i in range(files):
            put(writer, space, f"a{i}", unit_rows(segments, i))
    return catalog, space


def contents(snapshot: Snapshot) -> dict[str, list[bytes]]:
    """Every searchable file with its vectors, of every space, in order of span."""
    return {
        record.path: [
            row.astype("<f2").tobytes()
            for space in snapshot.spaces()
            for row in snapshot.vectors_at(
                space.space_id, snapshot.rows_of_file(space.space_id, record.file_id)
            )
        ]
        for record in snapshot.files()
        if record.problem is None
    }


def sql(folder: Path, *statements: str) -> None:
    """Change the catalog in `folder` behind its back."""
    connection = sqlite3.connect(folder / "catalog.sqlite")
    sql_functions.register(connection)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
