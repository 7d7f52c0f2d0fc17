"""The files of the embedded Qdrant: who may have them open, and whether they are what was left.

    qdrant/S.npz            the rows that it has (qdrant_store.py)
    qdrant/S.files.json     the collection's files as the last sync left them: size, time, checksum
    qdrant/COLLECTION/      the engine's own
    qdrant/open             locked by the process that has the engine open, reader or writer
    qdrant/writer           locked by a sync, so that readers let go and none takes its place

The engine writes to its files even when it only opens them, so one process can have them open; and it believes what
it reads, so that a zeroed file gives wrong answers. What it writes in a session without updates has the same bytes as
before (times differ), so checksums taken after a sync hold until the next one, even where a reader was killed.
"""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyseek.catalog import derived
from anyseek.catalog.failures import translated
from anyseek.jsonable import from_json, to_json
from anyseek.opening import open_own, stat_own
from anyseek.stores.backend import StoreInUse

WAIT_S = 10.0
"""How long a sync waits for searches that have the engine open."""

_EVERY_S = 0.02
_MOST_RECORD = 16 << 20  # bytes; a collection has some hundred files


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was left. stamp: size in bytes, time of change in nanoseconds."""

    stamp: tuple[int, int]
    crc: int


@dataclass(frozen=True, slots=True)
class FilesRecord:
    """Of a collection, by paths relative to its folder."""

    collection: str
    files: dict[str, FileRecord] = field(default_factory=dict)


# ---------------------------------------------------------------- whole


def record_of(folder: Path) -> FilesRecord:
    """As the files are now. Raises OSError."""
    names = _names(folder)
    return FilesRecord(
        folder.name, {name: FileRecord(_stamp(folder / name), _crc(folder / name)) for name in names}
    )


def are_whole(folder: Path, record: FilesRecord, *, thorough: bool = False, access: int = os.R_OK) -> bool:
    """Whether the files are what was recorded: by their stamps, and by checksum where these differ.

    thorough: by checksum in any case. access: what we have to be allowed with them, as for os.access.
    """
    try:
        if folder.name != record.collection or _names(folder) != sorted(record.files):
            return False
        return all(_is_whole(folder / name, one, thorough, access) for name, one in record.files.items())
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


def _is_whole(path: Path, record: FileRecord, thorough: bool, access: int) -> bool:
    stamp = _stamp(path)
    if stamp[0] != record.stamp[0] or not os.access(path, access):
        return False
    return (stamp == record.stamp and not thorough) or _crc(path) == record.crc


def read_record(qdrant: Path, space_id: int) -> FilesRecord | None:
    """None where there is none, or it is damaged."""
    try:
        return from_json(derived.read_file(_record_path(qdrant, space_id), _MOST_RECORD) or b"", FilesRecord)
    except ValueError:
        return None


def write_record(qdrant: Path, space_id: int, record: FilesRecord | None) -> None:
    """Whole or not at all; None deletes it. Raises DiskFull, ReadOnlyIndex."""
    if record is not None:
        derived.write_file(_record_path(qdrant, space_id), to_json(record).encode())
        return
    with translated(qdrant.parent):
        derived.remove(_record_path(qdrant, space_id))


def _record_path(qdrant: Path, space_id: int) -> Path:
    return qdrant / f"{space_id}.files.json"


def _names(folder: Path) -> list[str]:
    paths = [Path(where, name) for where, _, names in os.walk(folder) for name in names]
    return sorted(str(path.relative_to(folder)) for path in paths)


def _stamp(path: Path) -> tuple[int, int]:
    status = stat_own(str(path))
    return status.st_size, status.st_mtime_ns


def _crc(path: Path) -> int:
    crc = 0
    with os.fdopen(open_own(str(path)), "rb") as file:
        while block := file.read(8 << 20):
            crc = zlib.crc32(block, crc)
    return crc


# ---------------------------------------------------------------- one at a time


def opened_for_reading(qdrant: Path) -> int:
    """The lock of a process that searches, as a descriptor to close. Never waits.

    Raises StoreInUse while another process has the files open, or a sync wants them; OSError.
    """
    check_no_writer(qdrant)
    return _locked(qdrant / "open", fcntl.LOCK_EX)


def check_no_writer(qdrant: Path) -> None:
    """Raises StoreInUse while a sync is at work, or waits; OSError."""
    os.close(_locked(qdrant / "writer", fcntl.LOCK_SH))


@contextmanager
def opened_for_writing(qdrant: Path) -> Iterator[None]:
    """Nobody else has the files open in the block. Waits for searches that have. Raises StoreInUse, OSError."""
    with translated(qdrant.parent):
        derived.make_folder(qdrant)
        for name in ("writer", "open"):
            if (qdrant / name).is_symlink() or not (qdrant / name).is_file():
                derived.remove(qdrant / name)
    until = time.monotonic() + WAIT_S
    writer = _waited(qdrant / "writer", until)
    try:
        opened = _waited(qdrant / "open", until)
        try:
            yield
        finally:
            os.close(opened)
    finally:
        os.close(writer)


def _waited(path: Path, until: float) -> int:
    while True:
        try:
            return _locked(path, fcntl.LOCK_EX)
        except StoreInUse:
            if time.monotonic() > until:
                raise
            time.sleep(_EVERY_S)


def _locked(path: Path, how: int) -> int:
    descriptor = open_own(str(path), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreInUse(
            f"Another process has the Qdrant files in {path.parent} open.", "That passes by itself."
        ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
