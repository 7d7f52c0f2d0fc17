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


def typed(text: str) -> str:
    """Words of a command line as they were typed: UTF-8, in a locale of another encoding too; never surrogates."""
    try:
        return os.fsencode(text).decode("utf-8", "replace")
    except (
        UnicodeEncodeError
    ):  # the encoding of the locale has no such character, so it was not typed as its bytes
        return text.encode("utf-8", "replace").decode()


_KEPT = "\n\t\u00ad\u200c\u200d"
"""Line ends, tabs, and what scripts need within words: the soft hyphen, the non-joiner and the joiner."""


def printable_text(text: str) -> str:
    """A text of several lines, with what moves a cursor, turns a direction or hides from view escaped: control and
    format characters, undecodable bytes. Spaces of any kind become plain ones, line ends "\\n"."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(map(_seen, text.replace("\r\n", "\n")))


def _seen(character: str) -> str:
    if character.isprintable() or character in _KEPT:
        return character
    if character.isspace():
        return "\n" if character in "\r\v\f\x85\u2028\u2029" else " "
    return character.encode("unicode_escape").decode()


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
