"""Writing the catalog: one transaction, whole or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from anyseek.catalog import codec
from anyseek.catalog.database import Database
from anyseek.catalog.root_places import find_root, root_rows
from anyseek.catalog.segment_writer import PARTIAL, SegmentWriter
from anyseek.contracts import READ_AGAIN, FileState, Modality, Problem, Report, SeenFile
from anyseek.errors import UsageError
from anyseek.jsonable import to_json

# Where the file lies that another one was moved onto, until it is moved itself or the transaction ends.
_DISPLACED_ROOT = -1


class Writer(SegmentWriter):
    """One transaction: `with catalog.begin() as w:` commits at the end and rolls back on an exception.

    Vectors are appended as they come and are on the disk before the catalog counts them, so a process that
    dies at any moment leaves the last committed transaction, whole. Within one transaction, do moves first,
    then deletes, then puts: a moved file must still be where it was.

    Raises, from every method and from the end of the block: DiskFull, ReadOnlyIndex, IndexDamaged. After
    any of them the transaction is rolled back and the catalog is as it was before it began.
    """

    def __init__(self, database: Database, release: Callable[[Database], None]) -> None:
        super().__init__(database, release)
        self._displaced: dict[int, SeenFile] = {}  # by number: the place that another file took

    # ------------------------------------------------------------ files

    def put_file(
        self, seen: SeenFile, content_hash: bytes, modality: Modality | None, *, complete: bool = True
    ) -> int:
        """The file's number. What the catalog has of that path, segments and problem, is replaced; the number stays.

        modality None: a file without media, stored so that the next run need not open it.
        complete=False: the file comes over several transactions and nobody sees it, neither as a record nor
        as a hit, before `complete_file`. What is never completed is forgotten by the next `start_run`, and
        a scan meets a new file.
        """
        state = FileState.OK.value if complete else PARTIAL
        return self._put(seen, content_hash, modality, state, None, keep_segments=False)

    def complete_file(self, file_id: int) -> None:
        """The last segments of a `complete=False` file are in: it becomes visible with this transaction."""
        self.database.run(
            "UPDATE files SET state = ?, change = ? WHERE file_id = ?",
            [FileState.OK.value, self.change, file_id],
        )
        self._show([file_id], visible=True)

    def put_failed(
        self, seen: SeenFile, content_hash: bytes, modality: Modality | None, problem: Problem
    ) -> int:
        """The file's number, the old one for a known path. The file is not searchable until it is put or restored.

        An empty `content_hash` means that the content could not be read, so it may still be what it was:
        the stored hash, modality and segments are kept for `restore`. With a hash, old segments go.
        """
        unread = not content_hash
        return self._put(seen, content_hash, modality, FileState.FAILED.value, problem, keep_segments=unread)

    def _put(
        self,
        seen: SeenFile,
        content_hash: bytes,
        modality: Modality | None,
        state: str,
        problem: Problem | None,
        *,
        keep_segments: bool,
    ) -> int:
        file_id = self._at(seen)
        if file_id is None:
            file_id = self._insert(seen, content_hash, modality, state)
        elif keep_segments and not self._is_partial(file_id):
            self._show([file_id], visible=False)
            self._set_stat(file_id, seen)
        else:
            self._drop_segments([file_id])
            self._set_stat(file_id, seen)
            self.database.run(
                "UPDATE files SET content_hash = ?, modality = ? WHERE file_id = ?",
                [content_hash, modality and str(modality), file_id],
            )
        columns = (
            [codec.clean_text(text) for text in (problem.code, problem.stage, problem.reason)]
            if problem
            else 3 * [None]
        )
        self.database.run(
            "UPDATE files SET state = ?, problem_code = ?, problem_stage = ?, problem_reason = ?"
            " WHERE file_id = ?",
            [state, *columns, file_id],
        )
        return file_id

    def restore(self, file_id: int, seen: SeenFile) -> bool:
        """A failed file turned out to hold the content its stored hash names: ok again, if it has segments.

        False when there are none: the content itself is what failed, or it was never embedded.
        """
        if self.database.first("SELECT 1 FROM segments WHERE file_id = ? LIMIT 1", [file_id]) is None:
            return False
        self._set_stat(file_id, seen)
        self.database.run(
            "UPDATE files SET state = ?, problem_code = NULL, problem_stage = NULL, problem_reason = NULL"
            " WHERE file_id = ?",
            [FileState.OK.value, file_id],
        )
        self._show([file_id], visible=True)
        return True

    def touch(self, file_id: int, seen: SeenFile) -> None:
        """The same content with another time or inode; ends `missing`, changes no problem."""
        self._set_stat(file_id, seen)
        self.mark_present([file_id])

    def move(self, file_id: int, seen: SeenFile) -> None:
        """The same content at another place.

        A file that the catalog knows at that place is displaced: it is deleted at the end unless this
        transaction moves it on, so that files may swap names.
        """
        other = self._at(seen)
        if other is not None and other != file_id:
            self.database.run(
                "UPDATE files SET root = ?, path = ? WHERE file_id = ?",
                [_DISPLACED_ROOT, str(other).encode(), other],
            )
            self._displaced[other] = seen
        self._displaced.pop(file_id, None)
        self._set_stat(file_id, seen)
        self.mark_present([file_id])

    def copy(self, file_id: int, seen: SeenFile) -> int:
        """The number of a second file with the same content: segments and vectors are duplicated.

        One row a segment, always; nothing is shared, so either file may go without the other. A file that
        failed for what is in it is copied with its problem.
        """
        row = self.database.first(
            "SELECT content_hash, modality, problem_code, problem_stage, problem_reason,"
            " EXISTS (SELECT 1 FROM segments s WHERE s.file_id = f.file_id) FROM files f WHERE file_id = ?",
            [file_id],
        )
        if row is None:
            raise UsageError(f"The index in {self.database.folder} has no file number {file_id}.")
        content_hash, name, code, stage, reason, has_segments = row
        modality = None if name is None else Modality(name)
        if code is not None and not has_segments:
            return self.put_failed(seen, content_hash, modality, Problem(code, stage, reason))
        copied = self._put(seen, content_hash, modality, FileState.OK.value, None, keep_segments=False)
        self._copy_segments(file_id, copied)
        return copied

    def read_again(self, file_ids: Iterable[int], reason: str) -> None:
        """Drop the segments of files, keep their records and tags, and have the next run read them anew.

        reason: a sentence for people. Files that are missing stay so.
        """
        numbers = list(file_ids)
        self._drop_segments(numbers)
        self.database.run_many(
            "UPDATE files SET state = CASE WHEN state = ? THEN state ELSE ? END, change = ?,"
            " problem_code = ?, problem_stage = 'read', problem_reason = ? WHERE file_id = ?",
            (
                (FileState.MISSING.value, FileState.FAILED.value, self.change, READ_AGAIN, reason, number)
                for number in numbers
            ),
        )

    def delete(self, file_ids: Iterable[int]) -> None:
        """Forget files with their segments. Their vectors stay in the file, unseen, until `compact`."""
        gone = list(file_ids)
        self._drop_segments(gone)
        self.database.run_many("DELETE FROM files WHERE file_id = ?", zip(gone))

    def mark_missing(self, file_ids: Iterable[int]) -> None:
        """Their folder could not be read, so nothing is known. They stay searchable."""
        self.database.run_many(
            "UPDATE files SET state = ?, change = ? WHERE file_id = ? AND state != ?",
            ((FileState.MISSING.value, self.change, file_id, PARTIAL) for file_id in file_ids),
        )

    def mark_root_missing(self, root: int) -> None:
        """`mark_missing` for every file of a root, in one statement."""
        self.database.run(
            "UPDATE files SET state = ?, change = ? WHERE root = ? AND state != ?",
            [FileState.MISSING.value, self.change, root, PARTIAL],
        )

    def mark_present(self, file_ids: Iterable[int]) -> None:
        """Files that were missing are ok, or failed, as they were before."""
        self.database.run_many(
            "UPDATE files SET state = CASE WHEN problem_code IS NULL THEN ? ELSE ? END, change = ?"
            " WHERE file_id = ? AND state = ?",
            (
                (FileState.OK.value, FileState.FAILED.value, self.change, file_id, FileState.MISSING.value)
                for file_id in file_ids
            ),
        )

    def _keep_tags_at(self, place: SeenFile, file_id: int) -> None:
        """Tags of a file whose content is not known are kept by its place, which its record has no more."""
        self.database.run(
            "INSERT OR REPLACE INTO kept_tags (content_hash, place, folded, tag)"
            " SELECT x'', CAST(rtrim(r.path, '/') || '/' || ? AS BLOB), t.folded, t.tag FROM tags t"
            " JOIN files f ON f.file_id = t.file_id JOIN roots r ON r.root = ?"
            " WHERE t.file_id = ? AND length(f.content_hash) = 0",
            [codec.path_bytes(place.path), place.root, file_id],
        )

    def _at(self, seen: SeenFile) -> int | None:
        row = self.database.first(
            "SELECT file_id FROM files WHERE root = ? AND path = ?", [seen.root, codec.path_bytes(seen.path)]
        )
        return None if row is None else int(row[0])

    def _is_partial(self, file_id: int) -> bool:
        row: tuple[str] = self.database.first("SELECT state FROM files WHERE file_id = ?", [file_id])
        return row == (PARTIAL,)

    def _insert(self, seen: SeenFile, content_hash: bytes, modality: Modality | None, state: str) -> int:
        cursor = self.database.run(
            "INSERT INTO files (root, path, size, mtime_ns, inode, content_hash, modality, state, change)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*_facts(seen), content_hash, modality and str(modality), state, self.change],
        )
        assert cursor.lastrowid is not None, "an INSERT has one"
        return cursor.lastrowid

    def _set_stat(self, file_id: int, seen: SeenFile) -> None:
        self.database.run(
            "UPDATE files SET root = ?, path = ?, size = ?, mtime_ns = ?, inode = ?, change = ?"
            " WHERE file_id = ?",
            [*_facts(seen), self.change, file_id],
        )

    # ------------------------------------------------------------ roots, settings, runs

    def add_root(self, path: Path) -> int:
        """The number of an indexed folder; the same folder again has the same number."""
        stale: dict[int, Path] = {}
        for row in root_rows(self.database):
            folder = find_root(self.database, row)
            if codec.same_folder(folder, path):
                return int(row.number)
            if row.path == codec.absolute_bytes(path):  # of a root that moved together with the index
                stale[row.number] = folder
        for root, folder in stale.items():
            self.move_root(root, folder)
        (number,) = self.database.first("SELECT coalesce(max(root) + 1, 0) FROM roots")
        self.database.run(
            "INSERT INTO roots (root, path, relative) VALUES (?, ?, ?)",
            [number, codec.absolute_bytes(path), codec.relative_root(self.database.folder, path)],
        )
        return int(number)

    def move_root(self, root: int, path: Path) -> None:
        """The folder lies elsewhere now, with all that is in it; kept tags of its places go with it."""
        (before,) = self.database.first("SELECT path FROM roots WHERE root = ?", [root])
        after = codec.absolute_bytes(path)
        self.database.run(
            "UPDATE roots SET path = ?, relative = ? WHERE root = ?",
            [after, codec.relative_root(self.database.folder, path), root],
        )
        stem = before.rstrip(b"/") + b"/"
        low, high = codec.prefix_range(before.rstrip(b"/"))
        self.database.run(
            "UPDATE OR REPLACE kept_tags SET place = CAST(? || substr(place, ?) AS BLOB)"
            " WHERE place >= ? AND place < ? AND place != x''",
            [after.rstrip(b"/") + b"/", len(stem) + 1, low, high],
        )

    def forget_root(self, root: int) -> None:
        """Forget an indexed folder and all files of it; their tags are kept, by where the folder is now."""
        row = next(row for row in root_rows(self.database) if row.number == root)
        folder = find_root(self.database, row)
        if row.path != codec.absolute_bytes(folder):
            self.move_root(root, folder)
        rows = self.database.all("SELECT file_id FROM files WHERE root = ?", [root])
        self.delete([file_id for (file_id,) in rows])
        self.database.run("DELETE FROM folders WHERE root = ?", [root])
        self.database.run("DELETE FROM roots WHERE root = ?", [root])

    def set_folders(
        self, root: int, folders: Mapping[bytes, tuple[int, bool]], kept: Sequence[bytes] = ()
    ) -> None:
        """Remember the folders of a root, and no others: by path, the inode and whether it is a mount point. What was
        known of `kept` folders and those below them stays."""
        stems = tuple(path + b"/" if path else b"" for path in kept)  # b"": the root, with all below it
        rows = self.database.all("SELECT path, inode, is_mount FROM folders WHERE root = ?", [root])
        known = {path: (codec.unsigned(inode), bool(is_mount)) for path, inode, is_mount in rows}
        staying = {path for path in known if (path + b"/").startswith(stems)}
        gone = known.keys() - folders.keys() - staying
        self.database.run_many(
            "DELETE FROM folders WHERE root = ? AND path = ?", ((root, path) for path in gone)
        )
        self.database.run_many(
            "INSERT OR REPLACE INTO folders (root, path, inode, is_mount) VALUES (?, ?, ?, ?)",
            (
                (root, path, codec.signed(inode), is_mount)
                for path, (inode, is_mount) in folders.items()
                if path not in staying and known.get(path) != (inode, is_mount)
            ),
        )

    def set_setting(self, name: str, value: Any) -> None:
        """Store a JSON value under a name; None removes it."""
        if value is None:
            self.database.run("DELETE FROM index_info WHERE name = ?", [f"setting:{name}"])
        else:
            self.database.run(
                "INSERT INTO index_info VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [f"setting:{name}", json.dumps(value)],
            )

    def start_run(self, command: str) -> int:
        """The number of a new run. Files that an earlier run left half-indexed are forgotten here."""
        partial = self.database.all("SELECT file_id FROM files WHERE state = ?", [PARTIAL])
        self.delete([file_id for (file_id,) in partial])
        cursor = self.database.run(
            "INSERT INTO runs (command, started) VALUES (?, ?)", [codec.clean_text(command), time.time()]
        )
        assert cursor.lastrowid is not None, "an INSERT has one"
        return cursor.lastrowid

    def finish_run(self, run_id: int, report: Report) -> None:
        """What the run did, and that it ended."""
        self.database.run(
            "UPDATE runs SET ended = ?, report = ? WHERE run_id = ?",
            [time.time(), to_json(report), run_id],
        )

    # ------------------------------------------------------------ the transaction

    def _finish(self) -> None:
        for file_id, place in self._displaced.items():
            self._keep_tags_at(place, file_id)
        self.delete(self._displaced)
        super()._finish()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._abandon()


def _facts(seen: SeenFile) -> list[Any]:
    path = codec.path_bytes(seen.path)
    return [seen.root, path, seen.size, seen.mtime_ns, codec.signed(seen.inode)]
