"""The two kinds of files that vectors travel in, written and read batch by batch: memory does not grow with them."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from anyseek.atomic import writing
from anyseek.errors import MissingExtra, UsageError
from anyseek.jsonable import once_each, parsed
from anyseek.library.exchange_records import SEGMENT_FIELDS
from anyseek.printable import printable
from anyseek.system_errors import OF_A_PATH, as_anyseek

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.contracts import Floats

    Batches = Iterable[tuple[list[dict[str, Any]], Floats]]

READ_AT_ONCE = 1024
_LONGEST_LINE = 64 << 20
_CRC = "vectors_crc32"
_COLUMNS = "It needs the columns path, modality, vector."
_ABOUT, _OTHER = "anyseek", "anyseek_catalog"


class Reader(Protocol):
    """A file, opened. Raises UsageError from every method where it cannot be read."""

    def about(self) -> dict[str, Any]:
        """The model that its vectors are of, as far as it says so."""

    def batches(self) -> Iterator[tuple[list[dict[str, Any]], Floats]]:
        """What it says of each vector, and the vectors: (n, dim) float32."""

    def others(self) -> Iterator[Any]:
        """What it says beside its vectors (exchange_records.other_records); only after all batches."""


def about_space(space: SpaceRecord) -> dict[str, Any]:
    """What a file says of its model."""
    return {"model": space.card.name, "fingerprint": space.card.fingerprint, "dim": space.card.dim}


# ---------------------------------------------------------------- Parquet


def write_parquet(
    target: Path, space: SpaceRecord, batches: Batches, others: Iterable[dict[str, Any]]
) -> None:
    """A column for each of SEGMENT_FIELDS and one for the vectors; the rest, compressed, in the file's metadata."""
    pa, pq = _arrow()
    metadata = {_ABOUT: json.dumps(about_space(space)), _OTHER: _packed(others)}
    kinds = {
        "path_bytes": pa.binary(),
        "tags": pa.list_(pa.string()),
        "inode": pa.uint64(),
        **dict.fromkeys(("segment_id", "size", "mtime_ns"), pa.int64()),
        **dict.fromkeys(("start", "end"), pa.float64()),
    }
    fields = [(name, kinds.get(name, pa.string())) for name in SEGMENT_FIELDS]
    schema = pa.schema([*fields, ("vector", pa.list_(pa.float32(), space.card.dim))], metadata=metadata)
    with writing(target) as whole, pq.ParquetWriter(whole, schema) as file:
        for records, vectors in batches:
            columns: dict[str, Any] = {name: [one[name] for one in records] for name in SEGMENT_FIELDS}
            flat = pa.array(vectors.reshape(-1), pa.float32())
            columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, space.card.dim)
            file.write_table(pa.table(columns, schema=schema))


def _packed(records: Iterable[dict[str, Any]]) -> bytes:
    packer = zlib.compressobj()
    parts = [packer.compress(_line(record)) for record in records]
    return b"".join([*parts, packer.flush()])


class ParquetReader:
    """A .parquet file."""

    def __init__(self, source: Path) -> None:
        self._source = source
        _arrow()

    def about(self) -> dict[str, Any]:
        """See Reader."""
        with self._opened() as file:
            return _as_about(parsed(self._metadata(file).get(_ABOUT.encode(), b"{}"), once_each))

    def batches(self) -> Iterator[tuple[list[dict[str, Any]], Floats]]:
        """See Reader."""
        with self._opened() as file:
            ours = [name for name in file.schema_arrow.names if name in (*SEGMENT_FIELDS, "vector")]
            once_each([(name, None) for name in ours])
            for batch in file.iter_batches(READ_AT_ONCE, columns=ours):
                vectors = _vectors(batch.column("vector"))
                yield batch.drop_columns(["vector"]).to_pylist(), vectors

    def others(self) -> Iterator[Any]:
        """See Reader."""
        with self._opened() as file:
            packed = self._metadata(file).get(_OTHER.encode(), b"")
            yield from map(_record, _unpacked_lines(packed))

    @staticmethod
    def _metadata(file: Any) -> dict[bytes, bytes]:
        return file.schema_arrow.metadata or {}

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        pa, pq = _arrow()
        try:
            with pq.ParquetFile(self._source, pre_buffer=False) as file:
                yield file
        except (ArithmeticError, TypeError) as error:  # PyArrow's, of values for which Python has no type
            raise UsageError(
                f"{printable(str(self._source))} cannot be read: a column has values of another kind.",
                _COLUMNS,
            ) from error
        except (pa.ArrowException, OSError, ValueError, KeyError, zlib.error) as error:
            _check_system(error, self._source)
            is_damaged = isinstance(error, (pa.ArrowException, OSError, zlib.error)) and not isinstance(
                error, KeyError
            )
            raise UsageError(
                f"{printable(str(self._source))} cannot be read: {error}.",
                "It is cut off or damaged, or no Parquet file. Export it again." if is_damaged else _COLUMNS,
            ) from error


def _vectors(column: Any) -> Floats:
    """(n, dim) float32. Raises ValueError for lists of several lengths."""
    pa, _ = _arrow()
    kind, types = column.type, pa.types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not is_list or not (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        raise ValueError("its vectors are not lists of numbers")
    flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32)
    n = len(column)
    lengths = set(column.value_lengths().to_pylist()) if hasattr(column, "value_lengths") else {None}
    if column.null_count or len(lengths) > 1 or (n and len(flat) % n):
        raise ValueError("its vectors are not all of one length")
    return flat.reshape(n, -1) if n else flat.reshape(0, 0)


def _unpacked_lines(packed: bytes) -> Iterator[bytes]:
    """Lines of compressed text, without ever holding all of it."""
    unpacker, rest = zlib.decompressobj(), b""
    while packed:
        rest += unpacker.decompress(packed, 1 << 20)
        packed = unpacker.unconsumed_tail
        *lines, rest = rest.split(b"\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            raise ValueError("a line of its metadata is too long")
    yield from filter(None, (rest + unpacker.flush()).split(b"\n"))


# ---------------------------------------------------------------- NumPy, with JSON lines beside it


def write_npy(target: Path, space: SpaceRecord, batches: Batches, others: Iterable[dict[str, Any]]) -> None:
    """The vectors take their place last, after the lines; by their checksum a reader knows whether both belong
    together. The lines: one about the model, one for each vector, and then the rest."""
    crc = 0
    header = {"descr": "<f4", "fortran_order": False, "shape": (space.live, space.card.dim)}
    with writing(target) as file, writing(target.with_suffix(".jsonl")) as lines:
        np.lib.format.write_array_header_1_0(file, header)
        lines.write(_first_line(space, crc))
        for records, vectors in batches:
            data = np.ascontiguousarray(vectors, "<f4").tobytes()
            crc = zlib.crc32(data, crc)
            file.write(data)
            lines.writelines(map(_line, records))
        lines.writelines(_line({_OTHER: record}) for record in others)
        lines.seek(0)
        lines.write(_first_line(space, crc))
        # Before the lines take their place: then hardly anything lies between the two.
        file.flush()
        os.fsync(file.fileno())


def _first_line(space: SpaceRecord, crc: int) -> bytes:
    """As long for any checksum."""
    return json.dumps({_ABOUT: {**about_space(space), _CRC: f"{crc:08x}"}}).encode() + b"\n"


class NpyReader:
    """A .npy file and the .jsonl file beside it."""

    def __init__(self, source: Path) -> None:
        self._source, self._beside = source, source.with_suffix(".jsonl")

    def about(self) -> dict[str, Any]:
        """See Reader. Raises UsageError too when the vectors are not those that the lines describe."""
        with self._lines() as file:
            first: Any = next(self._records(file), {})
            about = _as_about(first.get(_ABOUT, {})) if isinstance(first, dict) else {}
            vectors = self._mapped()
            crc = 0
            for i in range(0, len(vectors), READ_AT_ONCE):
                crc = zlib.crc32(np.ascontiguousarray(vectors[i : i + READ_AT_ONCE], "<f4").tobytes(), crc)
            n_lines = sum(1 for record in self._lines_of_vectors())
        if n_lines != len(vectors):
            raise UsageError(f"{self._source} has {len(vectors)} vectors, and {n_lines} lines describe them.")
        if about.get(_CRC, f"{crc:08x}") != f"{crc:08x}":  # files of other programs have none
            raise UsageError(
                f"{self._source.name} does not hold the vectors that {self._beside.name} describes.",
                f"Export them again; or remove {_CRC} from its first line, if you changed the vectors.",
            )
        return about

    def batches(self) -> Iterator[tuple[list[dict[str, Any]], Floats]]:
        """See Reader."""
        with _readable(self._source, "Export it again."):
            vectors, records = self._mapped(), self._lines_of_vectors()
            for i in range(0, len(vectors), READ_AT_ONCE):
                part = np.asarray(vectors[i : i + READ_AT_ONCE], np.float32)
                yield [next(records) for _ in range(len(part))], part

    def others(self) -> Iterator[Any]:
        """See Reader."""
        with self._lines() as file:
            for record in self._records(file):
                if isinstance(record, dict) and _OTHER in record:
                    yield record[_OTHER]

    @contextmanager
    def _lines(self) -> Iterator[BinaryIO]:
        if not self._beside.exists():
            raise UsageError(
                f"There is no file {printable(str(self._beside))}, which says what {self._source.name} holds.",
                "Put it beside it, or export both again.",
            )
        hint = "It has a JSON object a line, one for each vector."
        with _readable(self._beside, hint), self._beside.open("rb") as file:
            yield file

    def _lines_of_vectors(self) -> Iterator[dict[str, Any]]:
        with self._lines() as file:
            for record in self._records(file):
                if not isinstance(record, dict):
                    raise ValueError(f"a line is {type(record).__name__}, not an object")
                if _ABOUT not in record and _OTHER not in record:
                    yield record

    def _records(self, file: BinaryIO) -> Iterator[Any]:
        while line := file.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:
                raise ValueError("a line is too long")
            if line.strip():
                yield _record(line)

    def _mapped(self) -> Any:
        with _readable(self._source, "It has to be a NumPy file of rows of numbers. Export it again."):
            try:
                # Not np.load, which also takes archives and pickles.
                vectors = np.lib.format.open_memmap(self._source, mode="r")
            except OSError:
                raise
            except Exception as error:  # NumPy takes the header for Python: anything may be wrong in it
                is_cut_off = isinstance(error, EOFError) or "mmap length" in str(error)
                raise ValueError("it is cut off" if is_cut_off else "it is not a whole .npy file") from error
            if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
                raise ValueError("it does not hold rows of numbers")
            return vectors


@contextmanager
def _readable(path: Path, hint: str) -> Iterator[None]:
    """Raises UsageError with the hint for content that is not what it should be."""
    try:
        yield
    except (OSError, ValueError, EOFError) as error:
        _check_system(error, path)
        raise UsageError(f"{printable(str(path))} cannot be read: {error}.", hint) from error


def _check_system(error: Exception, source: Path) -> None:
    """Raises what the system refused as Anyseek's own; OSError without a number is a decoder's word for bad content."""
    if isinstance(error, OSError) and error.errno and error.errno not in OF_A_PATH:
        raise as_anyseek(error, printable(str(source))) from error


# ---------------------------------------------------------------- lines


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, default=bytes.hex).encode() + b"\n"


def _record(line: bytes) -> Any:
    """Raises ValueError."""
    return parsed(line, _with_bytes)


def _with_bytes(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = once_each(pairs)
    if isinstance(record.get("path_bytes"), str):
        record["path_bytes"] = bytes.fromhex(record["path_bytes"])
    return record


def _as_about(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("pyarrow is not installed.", 'pip install "anyseek[parquet]"') from error
    return pa, pq
