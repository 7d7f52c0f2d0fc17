"""Names of files, which may hold anything, as a terminal and as JSON can take them."""

from __future__ import annotations

import os


def printable(text: str) -> str:
    """The text on one line: control characters, newlines and undecodable bytes escaped."""
    safe = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in safe)


def json_path(path: str) -> str:
    """A path as JSON can hold it: bytes that are not UTF-8 as backslash escapes."""
    return path.encode("utf-8", "backslashreplace").decode()
