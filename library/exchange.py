"""Vectors in and out: Parquet or NumPy files with ids, modality, path and fingerprint beside each vector."""

from __future__ import annotations

import json
import os
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.atomic import replacing
from anyseek.contracts import Modality, ModelCard, SeenFile, Span, Unit
from anyseek.errors import MissingExtra, OtherModel, UsageError

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot, Writer
    from anyseek.catalog.records import SpaceRecord
    from anyseek.contracts import Floats

AT_ONCE = 8192
_CRC = "vectors_crc32"
_FIELDS = ("segment_id", "path", "modality", "start", "end", "unit", "excerpt")


@dataclass(frozen=True, slots=True)
class Moved:
    """How much was exported or imported. kept: files that an import left as they are."""

    segments: int
    files: int
    fingerprint: str
    kept: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Content:
    """A file, read. about: the model. records: of each vector, at least its path and modality. vectors: (n, dim)."""

    about: dict[str, Any]
    records: list[dict[str, Any]]
    vectors: Floats


def export(snapshot: Snapshot, space: SpaceRecord, target: Path) -> Moved:
    """Every searchable segment to `target`: .parquet, or .npy with a .jsonl of the same name beside it.

    Raises UsageError for another suffix, MissingExtra without pyarrow, OSError where it cannot be written;
    the files that were there before stay then.
    """
    write = {".parquet": _write_parquet, ".npy": _write_npy}.get(target.suffix.lower())
    if write is None:
        raise UsageError(f"Vectors cannot be exported to {target.name}.", "Name it .parquet or .npy.")
    return write(snapshot, space, target)


def _batches(snapshot: Snapshot, space: SpaceRecord) -> Iterator[tuple[list[dict[str, Any]], Floats]]:
    live = snapshot.allowed_rows(space.space_id)
    rows = np.arange(space.rows, dtype=np.int64) if live is None else live
    for i in range(0, len(rows), AT_ONCE):
        part = rows[i : i + AT_ONCE]
        records = [
            {
                "segment_id": segment.segment_id,
                "path": os.fsencode(path).decode("utf-8", "backslashreplace"),
                "modality": str(segment.modality),
                "start": segment.span.start,
                "end": segment.span.end,
                "unit": str(segment.span.unit),
                "excerpt": segment.excerpt,
            }
            for segment, path in snapshot.hits_for_rows(space.space_id, part)
        ]
        yield records, snapshot.vectors_at(space.space_id, part)


def _write_parquet(snapshot: Snapshot, space: SpaceRecord, target: Path) -> Moved:
    pa, pq = _arrow()
    metadata = {"anyseek": json.dumps(_about(space))}
    fields = [("segment_id", pa.int64()), ("path", pa.string()), ("modality", pa.string())]
    fields += [
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("unit", pa.string()),
        ("excerpt", pa.string()),
    ]
    schema = pa.schema([*fields, ("vector", pa.list_(pa.float32(), space.card.dim))], metadata=metadata)
    n, paths = 0, set[str]()
    with replacing(target) as whole, pq.ParquetWriter(whole, schema) as file:
        for records, vectors in _batches(snapshot, space):
            columns = {name: [record[name] for record in records] for name in _FIELDS}
            flat = pa.array(vectors.reshape(-1), pa.float32())
            columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, space.card.dim)
            file.write_table(pa.table(columns, schema=schema))
            n += len(records)
            paths.update(record["path"] for record in records)
    return Moved(n, len(paths), space.card.fingerprint)


def _write_npy(snapshot: Snapshot, space: SpaceRecord, target: Path) -> Moved:
    """The vectors take their place last, after the lines; by their checksum a reader knows whether both belong
    together."""
    n, paths, crc = 0, set[str](), 0
    header = {"descr": "<f4", "fortran_order": False, "shape": (space.live, space.card.dim)}
    with replacing(target) as file, replacing(target.with_suffix(".jsonl")) as lines:
        np.lib.format.write_array_header_1_0(file, header)
        lines.write(_first_line(space, crc))
        for records, vectors in _batches(snapshot, space):
            data = np.ascontiguousarray(vectors, "<f4").tobytes()
            crc = zlib.crc32(data, crc)
            file.write(data)
            lines.writelines(json.dumps(record).encode() + b"\n" for record in records)
            n += len(records)
            paths.update(record["path"] for record in records)
        lines.seek(0)
        lines.write(_first_line(space, crc))
    return Moved(n, len(paths), space.card.fingerprint)


def _first_line(space: SpaceRecord, crc: int) -> bytes:
    """As long for any checksum."""
    return json.dumps({"anyseek": {**_about(space), _CRC: f"{crc:08x}"}}).encode() + b"\n"


def _about(space: SpaceRecord) -> dict[str, Any]:
    return {"model": space.card.name, "fingerprint": space.card.fingerprint, "dim": space.card.dim}


def import_(catalog: Catalog, source: Path, card: ModelCard) -> Moved:
    """Segments with vectors made elsewhere, into an index of the model `card`.

    source: what `export` writes, or a file of those columns; without segment_id. Paths must lie in a root of the index.
    A file that was indexed from its content is kept as it is, since the index knows more of it (its whole text, its
    hash) than an import could put in its place; what an earlier import brought is replaced.
    Raises UsageError naming what is wrong, OtherModel for another fingerprint, and nothing is stored then.
    """
    read = {".parquet": _read_parquet, ".npy": _read_npy}.get(source.suffix.lower())
    if read is None:
        raise UsageError(f"Vectors cannot be imported from {source.name}.", "It has to be .parquet or .npy.")
    if not source.exists():
        raise UsageError(f"There is no file {source}.", "Check the path.")
    content = read(source)
    fingerprint = content.about.get("fingerprint", card.fingerprint)
    if fingerprint != card.fingerprint:
        raise OtherModel(
            f"The vectors in {source.name} are of {content.about.get('model')} ({fingerprint}), "
            f"and the index is of {card.name} ({card.fingerprint}).",
            "Import them into an index of their own model.",
        )
    places: dict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(content.records):
        missing = [name for name in ("path", "modality") if not record.get(name)]
        if missing:
            raise UsageError(
                f"Row {place} of {source.name} has no {missing[0]}.", "Every row has path and modality."
            )
        places[record["path"]].append(place)
    with catalog.lock("anyseek import"):
        with catalog.read() as snapshot:
            all_files = {path: _seen(snapshot, path) for path in places}
            files = {path: seen for path, seen in all_files.items() if not _is_indexed(snapshot, path)}
        with catalog.begin() as writer:
            space_id = writer.ensure_space(card)
            for path, seen in files.items():
                _put_file(writer, space_id, seen, content, places[path])
    n_segments = sum(len(places[path]) for path in files)
    return Moved(n_segments, len(files), card.fingerprint, len(places) - len(files))


def _is_indexed(snapshot: Snapshot, path: str) -> bool:
    """Whether the index has segments that it made of the file itself: files that were imported have no hash."""
    record = snapshot.locate(path)
    return bool(record and record.content_hash and snapshot.segments_of_file(record.file_id))


def _put_file(writer: Writer, space_id: int, seen: SeenFile, content: _Content, places: list[int]) -> None:
    """One file, with the segments that stand at these places of the content."""
    records = {place: content.records[place] for place in places}
    modalities = {place: _modality(record) for place, record in records.items()}
    file_id = writer.put_file(seen, b"", modalities[places[0]])
    for modality in dict.fromkeys(modalities.values()):
        own = [place for place in places if modalities[place] is modality]
        parts = [(_span(records[place]), str(records[place].get("excerpt") or "")[:200]) for place in own]
        writer.add_segments(file_id, space_id, modality, parts, content.vectors[own])


def _seen(snapshot: Snapshot, path: str) -> SeenFile:
    for number, root in snapshot.roots().items():
        stem = os.path.join(str(root), "")
        if path.startswith(stem):
            try:
                facts = os.stat(path)
                size, mtime_ns, inode = facts.st_size, facts.st_mtime_ns, facts.st_ino
            except OSError:
                size = mtime_ns = inode = 0
            return SeenFile(number, path[len(stem) :], size, mtime_ns, inode)
    raise UsageError(
        f"{path} is not below any folder of the index.", "Index the folder that the paths are in."
    )


def _modality(record: dict[str, Any]) -> Modality:
    try:
        return Modality(record["modality"])
    except ValueError as error:
        raise UsageError(
            f"There is no modality {record['modality']!r}.", f"There are: {', '.join(Modality)}."
        ) from error


def _span(record: dict[str, Any]) -> Span:
    try:
        return Span(
            float(record.get("start") or 0),
            float(record.get("end") or 0),
            Unit(record.get("unit") or "whole"),
        )
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{record.get('unit')!r} is not a unit of a span.", "There are: whole, s, char."
        ) from error


def _read_parquet(source: Path) -> _Content:
    pa, pq = _arrow()
    try:
        table = pq.read_table(source)
        about = json.loads((table.schema.metadata or {}).get(b"anyseek", b"{}"))
        vectors = np.array(table["vector"].to_pylist(), np.float32)
        records = table.drop_columns(["vector"]).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{source} cannot be read: {error}.", "It needs the columns path, modality, vector."
        ) from error
    return _Content(about, records, vectors)


def _read_npy(source: Path) -> _Content:
    try:
        vectors = np.load(source, allow_pickle=False).astype(np.float32)
        lines = source.with_suffix(".jsonl").read_text("utf-8").splitlines()
        records = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{source} cannot be read: {error}.", "It needs a .jsonl of the same name beside it."
        ) from error
    about = records.pop(0)["anyseek"] if records and "anyseek" in records[0] else {}
    if len(records) != len(vectors):
        raise UsageError(f"{source} has {len(vectors)} vectors, and {len(records)} lines describe them.")
    actual = f"{zlib.crc32(np.ascontiguousarray(vectors, '<f4').tobytes()):08x}"
    if about.get(_CRC, actual) != actual:  # files of other programs have none
        raise UsageError(
            f"{source.name} does not hold the vectors that {source.stem}.jsonl describes.",
            f"Export them again; or remove {_CRC} from its first line, if you changed the vectors.",
        )
    return _Content(about, records, vectors)


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("pyarrow is not installed.", 'pip install "anyseek[parquet]"') from error
    return pa, pq
