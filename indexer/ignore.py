"""Which paths are left out: `--exclude` and the `.anyseekignore` files, both in gitignore's syntax."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.errors import UsageError
from anyseek.printable import printable

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_NAME = ".anyseekignore"

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns that hold in one folder: `--exclude`, and every ignore file from here up to the root.

    As in git, the last pattern that matches in the nearest file decides; nothing re-includes what lies in an
    ignored folder. `--exclude` stands above all files.
    """

    excluded: GitIgnoreSpec | None = None
    files: tuple[tuple[str, GitIgnoreSpec], ...] = ()  # (folder with a final "/", or ""; its patterns)

    def names(self, path: str) -> bool:
        """Whether a path is to be left out: relative to the root, a folder's with a final "/"."""
        if self.excluded is not None and self.excluded.check_file(path).include:
            return True
        for folder, spec in reversed(self.files):
            verdict = spec.check_file(path[len(folder) :]).include
            if verdict is not None:
                return verdict
        return False

    def with_file(self, folder: str, path: bytes) -> Rules:
        """These rules and those of the ignore file at `path`, which lies in `folder` ("a/b/"; "": the root).

        Raises OSError when it cannot be read, UsageError for a pattern that is not valid.
        """
        if not stat.S_ISREG(os.lstat(path).st_mode):  # opening a pipe would wait
            return self
        with Path(os.fsdecode(path)).open("rb") as file:
            lines = os.fsdecode(file.read(_MAX_BYTES).removeprefix(b"\xef\xbb\xbf")).splitlines()
        spec = _parsed(lines, printable(os.fsdecode(path)))
        return Rules(self.excluded, (*self.files, (folder, spec)))


def exclusions(patterns: Sequence[str]) -> Rules:
    """The rules of `--exclude`. Raises UsageError for a pattern that is not valid."""
    return Rules(_parsed(patterns, "--exclude")) if patterns else Rules()


def _parsed(lines: Sequence[str], where: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise UsageError(
            f"A pattern in {where} is not valid: {error}.", "The syntax is that of .gitignore files."
        ) from error
