"""Any text on one line of a terminal: names of files may hold anything."""

from __future__ import annotations

import os


def printable(text: str) -> str:
    """The text on one line: control characters, newlines and undecodable bytes escaped."""
    safe = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in safe)
