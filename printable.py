"""Names and values, which may hold anything, as a terminal, JSON and messages can take them."""

from __future__ import annotations

import os

_MOST_CHARACTERS = 200


def printable(text: str) -> str:
    """The text on one line: control characters, newlines and undecodable bytes escaped."""
    try:
        safe = os.fsencode(text).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate, which is no byte of any file's name
        safe = json_path(text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in safe)


def short_repr(value: object) -> str:
    """The value as Python writes it, for a message: shortened, and never an error (Python refuses to write whole
    numbers of more than 4300 digits)."""
    try:
        text = repr(value)
    except ValueError:
        return f"<{type(value).__name__} too long to show>"
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."


def json_path(path: str) -> str:
    """A path as JSON can hold it: bytes that are not UTF-8 as backslash escapes."""
    return path.encode("utf-8", "backslashreplace").decode()
