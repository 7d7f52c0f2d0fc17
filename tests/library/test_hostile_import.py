"""Files to import may be anybody's: whatever is in them, the answer is a sentence, and nothing is stored."""

from __future__ import annotations

import datetime
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.errors import UsageError


@pytest.fixture
def index(tmp_path: Path) -> Iterator[anyseek.Index]:
    folder = tmp_path / "media"
    folder.mkdir()
    sample_files.text(folder / "red.txt", "red")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        yield made


def refuse(index: anyseek.Index, file: Path, told: str | None = None) -> None:
    with pytest.raises(UsageError, match=told):
        index.library.import_(file)
    assert index.n_segments == 0


def npy(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(4096)


WITH_SHAPE = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }"


@pytest.mark.parametrize(
    "data",
    [
        npy(WITH_SHAPE % f"({10**23}, 16)"),
        npy(WITH_SHAPE % "(-1, 16)"),
        npy(WITH_SHAPE % "(1, "),
        npy(WITH_SHAPE % "(True, 16)"),
        npy(WITH_SHAPE % "(1, 16, 1)"),
        npy("{1: 2, 'descr': 3}"),
        npy("-" * 3000 + "1"),
        npy("(" * 3000),
        npy(WITH_SHAPE.replace("<f4", "|O") % "(1, 16)"),
        npy(WITH_SHAPE.replace("<f4", "<M8[s]") % "(1, 16)"),
        b"PK\3\4" + bytes(50),
        b"\x80\4K\1.",
        b"\x93NUMPY\1\0",
        b"",
    ],
)
def test_an_array_whose_header_is_wrong_is_refused(index: anyseek.Index, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    line = {"path": str(tmp_path / "media/red.txt"), "modality": "text"}
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    refuse(index, tmp_path / "a.npy", "a.npy cannot be read")


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        "1" * 5000,
        '{"path": "%s", "modality": "text", "start": 1%s}',
        '{"path": "%s", "modality": "text", "size": 1%s}',
        '{"anyseek_catalog": {"settings": {"depth_unit": 1%.0s%s}}}',
    ],
)
def test_a_line_whose_numbers_or_levels_are_too_many_is_refused(
    index: anyseek.Index, tmp_path: Path, line: str
) -> None:
    path = str(tmp_path / "media/red.txt")
    own = json.dumps({"path": path, "modality": "text"})
    lines = [line % (path, "0" * 400)] if "%s" in line else [line]
    if "anyseek_catalog" in line:
        lines.insert(0, own)
    np.save(tmp_path / "a.npy", index.embed("red")[None])
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    refuse(index, tmp_path / "a.npy")


def test_a_field_given_twice_is_refused_since_one_would_be_dropped(
    index: anyseek.Index, tmp_path: Path
) -> None:
    path = json.dumps(str(tmp_path / "media/red.txt"))
    np.save(tmp_path / "a.npy", index.embed("red")[None])
    for line in (
        f'{{"path": {path}, "modality": "text", "tags": ["kept"], "tags": []}}',
        f'{{"path": {path}, "modality": "text", "path": "/elsewhere"}}',
    ):
        (tmp_path / "a.jsonl").write_text(line)
        refuse(index, tmp_path / "a.npy", "the field '(tags|path)' twice")


def test_a_column_given_twice_is_refused_since_one_would_be_dropped(
    index: anyseek.Index, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    right = columns(index, tmp_path)
    for name in right:
        arrays = [*map(pa.array, right.values()), pa.array(right[name])]
        pq.write_table(pa.Table.from_arrays(arrays, [*right, name]), tmp_path / "a.parquet")
        refuse(index, tmp_path / "a.parquet", f"the field '{name}' twice")


def columns(index: anyseek.Index, tmp_path: Path) -> dict[str, Any]:
    pa = pytest.importorskip("pyarrow")
    return {
        "path": [str(tmp_path / "media/red.txt")],
        "modality": ["text"],
        "vector": pa.array(index.embed("red")[None].tolist(), pa.list_(pa.float32())),
    }


def write(tmp_path: Path, columns: dict[str, Any], metadata: dict[bytes, bytes] | None = None) -> Path:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), file)
    return file


def test_metadata_of_too_many_levels_are_refused(index: anyseek.Index, tmp_path: Path) -> None:
    file = write(tmp_path, columns(index, tmp_path), {b"anyseek": b"[" * 100_000})
    refuse(index, file, "nested too deeply")


def test_a_column_of_another_kind_is_refused(index: anyseek.Index, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    long = pa.array([1 << 62], pa.duration("s"))
    far = pa.array([1 << 40], pa.timestamp("s"))
    wrong: list[tuple[str, Any]] = [
        ("start", long),
        ("start", far),
        ("size", pa.array([datetime.date(2026, 1, 1)])),
        ("vector", pa.array([{"a": 1.0}])),
        ("vector", pa.array([[{"a": 1.0}]])),
        ("vector", pa.array([[[1.0]]])),
        ("vector", pa.array([["x"]])),
        ("vector", pa.array([[("x", 1.0)]], pa.map_(pa.string(), pa.float32()))),
        ("vector", pa.array(["x"])),
        ("vector", pa.array([None])),
    ]
    for name, column in wrong:
        refuse(index, write(tmp_path, {**columns(index, tmp_path), name: column}))


def test_what_is_not_ours_in_a_table_is_left_out(index: anyseek.Index, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    more = {"taken": pa.array([1 << 40], pa.timestamp("s"))}
    assert index.library.import_(write(tmp_path, columns(index, tmp_path) | more)).segments == 1
