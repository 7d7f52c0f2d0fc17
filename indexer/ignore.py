"""Which paths are left out: `--exclude` and the `.anyseekignore` files, both in gitignore's syntax."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from anyseek.errors import UsageError
from anyseek.indexer.patterns import BadPattern, Patterns
from anyseek.opening import FileBelow, NotRegular, is_link_error, open_file
from anyseek.printable import printable

IGNORE_NAME = ".anyseekignore"

MOST_BYTES = 256 << 10
MOST_PATTERNS = 10_000
"""That hold in one folder: each name in it is compared with all of them."""


class IgnoreFileError(UsageError):
    """An ignore file that cannot be understood: it is not known what to leave out, so nothing is indexed."""


_SYNTAX = "The syntax is that of .gitignore files."


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns that hold in one folder: `--exclude`, and every ignore file from here up to the root.

    As in git, the last pattern that matches in the nearest file decides; nothing re-includes what lies in an
    ignored folder. `--exclude` stands above all files.
    """

    excluded: Patterns | None = None
    files: tuple[tuple[str, Patterns], ...] = ()  # (folder with a final "/", or ""; its patterns)

    def names(self, path: str) -> bool:
        """Whether a path is to be left out: relative to the root, a folder's with a final "/"."""
        if self.excluded is not None and self.excluded.verdict(path):
            return True
        for folder, patterns in reversed(self.files):
            verdict = patterns.verdict(path[len(folder) :])
            if verdict is not None:
                return verdict
        return False

    def with_file(self, folder: str, file: FileBelow) -> Rules:
        """These rules and those of an ignore file, which lies in `folder` ("a/b/"; "": the root).

        A link, a pipe and the like are no ignore files. Raises OSError when it cannot be read, IgnoreFileError for
        a pattern that is not valid and for too many of them.
        """
        try:
            handle = open_file(file)
        except NotRegular:
            return self
        except OSError as error:
            if is_link_error(error):
                return self
            raise
        with os.fdopen(handle, "rb") as opened:
            data = opened.read(MOST_BYTES + 1)
        name = printable(os.fspath(file))
        if len(data) > MOST_BYTES:
            raise IgnoreFileError(f"{name} is larger than {MOST_BYTES >> 10} kB.", "Give fewer patterns.")
        # As git does, and unlike str.splitlines: a form feed ends no line.
        lines = [line.removesuffix(b"\r") for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
        try:
            patterns = Patterns(map(os.fsdecode, lines))
        except BadPattern as error:
            raise IgnoreFileError(
                f"Line {error.number} of {name} is not a valid pattern: {printable(str(error))}.", _SYNTAX
            ) from error
        if sum(map(len, (patterns, *(one for _, one in self.files)))) > MOST_PATTERNS:
            raise IgnoreFileError(
                f"With those of {name}, more than {MOST_PATTERNS:,} patterns hold in one folder.",
                "Give fewer: a folder's pattern covers all that is in it.",
            )
        return Rules(self.excluded, (*self.files, (folder, patterns)))


def exclusions(patterns: Sequence[str]) -> Rules:
    """The rules of `--exclude`. Raises UsageError for a pattern that is not valid, and for too many."""
    if len(patterns) > MOST_PATTERNS:
        raise UsageError(f"--exclude has more than {MOST_PATTERNS:,} patterns.", "Give fewer.")
    try:
        return Rules(Patterns(patterns)) if patterns else Rules()
    except BadPattern as error:
        wrong = printable(patterns[error.number - 1][:100])
        raise UsageError(
            f"The pattern {wrong!r} of --exclude is not valid: {printable(str(error))}.", _SYNTAX
        ) from error
