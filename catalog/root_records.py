"""The records of one root that become those of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseek.catalog.writer import Writer


def hand_over(writer: Writer, root: int, outer: int, below: bytes) -> None:
    """The files of a root become those of the root around it, and it is none any more.

    below: the way from `outer` to it. Records that `outer` has of the same places give way: they are older. Numbers,
    vectors and states stay, and the tags of both.
    """
    database = writer.database
    place = "CAST(? || f.path AS BLOB)"
    stem = below + b"/"
    older = database.run(
        f"SELECT o.file_id, f.file_id FROM files o JOIN files f ON f.root = ? AND o.root = ? AND o.path = {place}",
        [root, outer, stem],
    ).fetchall()
    database.run_many(
        "INSERT OR IGNORE INTO tags (folded, file_id, tag) SELECT t.folded, ?2, t.tag FROM tags t WHERE t.file_id = ?1",
        older,
    )
    writer.delete([file_id for file_id, _ in older])
    database.run(
        f"UPDATE files AS f SET root = ?, path = {place}, change = ? WHERE f.root = ?",
        [outer, stem, writer.change, root],
    )
    database.run(
        "INSERT OR REPLACE INTO folders (root, path, inode, is_mount)"
        f" SELECT ?, {place}, f.inode, f.is_mount FROM folders f WHERE f.root = ?",
        [outer, stem, root],
    )
    writer.forget_root(root)
