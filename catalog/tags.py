"""Tags: words that people give to files. They stay with a file when it is moved or changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from anyseek.errors import QueryFileError, UsageError

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot


def tag(catalog: Catalog, paths: Iterable[str | os.PathLike[str]], name: str, *, remove: bool = False) -> int:
    """Give a tag to files and everything below folders, or take it away; how many files that changed.

    Raises UsageError for an empty tag, QueryFileError for a path of which nothing is in the index.
    """
    name = " ".join(name.split())
    if not name:
        raise UsageError("A tag has at least one letter.", "For example: anyseek tag holiday beach.jpg")
    with catalog.read() as snapshot:
        file_ids = {number for path in paths for number in _files_at(snapshot, path)}
    with catalog.begin() as writer:
        if remove:
            sql = "DELETE FROM tags WHERE folded = fold(?) AND file_id = ?"
        else:
            sql = (
                "INSERT OR IGNORE INTO tags (tag, folded, file_id) SELECT t, fold(t), ? FROM (SELECT ? AS t)"
            )
        return writer.database.run_many(
            sql, ((name, number) if remove else (number, name) for number in sorted(file_ids))
        )


def counts(snapshot: Snapshot) -> dict[str, int]:
    """Files with each tag, by name."""
    return dict(snapshot.database.rows("SELECT min(tag), count(*) FROM tags GROUP BY folded ORDER BY folded"))


def carry_over(old: Catalog, new: Catalog) -> None:
    """Give the files of a new index the tags that those at the same places have in the old one."""
    with old.read() as before, new.read() as after:
        new_roots = {str(path): number for number, path in after.roots().items()}
        root_of = {number: new_roots.get(str(path)) for number, path in before.roots().items()}
        tagged: list[Sequence[object]] = []
        for name, root, path in before.database.rows(
            "SELECT t.tag, f.root, f.path FROM tags t JOIN files f ON f.file_id = t.file_id"
        ):
            tagged.append((name, root_of.get(root), path))
    with new.begin() as writer:
        writer.database.run_many(
            "INSERT OR IGNORE INTO tags (tag, folded, file_id) SELECT ?1, fold(?1), file_id"
            " FROM files WHERE root = ?2 AND path = ?3",
            tagged,
        )


def _files_at(snapshot: Snapshot, path: str | os.PathLike[str]) -> list[int]:
    condition = snapshot.below_folders([os.path.abspath(path)])
    file_ids = [
        number
        for (number,) in snapshot.database.rows(
            f"SELECT f.file_id FROM files f WHERE f.state != 'partial' AND {condition.sql}", condition.values
        )
    ]
    if not file_ids:
        raise QueryFileError(f"Nothing of {os.fspath(path)!r} is in the index.", "Index it first.")
    return file_ids


class Tags:
    """`Index.tags`: words that people give to files."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def add(self, name: str, *paths: str | os.PathLike[str]) -> int:
        """Give a tag to indexed files, and to everything below folders; how many files changed.

        Raises UsageError for an empty tag, QueryFileError for a path of which nothing is in the index.
        """
        return tag(self._catalog, paths, name)

    def remove(self, name: str, *paths: str | os.PathLike[str]) -> int:
        """Take a tag away; how many files changed. Raises what `add` raises."""
        return tag(self._catalog, paths, name, remove=True)

    def counts(self) -> dict[str, int]:
        """How many files have each tag, by name."""
        with self._catalog.read() as snapshot:
            return counts(snapshot)
