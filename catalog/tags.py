"""Tags: words that people give to files. They stay with a file that is moved or changed, and are kept when it goes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.atomic import writing
from anyseek.catalog.codec import clean_tag
from anyseek.catalog.database import what_is_lost
from anyseek.catalog.failures import REPAIR
from anyseek.catalog.file_reader import FileReader
from anyseek.catalog.filter_sql import files
from anyseek.catalog.kept_tags import has_kept, remove_kept, tags_of_gone_files
from anyseek.catalog.other_values import damaged_kept_tags, damaged_places
from anyseek.catalog.schema import place_of
from anyseek.catalog.tag_records import TagRecord, TagsImported, import_tags, read_lines, tag_lines
from anyseek.catalog.values import damaged_tags
from anyseek.errors import IndexDamaged, QueryFileError, UsageError
from anyseek.folding import folded
from anyseek.options import path_text
from anyseek.system_errors import of_named

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot
    from anyseek.catalog.database import Database

__all__ = ["SavedTags", "Tags", "TagsImported", "counts", "saved", "tag"]

LONGEST_TAG = 200
"""Letters of a tag that is given here. Longer ones, of imports, stay as they are, and can be taken away."""

LOG = logging.getLogger(__name__)

_ADD = "INSERT OR IGNORE INTO tags (folded, file_id, tag) VALUES (?, ?, ?)"
_REMOVE = "DELETE FROM tags WHERE folded = ? AND file_id = ?"
# What was kept of this file's content or place must not bring the tag back.
_REMOVE_KEPT = (
    "DELETE FROM kept_tags WHERE folded = ?1 AND (place = (SELECT {place} FROM files f WHERE f.file_id = ?2)"
    " OR content_hash = (SELECT f.content_hash FROM files f WHERE f.file_id = ?2 AND length(f.content_hash) > 0))"
).format(place=place_of("f"))


def tag(catalog: Catalog, paths: Iterable[str | os.PathLike[str]], name: str, *, remove: bool = False) -> int:
    """Give a tag to files and everything below folders, or take it away; how many files that changed.

    It is taken away from files that are gone, too, by where they were. Raises UsageError for an empty tag, and for one
    of more than LONGEST_TAG letters that is to be given; QueryFileError for a path of which nothing is in the index.
    """
    name = _checked(name)
    if not remove and len(name) > LONGEST_TAG:
        raise UsageError(
            f"A tag has at most {LONGEST_TAG} letters, and this one has {len(name):,}.", "Use a shorter one."
        )
    places = [path_text(path) for path in paths]
    with catalog.begin() as writer:
        # In the transaction, or a run could give these numbers to no file meanwhile.
        reader = FileReader(writer.database)
        file_ids = sorted({number for path in places for number in _files_at(reader, path, or_kept=remove)})
        if not remove:
            rows = ((folded(name), number, name) for number in file_ids)
            return writer.database.run_many(_ADD, rows)
        keys = [(folded(name), number) for number in file_ids]
        writer.database.run_many(_REMOVE_KEPT, keys)
        n_files = writer.database.run_many(_REMOVE, keys)
        return n_files + sum(remove_kept(writer.database, reader, folded(name), path) for path in places)


def remove_everywhere(catalog: Catalog, name: str) -> int:
    """Take a tag away from all files, those that are gone included; how many had it.

    Raises UsageError for an empty tag.
    """
    key = folded(_checked(name))
    with catalog.begin() as writer:
        kept = tags_of_gone_files(FileReader(writer.database))
        n_gone = sum(any(folded(tag) == key for tag in record.tags) for record in kept)
        n_files = writer.database.run_many("DELETE FROM tags WHERE folded = ?", [(key,)])
        writer.database.run("DELETE FROM kept_tags WHERE folded = ?", [key])
    return n_files + n_gone


def _checked(name: str) -> str:
    name = clean_tag(name)
    if not name:
        raise UsageError("A tag has at least one letter.", "For example: anyseek tag holiday beach.jpg")
    return name


def counts(snapshot: Snapshot) -> dict[str, int]:
    """Files with each tag, by name, as it was typed first in the alphabet where it was typed in several ways."""
    return dict(
        snapshot.database.rows("SELECT min(tag), count(*) FROM tags GROUP BY folded ORDER BY folded, tag")
    )


def _files_at(reader: FileReader, path: str, *, or_kept: bool) -> list[int]:
    condition = reader.below_folders([os.path.abspath(path)])
    file_ids = [
        number
        for (number,) in reader.database.rows(
            f"SELECT f.file_id FROM {files([condition])} WHERE f.state != 'partial' AND {condition.sql}",
            condition.values,
        )
    ]
    if not file_ids and not (or_kept and has_kept(reader, path)):
        hint = "See: anyseek tag --kept" if or_kept else "Index it first."
        raise QueryFileError(f"Nothing of {path!r} is in the index.", hint)
    return file_ids


@dataclass(frozen=True, slots=True)
class SavedTags:
    """lines: JSON Lines with their ends. shortage: a sentence on what of a damaged index could not be read; ""."""

    lines: tuple[bytes, ...]
    shortage: str = ""

    def write(self, target: str | os.PathLike[str]) -> int:
        """The lines into a file, which is written completely or not at all, or a pipe; how many there are.

        Raises UsageError for a path that leads nowhere, DiskFull, ReadOnlyIndex, DiskFailed.
        """
        with of_named(target, "written"), writing(Path(path_text(target))) as file:
            for line in self.lines:
                file.write(line)
        return len(self.lines)


def saved(folder: Path) -> SavedTags:
    """The tags of the index in `folder`, whatever else of it is damaged. Raises what `Tags.saved` raises."""
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.rebuild import can_be_rebuilt, saved_tags

    try:
        with Catalog.open(folder) as catalog, catalog.read() as snapshot:
            if is_whole(snapshot.database):
                return SavedTags(tuple(tag_lines(snapshot)))
    except IndexDamaged:
        if what_is_lost(folder) is not None or not can_be_rebuilt(folder):
            raise
    lines, shortage = saved_tags(folder)
    return SavedTags(tuple(lines), shortage)


def is_whole(database: Database) -> bool:
    """Whether tags, and all that is saved with them, are what was written."""
    checked = [
        text
        for table in ("tags", "kept_tags", "files", "roots")
        for (text,) in database.rows(f"PRAGMA integrity_check({table})")
    ]
    return set(checked) == {"ok"} and not (
        damaged_tags(database) or damaged_kept_tags(database) or damaged_places(database)
    )


class Tags:
    """`Index.tags`: words that people give to files."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def add(self, name: str, *paths: str | os.PathLike[str]) -> int:
        """Give a tag to indexed files, and to everything below folders; how many files changed.

        Raises UsageError for an empty tag and one of more than 200 letters, QueryFileError for a path of which nothing
        is in the index.
        """
        return tag(self._catalog, paths, name)

    def remove(self, name: str, *paths: str | os.PathLike[str]) -> int:
        """Take a tag away, from files that are gone too (`kept`); how many files changed. Raises what `add` raises."""
        return tag(self._catalog, paths, name, remove=True)

    def remove_everywhere(self, name: str) -> int:
        """Take a tag away from all files, those that are gone included; how many had it. Raises UsageError for an
        empty tag."""
        return remove_everywhere(self._catalog, name)

    def kept(self) -> list[TagRecord]:
        """The tags that are kept of files which are gone, by path: they return with the file."""
        with self._catalog.read() as snapshot:
            return list(tags_of_gone_files(snapshot))

    def counts(self) -> dict[str, int]:
        """How many files have each tag, by name."""
        with self._catalog.read() as snapshot:
            return counts(snapshot)

    def saved(self) -> SavedTags:
        """All tags, a line a file: its absolute path, the hash of its content in hexadecimal, its tags. Those that are
        kept for files which are not in the index come last.

        Of a damaged index too, as far as the catalog's own pages of them are whole. Raises IndexNotFound, NewerFormat,
        IndexLocked, ReadOnlyIndex, DiskFailed; IndexDamaged for a catalog that is gone.
        """
        return saved(self._catalog.folder)

    def lines(self) -> Iterator[bytes]:
        """All tags as JSON Lines. Raises what `saved` raises, and IndexDamaged where it cannot read all."""
        tags = self.saved()
        yield from tags.lines
        if tags.shortage:
            raise IndexDamaged(tags.shortage, REPAIR)

    def export(self, target: str | os.PathLike[str]) -> int:
        """`lines` to a file, which is written completely or not at all; how many there are.

        What cannot be read of a damaged index is a warning in the log, and the rest is saved.
        Raises UsageError for a path that leads nowhere, DiskFull, ReadOnlyIndex, DiskFailed; and what `saved` raises.
        """
        tags = self.saved()
        if tags.shortage:
            LOG.warning("%s", tags.shortage)
        return tags.write(target)

    def import_(self, source: str | os.PathLike[str]) -> TagsImported:
        """Add the tags of a file that `export` wrote, or of one like it: all of it or, when a line is wrong, nothing.

        A line's tags go to the file of its content (at its path, else wherever there is one), else to the file at its
        path; what fits no file is kept until one comes. Raises UsageError, with the number of a line that is wrong.
        """
        with of_named(source, "read"), Path(path_text(source)).open("rb") as file:
            return import_tags(self._catalog, read_lines(file), os.fspath(source))

    def import_lines(self, lines: Iterable[bytes], name: str = "the lines") -> TagsImported:
        """`import_` from lines. name: of where they come from, for messages."""
        return import_tags(self._catalog, lines, name)
