"""Tags apart from the files that have them: by place and content, as they are saved, carried over and given back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, BinaryIO

from anyseek.catalog import codec
from anyseek.catalog.file_reader import FileReader
from anyseek.catalog.schema import place_of
from anyseek.errors import UsageError
from anyseek.folding import folded
from anyseek.jsonable import GivenTwice, once_each, parsed
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.writer import Writer
    from anyseek.contracts import FileRecord

HASH_BYTES = 32
"""The longest content hash that a line may have."""

LONGEST_PATH = 4096
"""Bytes of a path below its root."""

_LONGEST_LINE = 16 << 20
_BYTES_OF_TAGS = 1 << 19  # in one line that we write, but for a single tag that is longer
_MOST_DAMAGED = 2  # letters of a tag that is told by its fold
_FIELDS = {"path", "hash", "tags"}


@dataclass(frozen=True, slots=True)
class TagRecord:
    """The tags of one file. path: absolute, "" when it is not known. content_hash: b"" when it is not known.
    is_kept: the index does not have the file (now)."""

    path: str
    content_hash: bytes
    tags: tuple[str, ...]
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class TagsImported:
    """What an import did. lines: read; files: that got at least one tag which they did not have; kept: lines that fit
    no file of the index, whose tags wait until one comes."""

    lines: int
    files: int
    kept: int


# ---------------------------------------------------------------- reading


def read_tags(reader: FileReader) -> Iterator[TagRecord]:
    """The tags of every file, by root and path; then those that are kept for files that are not in the index.

    A file that a run was cut off in the middle of has the tags that it had before: they are kept for it.
    """
    yield from (record for record, _ in _tags_of_files(reader))
    yield from _tags_of_no_file(reader)


def _tags_of_files(reader: FileReader) -> Iterator[tuple[TagRecord, Any]]:
    """With the inode of each file, as it is stored."""
    rows = reader.database.rows(
        "SELECT f.root, f.path, f.content_hash, f.inode, f.state = 'partial', t.tag"
        " FROM tags t NOT INDEXED JOIN files f ON f.file_id = t.file_id ORDER BY f.root, f.path, t.folded"
    )
    for (root, path, content_hash, inode, is_partial), group in groupby(rows, lambda row: row[:5]):
        record = _record_of(reader.absolute(root, path), content_hash, (tag for *_, tag in group))
        yield replace(record, is_kept=bool(is_partial)), inode


def _tags_of_no_file(reader: FileReader) -> Iterator[TagRecord]:
    rows = reader.database.rows(
        "SELECT k.place, k.content_hash, k.tag FROM kept_tags k WHERE NOT EXISTS"
        " (SELECT 1 FROM files f JOIN roots r ON r.root = f.root"
        " WHERE f.content_hash = k.content_hash AND length(k.content_hash) > 0"
        f" AND {place_of('f')} = k.place) ORDER BY k.place, k.content_hash, k.folded"
    )
    roots = recorded_roots(reader)
    for (place, content_hash), group in groupby(rows, lambda row: row[:2]):
        yield kept_record(reader, roots, place, content_hash, (tag for *_, tag in group))


def kept_record(
    reader: FileReader, roots: dict[int, bytes], place: Any, content_hash: Any, tags: Iterable[Any]
) -> TagRecord:
    """From rows of kept_tags. roots: `recorded_roots`. Raises IndexDamaged for what is no place, no hash or no tag."""
    if not isinstance(place, bytes):
        raise codec.unreadable("kept tags", TypeError())
    return replace(_record_of(present_place(reader, roots, place), content_hash, tags), is_kept=True)


def _record_of(path: str, content_hash: Any, tags: Iterable[Any]) -> TagRecord:
    named = tuple(tags)
    if not isinstance(content_hash, bytes) or not all(isinstance(tag, str) for tag in named):
        raise codec.unreadable("tags", TypeError())
    return TagRecord(path, content_hash, named)


def tag_lines(reader: FileReader) -> Iterator[bytes]:
    """`read_tags` as JSON Lines: path, hash (hexadecimal, "" for an unknown one) and tags. A file of very many tags has
    several lines."""
    for record in read_tags(reader):
        for tags in _portions(record.tags):
            facts = {"path": record.path, "hash": record.content_hash.hex(), "tags": tags}
            yield json.dumps(facts).encode() + b"\n"


def _portions(tags: Iterable[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    n_bytes = 0
    for tag in tags:
        n_bytes += len(json.dumps(tag))
        if portion and n_bytes > _BYTES_OF_TAGS:
            yield portion
            portion, n_bytes = [], len(json.dumps(tag))
        portion.append(tag)
    yield portion


def recorded_roots(reader: FileReader) -> dict[int, bytes]:
    """Roots as kept places name them: where they were when the index was made, without a final "/"."""
    reader.roots()  # raises IndexDamaged for what is no path
    return {root: path.rstrip(b"/") for root, path in reader.database.rows("SELECT root, path FROM roots")}


def present_place(reader: FileReader, roots: dict[int, bytes], place: bytes) -> str:
    """Where a kept place is now that the index lies where it lies. roots: `recorded_roots`."""
    if not place:
        return ""
    for root, recorded in roots.items():
        below = codec.path_below(recorded, place)
        if below:
            return reader.absolute(root, below)
    return os.fsdecode(place)


def recorded_place(reader: FileReader, roots: dict[int, bytes], path: str) -> bytes:
    """An absolute path as kept places name it; b"" for "". roots: `recorded_roots`."""
    if not path:
        return b""
    for root, below in reader.below_roots(path):
        return roots[root] + b"/" + below if below else roots[root]
    return os.fsencode(os.path.abspath(path))


# ---------------------------------------------------------------- writing

# A file that a run is in the middle of is not seen yet, and does not come once more: it has its kept tags at once.
_TO_UNFINISHED = (
    "INSERT OR IGNORE INTO tags (folded, file_id, tag) SELECT ?1, f.file_id, ?2 FROM files f"
    f" WHERE f.state = 'partial' AND ({place_of('f')} = ?3 OR (f.content_hash = ?4 AND length(?4) > 0))"
)


class TagWriter:
    """Gives tags to the files of an index, inside a transaction."""

    def __init__(self, writer: Writer) -> None:
        self._database = writer.database
        self._reader = FileReader(writer.database)
        self._roots = recorded_roots(self._reader)

    def apply(
        self, record: TagRecord, has_its_own: Callable[[FileRecord], bool] = lambda file: False
    ) -> tuple[int, list[int]]:
        """Give them to the file of that content at that place, else to the file at that place and all files of that
        content, else keep them. How many files fit, and the numbers of those that got a tag which they did not have.

        has_its_own: tells files whose tags are known from where the record comes from. They get none that were kept
        beside them, of another file of their content.
        """
        at_place = self._at(record)
        if at_place is not None and _holds(at_place, record):
            return self._apply(record, [at_place])
        alike = self._reader.files_with_hash(record.content_hash)
        both = [*([at_place] if at_place is not None else []), *alike]
        return self._apply(record, [file for file in both if not (record.is_kept and has_its_own(file))])

    def carry(self, record: TagRecord, inode: Any, before: FileReader) -> None:
        """Give them to the file that had them in another index over the same folders: the one at that place, whatever
        it holds by now, unless the very file that was there lies elsewhere.

        inode: of that file, as it is stored; None for kept tags. before: the other index.
        """
        at_place = self._at(record)
        if at_place is None or record.is_kept:
            self.apply(record, lambda file: self._has_its_own(file, before))
            return
        moved = [] if _holds(at_place, record) else self._moved(record, inode, before)
        self._apply(record, moved or [at_place])

    def forget_all(self) -> None:
        """Take away every tag, kept ones too."""
        self._database.run("DELETE FROM tags")
        self._database.run("DELETE FROM kept_tags")

    def _apply(self, record: TagRecord, files: Sequence[FileRecord]) -> tuple[int, list[int]]:
        changed = [file.file_id for file in files if self._give(file, record.tags)]
        if record.is_kept or not files:
            self._keep(record)
        return len(files), changed

    def _at(self, record: TagRecord) -> FileRecord | None:
        return self._reader.locate(record.path) if record.path else None

    def _moved(self, record: TagRecord, inode: Any, before: FileReader) -> list[FileRecord]:
        """The very file, of that content and inode, at a place that was not its own before: files swapped their names,
        or another one took this one's."""
        return [
            file
            for file in self._reader.files_with_hash(record.content_hash)
            if codec.signed(file.inode) == inode
            and not _is_known(before, self._reader.absolute_path(file), file)
        ]

    def _has_its_own(self, file: FileRecord, before: FileReader) -> bool:
        """Whether the other index knows it: content of that place, or the very file at another one."""
        there = before.locate(self._reader.absolute_path(file))
        is_there = there is not None and there.content_hash == file.content_hash
        return is_there or any(one.inode == file.inode for one in before.files_with_hash(file.content_hash))

    def _give(self, file: FileRecord, tags: Iterable[str]) -> int:
        return self._database.run_many(
            "INSERT OR IGNORE INTO tags (folded, file_id, tag) VALUES (?, ?, ?)",
            ((folded(tag), file.file_id, tag) for tag in tags),
        )

    def _keep(self, record: TagRecord) -> None:
        place = recorded_place(self._reader, self._roots, record.path)
        self._database.run_many(
            "INSERT OR REPLACE INTO kept_tags (content_hash, place, folded, tag) VALUES (?, ?, ?, ?)",
            ((record.content_hash, place, folded(tag), tag) for tag in record.tags),
        )
        self._database.run_many(
            _TO_UNFINISHED, ((folded(tag), tag, place, record.content_hash) for tag in record.tags)
        )


def _holds(file: FileRecord, record: TagRecord) -> bool:
    return record.content_hash != b"" and file.content_hash == record.content_hash


def _is_known(before: FileReader, path: str, file: FileRecord) -> bool:
    """Whether that very file lay at that place before: one of two names of it."""
    there = before.locate(path)
    return there is not None and (there.inode, there.content_hash) == (file.inode, file.content_hash)


def import_tags(catalog: Catalog, lines: Iterable[bytes], name: str) -> TagsImported:
    """Apply what `tag_lines` wrote, or lines like it: all of them or, when one is wrong, none.

    name: of where they come from, for messages. Raises UsageError with the number of a line that is wrong.
    """
    n_lines = n_kept = 0
    changed: set[int] = set()
    with catalog.begin() as writer:
        tags = TagWriter(writer)
        for number, line in enumerate(lines, 1):
            if not (text := line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip():
                continue
            n_fit, of_line = tags.apply(_parsed(text, f"Line {number} of {printable(name)}"))
            n_lines += 1
            changed.update(of_line)
            n_kept += n_fit == 0
    return TagsImported(n_lines, len(changed), n_kept)


def carry_over(old: Catalog, new: Catalog) -> None:
    """Give a new index over the same folders the tags of an old one, kept ones too, and no others."""
    with old.read() as before, new.begin() as writer:
        tags = TagWriter(writer)
        tags.forget_all()
        for record, inode in _tags_of_files(before):
            tags.carry(record, inode, before)
        for record in _tags_of_no_file(before):
            tags.carry(record, None, before)


# ---------------------------------------------------------------- a line


def read_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, only so much that this shows."""
    while line := file.readline(_LONGEST_LINE + 1):
        yield line


def _parsed(line: bytes, where: str) -> TagRecord:
    """Raises UsageError."""
    if len(line) > _LONGEST_LINE:
        raise UsageError(f"{where} has more than {_LONGEST_LINE:,} bytes.", _LIKE)
    try:
        facts = parsed(line, once_each)
    except GivenTwice as error:
        raise UsageError(f"{where} has the field {printable(error.name)!r} twice.", _LIKE) from error
    except ValueError as error:
        raise UsageError(f"{where} is not JSON.", _LIKE) from error
    if not isinstance(facts, dict):
        raise UsageError(f"{where} is not a JSON object.", _LIKE)
    if unknown := sorted(set(facts) - _FIELDS):
        raise UsageError(f"{where} has the field {printable(unknown[0])!r}, which is not known.", _LIKE)
    path, content_hash = _path(facts.get("path"), where), _hash(facts.get("hash"), where)
    if not path and not content_hash:
        raise UsageError(f"{where} has neither a path nor a hash.", _LIKE)
    return TagRecord(path, content_hash, _tags(facts.get("tags"), where))


_LIKE = (
    'A line is like {"path": "/home/me/beach.jpg", "hash": "", "tags": ["holiday"]}. Nothing was imported.'
)


def _path(value: Any, where: str) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise UsageError(f"{where} has a path that is not a text.", _LIKE)
    try:
        is_too_long = len(os.fsencode(value)) > LONGEST_PATH
    except UnicodeEncodeError as error:
        raise UsageError(f"{where} has a path that no file can have.", _LIKE) from error
    if is_too_long:
        raise UsageError(f"{where} has a path of more than {LONGEST_PATH:,} bytes.", _LIKE)
    return value


def _hash(value: Any, where: str) -> bytes:
    try:
        content_hash = bytes.fromhex("" if value is None else value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where} has a hash that is not hexadecimal.", _LIKE) from error
    if len(content_hash) > HASH_BYTES:
        raise UsageError(f"{where} has a hash of more than {2 * HASH_BYTES} digits.", _LIKE)
    return content_hash


def _tags(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(tag, str) for tag in value):
        raise UsageError(f"{where} has no list of tags.", _LIKE)
    tags = tuple(codec.clean_tag(tag) for tag in value)
    if not all(tags):
        raise UsageError(f"{where} has an empty tag.", _LIKE)
    return tags


def restored_tag(tag: str, fold: str) -> str:
    """A damaged tag by its fold, in its own letters where they agree. Where they are not alike but for a letter or two,
    the fold is of another tag, and what can be read of this one stays."""
    alike = [folded(mine) == right for mine, right in zip(tag, fold, strict=False)]
    if len(tag) != len(fold) or alike.count(False) > _MOST_DAMAGED:
        return tag
    restored = "".join(mine if same else right for mine, right, same in zip(tag, fold, alike, strict=True))
    return restored if folded(restored) == fold else tag
