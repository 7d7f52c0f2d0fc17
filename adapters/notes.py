"""What a store reads of its documents: text files in a folder, each with its notes in a hidden file beside it.

Other programs write into the folder too, so a file may have no notes, or damaged ones, or be in another encoding.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from anyseek.adapters.documents import file_name
from anyseek.errors import MediaError, UsageError
from anyseek.media.readers.texts import decoded_text
from anyseek.opening import FileBelow, open_file
from anyseek.printable import json_path


@dataclass(frozen=True, slots=True)
class Notes:
    """id: of the document. metadata: JSON values by name. text: of the document where its file's differs, else None."""

    id: str
    metadata: dict[str, Any] = field(default_factory=dict)
    text: str | None = None


def notes_name(name: str) -> str:
    """Of the file beside a text file."""
    return f".{name.removesuffix('.txt')}.json"


def read_notes(folder: Path, name: str) -> Notes:
    """The notes of a text file; where they are not there, damaged or another file's, its name alone says the id."""
    stem = name.removesuffix(".txt")
    try:
        facts = json.loads(bytes_below(folder, notes_name(name)))
    except (OSError, ValueError, RecursionError):
        facts = None
    if (
        not isinstance(facts, dict)
        or not isinstance(facts.get("id"), str)
        or not _is_named(facts["id"], stem)
    ):
        alike = unquote(stem)
        return Notes(alike if _is_named(alike, stem) else json_path(stem))
    metadata, text = facts.get("metadata"), facts.get("text")
    return Notes(
        facts["id"], metadata if isinstance(metadata, dict) else {}, text if isinstance(text, str) else None
    )


def _is_named(one: str, stem: str) -> bool:
    """Whether the store gives this name to the file of that id."""
    try:
        return file_name(one) == stem
    except UsageError:
        return False


def bytes_below(folder: Path, name: str) -> bytes:
    """Of a file in the folder; no link is followed, as when it is indexed. Raises OSError."""
    with os.fdopen(open_file(FileBelow(os.fspath(folder), name)), "rb") as file:
        return file.read()


def decoded(data: bytes, name: str) -> str:
    """A text as it was written; what is not UTF-8 is decoded as by the index, as far as it can be."""
    if b"\0" not in data:  # which no text of the store has, and UTF-16 has
        with suppress(UnicodeDecodeError):
            return data.decode()
    try:
        return decoded_text(data, name)
    except MediaError:
        return data.decode(errors="replace")
