"""Between table rows and records, paths and bytes. Pure, apart from what asks the disk about paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek import jsonable
from anyseek.catalog.failures import REPAIR
from anyseek.catalog.records import SpaceRecord
from anyseek.contracts import FileRecord, FileState, Modality, ModelCard, Problem, Report, Segment, Span, Unit
from anyseek.errors import IndexDamaged, MissingExtra
from anyseek.modalities import PACKAGES, UnknownModality

if TYPE_CHECKING:
    from anyseek.contracts import Rows

FILE_COLUMNS = (
    "file_id, root, path, size, mtime_ns, inode, content_hash, modality, state,"
    " problem_code, problem_stage, problem_reason"
)
SEGMENT_COLUMNS = "s.segment_id, s.file_id, s.modality, s.start, s.end, s.unit, s.excerpt"

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# What a row of the table can be called; anything else was not written by us.
_MODALITY = re.compile(r"[a-z][a-z0-9_]*")

LARGEST = 1 << 53
"""Of a counter, and of what is counted; of records' own numbers 2**52. None of ours comes near, and what is above would
leave SQLite's 64 bits no room to count on."""

# Looking a member up in a dict is several times faster than calling the enum; 100,000 files feel it.
_STATES = {str(state): state for state in FileState}
_UNITS = {str(unit): unit for unit in Unit}


def file_record(row: Any) -> FileRecord:
    """From FILE_COLUMNS."""
    file_id, root, path, size, mtime_ns, inode, content_hash, modality, state, code, stage, reason = row
    try:
        return FileRecord(
            file_id,
            root,
            os.fsdecode(path),
            size,
            mtime_ns,
            unsigned(inode),
            content_hash,
            None if modality is None else Modality(modality),
            _STATES[state],
            None if code is None else Problem(code, stage, reason),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(f"file {file_id}", error) from error


def segment(row: Any) -> Segment:
    """From SEGMENT_COLUMNS."""
    segment_id, file_id, modality, start, end, unit, excerpt = row
    try:
        return Segment(segment_id, file_id, Modality(modality), Span(start, end, _UNITS[unit]), excerpt)
    except (KeyError, ValueError) as error:
        raise unreadable(f"segment {segment_id}", error) from error


def unreadable(record: str, error: BaseException) -> IndexDamaged | MissingExtra:
    """The error for a record that names a modality whose package is gone, or holds what no Anyseek of this format ever
    wrote. error: of reading it."""
    cause = error.__cause__ if isinstance(error.__cause__, UnknownModality) else error  # msgspec wraps it
    if isinstance(cause, UnknownModality) and _MODALITY.fullmatch(str(cause.name)):
        return MissingExtra(
            f"The index has the modality {cause.name}, which no installed package declares.",
            f"Install the package that it was made with (entry-point group {PACKAGES.name}). If there is none, the"
            " record is damaged: run `anyseek doctor --repair`.",
        )
    return IndexDamaged(f"The catalog's record of {record} cannot be read.", REPAIR)


def modality(name: str) -> Modality:
    """A modality by its name in a table."""
    try:
        return Modality(name)
    except ValueError as error:
        raise unreadable("a modality", error) from error


def state(name: str) -> FileState:
    """A file's state by its name in a table."""
    try:
        return FileState(name)
    except ValueError as error:
        raise unreadable("a file's state", error) from error


def from_json(text: str) -> Any:
    """A stored setting."""
    try:
        return jsonable.parsed(text)
    except (TypeError, ValueError) as error:
        raise unreadable("a setting", error) from error


def report(text: str) -> Report:
    """A run's report."""
    try:
        return jsonable.from_json(text, Report)
    except (TypeError, ValueError) as error:
        raise unreadable("a run", error) from error


def row_array(rows: Iterable[Any], *, sort: bool = False) -> Rows:
    """One-column table rows as an int64 array."""
    import numpy as np

    try:
        array = np.fromiter((row for (row,) in rows), np.int64)
    except (TypeError, ValueError) as error:
        raise unreadable("a row", error) from error
    if sort:
        array.sort()
    return array


def space(space_id: int, card_text: str, generation: int, rows: int, live: int) -> SpaceRecord:
    """A space's record. Raises IndexDamaged, MissingExtra."""
    model = card(card_text)
    if model.dim < 1 or not all(map(is_number, (generation, rows, live))):
        raise unreadable("a model", TypeError())
    return SpaceRecord(space_id, model, generation, rows, live)


def card(text: str) -> ModelCard:
    """A space's model."""
    try:
        return jsonable.from_json(text, ModelCard)
    except (TypeError, ValueError) as error:
        raise unreadable("a model", error) from error


def is_number(value: object) -> bool:
    """Whether a counter can stand there."""
    return isinstance(value, int) and 0 <= value <= LARGEST


def clean_text(text: str) -> str:
    """What UTF-8 cannot hold (surrogates of undecodable names) becomes `\\udcXX`: SQLite takes no less."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def clean_tag(name: str) -> str:
    """A tag as it is stored: one space between words, no control characters, nothing that UTF-8 cannot hold; "" for
    none."""
    return clean_text(" ".join(_CONTROLS.sub("", " ".join(name.split())).split()))


def signed(number: int) -> int:
    """A 64-bit inode, which may use the top bit, as SQLite's signed integer."""
    return number - (1 << 64) if number >= 1 << 63 else number


def unsigned(number: int) -> int:
    """Undoes `signed`. Raises IndexDamaged for what is no number."""
    if not isinstance(number, int):
        raise unreadable("a folder", TypeError())
    return number + (1 << 64) if number < 0 else number


# ---------------------------------------------------------------- paths


def path_bytes(path: str) -> bytes:
    """A path as the system spells it; undecodable bytes are surrogates in `path`."""
    return os.fsencode(path)


def absolute_bytes(path: Path) -> bytes:
    """The absolute path, links left as they are."""
    return with_one_slash(os.fsencode(os.path.abspath(path)))


def with_one_slash(path: bytes) -> bytes:
    """An absolute path as ways lead to it: POSIX keeps two slashes at its beginning, which Linux takes for one."""
    return path[1:] if path.startswith(b"//") else path


def same_folder(one: Path, other: Path) -> bool:
    """Whether two spellings mean one folder, as far as the disk tells."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)


def is_on_disk(path: str) -> bool:
    """Whether there is a file or folder of that name, byte for byte: some file systems know others by it too."""
    while os.path.lexists(path):
        parent, name = os.path.split(path)
        if not name:
            return True
        try:
            if name not in os.listdir(parent):
                return False
        except OSError:  # a folder that can be passed through, but not listed
            pass
        path = parent
    return False


def path_below(folder: bytes, path: bytes) -> bytes | None:
    """The way from `folder` to `path`, b"" when they are equal, None when `path` is not below it."""
    if path == folder:
        return b""
    stem = folder.rstrip(b"/") + b"/"
    return path[len(stem) :] if path.startswith(stem) else None


def prefix_range(folder: bytes) -> tuple[bytes, bytes]:
    """Paths below `folder` (b"" for all) are those p with low <= p < high, compared as bytes."""
    if not folder:
        return b"", b"\xff" * 5000  # above any path: they have at most 4,096 bytes
    return folder + b"/", folder + b"0"  # "0" follows "/" in ASCII


def relative_root(folder: Path, root: Path) -> bytes | None:
    """The way from the index folder to a root, None when they lie on different file systems."""
    try:
        if os.stat(folder).st_dev != os.stat(root).st_dev:
            return None
    except OSError:
        return None
    return os.path.relpath(os.fsencode(root), os.fsencode(os.path.realpath(folder)))
