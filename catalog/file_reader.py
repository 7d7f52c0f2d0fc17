"""Roots and files, as a snapshot has them."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from anyseek.catalog import codec, filter_sql
from anyseek.catalog.codec import FILE_COLUMNS, clean_text
from anyseek.catalog.database import Database
from anyseek.catalog.failures import REPAIR
from anyseek.catalog.filter_sql import Condition
from anyseek.catalog.root_places import find_root, root_rows
from anyseek.contracts import FileRecord, FileState
from anyseek.errors import IndexDamaged
from anyseek.folding import folded
from anyseek.opening import FileBelow

_WITHOUT_HASH = "content_hash = X'' AND size > 0 AND state != 'partial'"


class FileReader:
    """The half of a Snapshot that needs no vectors. Files in the middle of being indexed are left out."""

    def __init__(self, database: Database) -> None:
        self.folder: Path = database.folder
        self.database = database
        self._root_folders: dict[int, bytes] | None = None

    def roots(self) -> dict[int, Path]:
        """The indexed folders by number: absolute, as they are now that the index lies where it lies.

        A root that moved with the index is the one that shows its files (root_places.py); else it is where it was
        recorded, there or not.
        """
        return {row.number: find_root(self.database, row) for row in root_rows(self.database)}

    def mount_points(self) -> set[tuple[int, bytes]]:
        """Folders below roots that were mount points when they were last read: number of the root, path."""
        return set(self.database.rows("SELECT root, path FROM folders WHERE is_mount"))

    def inode_of_folder(self, root: int, path: bytes) -> int | None:
        """What a folder below a root had when it was last read; None for one that was not."""
        row = self.database.first("SELECT inode FROM folders WHERE root = ? AND path = ?", [root, path])
        return None if row is None else codec.unsigned(row[0])

    def files(self, state: FileState | None = None, *, root: int | None = None) -> Iterator[FileRecord]:
        """Every file, by root and then by the bytes of its path, of one root or of all. Read lazily."""
        where, values = "state != 'partial'", list[object]()
        if state is not None:
            where, values = "state = ?", [state.value]
        if root is not None:
            where, values = f"{where} AND root = ?", [*values, root]
        rows = self.database.rows(
            f"SELECT {FILE_COLUMNS} FROM files WHERE {where} ORDER BY root, path", values
        )
        return map(codec.file_record, rows)

    # Of a root that is not there a run reads no more than it needs: it may have very many files.

    def has_files(self, root: int) -> bool:
        """Whether the index has any file of a root."""
        sql = "SELECT 1 FROM files WHERE root = ? AND state != 'partial' LIMIT 1"
        return self.database.first(sql, [root]) is not None

    def n_content(self, root: int) -> int:
        """How many files of a root were indexed or failed."""
        row = self.database.first(
            "SELECT count(*) FROM files WHERE root = ? AND state != 'partial'"
            " AND (modality IS NOT NULL OR problem_code IS NOT NULL)",
            [root],
        )
        return int(row[0])

    def numbers_with_hash(self, root: int) -> list[int]:
        """Of a root's files of known content: their numbers, in order of path."""
        rows = self.database.rows(
            "SELECT file_id FROM files WHERE root = ? AND state != 'partial' AND length(content_hash) > 0"
            " ORDER BY path",
            [root],
        )
        return [number for (number,) in rows]

    def sizes_with_hash(self, root: int) -> set[int]:
        """Of a root's files of known content that are not empty: their sizes in bytes."""
        rows = self.database.rows(
            "SELECT DISTINCT size FROM files WHERE root = ? AND state != 'partial' AND size > 0"
            " AND length(content_hash) > 0",
            [root],
        )
        return {size for (size,) in rows}

    def times_without_hash(self, root: int) -> set[int]:
        """Of a root's files of which no content is known and that are not empty: their times of change in
        nanoseconds."""
        rows = self.database.rows(
            f"SELECT DISTINCT mtime_ns FROM files WHERE {_WITHOUT_HASH} AND root = ?", [root]
        )
        return {time_ns for (time_ns,) in rows}

    def files_without_hash(self, root: int, times_ns: Collection[int]) -> Iterator[FileRecord]:
        """Of these files those that have one of these times, in order of path. Read lazily."""
        if not times_ns:
            return iter(())
        rows = self.database.rows(
            f"SELECT {FILE_COLUMNS} FROM files WHERE {_WITHOUT_HASH} AND root = ?"
            " AND mtime_ns IN (SELECT value FROM json_each(?)) ORDER BY path",
            [root, json.dumps(list(times_ns))],
        )
        return map(codec.file_record, rows)

    def problems(self) -> Iterator[FileRecord]:
        """Every file with a problem, by code and then by path."""
        rows = self.database.rows(
            f"SELECT {FILE_COLUMNS} FROM files WHERE problem_code IS NOT NULL"
            " ORDER BY problem_code, root, path"
        )
        return map(codec.file_record, rows)

    def file(self, file_id: int) -> FileRecord | None:
        """The file of that number."""
        return self._one("file_id = ?", file_id)

    def file_at(self, root: int, path: str) -> FileRecord | None:
        """The file at `path` below root number `root`."""
        return self._one("root = ? AND path = ?", root, os.fsencode(path))

    def versions(self, index_id: str, file_ids: Collection[int]) -> dict[int, str]:
        """For each of these files that is there: 16 hex digits that no other content, file or index has."""
        import hashlib  # here: OpenSSL takes a while to load, and a search from the command line needs no version

        numbers, found = list(file_ids), {}
        for i in range(0, len(numbers), 500):
            part = numbers[i : i + 500]
            for file_id, content_hash, change in self.database.rows(
                "SELECT file_id, content_hash, change FROM files"
                f" WHERE file_id IN ({', '.join('?' * len(part))})",
                part,
            ):
                facts = f"{index_id} {file_id} {change} {content_hash.hex()}".encode()
                found[file_id] = hashlib.blake2b(facts, digest_size=8).hexdigest()
        return found

    def files_with_hash(self, content_hash: bytes) -> list[FileRecord]:
        """Every file whose content this was when it was last read; [] for an empty hash."""
        if not content_hash:
            return []
        rows = self.database.rows(
            f"SELECT {FILE_COLUMNS} FROM files WHERE content_hash = ? AND state != 'partial'"
            " ORDER BY file_id",
            [content_hash],
        )
        return [codec.file_record(row) for row in rows]

    def copies(self) -> list[list[FileRecord]]:
        """Searchable files with the same content, two or more in each list."""
        searchable = "problem_code IS NULL AND modality IS NOT NULL AND state != 'partial' AND length(content_hash) > 0"
        rows = self.database.rows(
            f"SELECT {FILE_COLUMNS} FROM files WHERE {searchable} AND content_hash IN"
            f" (SELECT content_hash FROM files WHERE {searchable} GROUP BY content_hash HAVING count(*) > 1)"
        )
        groups: dict[bytes, list[FileRecord]] = defaultdict(list)
        for record in map(codec.file_record, rows):
            groups[record.content_hash].append(record)
        return list(groups.values())

    def locate(self, absolute: str) -> FileRecord | None:
        """The file at an absolute path, through whichever root holds it."""
        for root, below in self.below_roots(absolute):
            if below and (record := self._one("root = ? AND path = ?", root, below)):
                return record
        return None

    def absolute_path(self, record: FileRecord) -> str:
        """Where the file lies, or lay."""
        return self.absolute(record.root, os.fsencode(record.path))

    def _one(self, where: str, *values: Any) -> FileRecord | None:
        row = self.database.first(
            f"SELECT {FILE_COLUMNS} FROM files WHERE {where} AND state != 'partial'", values
        )
        return None if row is None else codec.file_record(row)

    def absolute(self, root: int, path: bytes) -> str:
        """Where `path` below a root lies, or lay."""
        return os.fspath(self._below(root, path))

    def _below(self, root: int, path: bytes) -> FileBelow:
        folder = self._roots_as_bytes().get(root)
        if folder is None:
            raise IndexDamaged(
                f"A file of the catalog in {self.folder} belongs to a root that is not there.",
                REPAIR,
            )
        return FileBelow(os.fsdecode(folder), os.fsdecode(path))

    def _roots_as_bytes(self) -> dict[int, bytes]:
        if self._root_folders is None:
            self._root_folders = {root: os.fsencode(path) for root, path in self.roots().items()}
        return self._root_folders

    def below_roots(self, absolute: str) -> list[tuple[int, bytes]]:
        """For each root that holds `absolute`: its number and the path below it, b"" for the root itself."""
        for spell in (os.path.abspath, os.path.realpath):
            path = os.fsencode(spell(absolute))
            places = [
                (root, below)
                for root, folder in self._roots_as_bytes().items()
                if (below := codec.path_below(spell(folder), path)) is not None
            ]
            if places:
                return places
        return []

    def _roots_touched(self, folder: str) -> list[tuple[int, bytes]]:
        """The roots that hold `folder`, with the path below; and those that lie inside it, with b""."""
        places = dict(self.below_roots(folder))
        for spell in (os.path.abspath, os.path.realpath):
            path = os.fsencode(spell(folder))
            for root, root_folder in self._roots_as_bytes().items():
                if codec.path_below(path, spell(root_folder)) is not None:
                    places[root] = b""
        return list(places.items())

    def touches(self, folder: str) -> bool:
        """Whether an absolute folder holds a root or lies in one, in any letter case and composition."""
        return bool(self._roots_touched(folder) or self._roots_touched_folded(folder))

    def _roots_touched_folded(self, folder: str) -> list[tuple[int, str]]:
        """As `_roots_touched` for a folder of another letter case or composition; the path below is folded."""
        inner = os.fsencode(folded(clean_text(os.path.abspath(folder))))
        places: list[tuple[int, str]] = []
        for root, path in self._roots_as_bytes().items():
            outer = os.fsencode(folded(clean_text(os.path.abspath(os.fsdecode(path)))))
            if codec.path_below(inner, outer) is not None:
                places.append((root, ""))
            elif (below := codec.path_below(outer, inner)) is not None:
                places.append((root, below.decode()))
        return places

    def below_folders(self, folders: Sequence[str]) -> Condition:
        """Files below any of these absolute folders, in whichever roots touch them.

        A folder that is on the disk or in the catalog byte for byte is that one; of any other name, those that are
        equal but for letter case and composition (folding.py), which an unlike keyboard or file system spells. The disk
        is looked at for folders that touch a root only: who may ask need not learn what else is on it.
        """
        exact: set[tuple[int, bytes]] = set()
        alike: set[tuple[int, str]] = set()
        for folder in folders:
            places = self._roots_touched(folder)
            if places and (self._has_any(places) or codec.is_on_disk(folder)):
                exact.update(places)
            else:
                alike.update(self._roots_touched_folded(folder))
        return filter_sql.below(sorted(exact), sorted(alike))

    def _has_any(self, places: Sequence[tuple[int, bytes]]) -> bool:
        made = filter_sql.below(places)
        return self.database.first(f"SELECT 1 FROM files f WHERE {made.sql} LIMIT 1", made.values) is not None
