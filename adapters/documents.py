"""Texts that a program hands over, as files of an index: each is a text whatever it looks like; writers take turns."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeVar
from urllib.parse import quote

from anyseek.errors import IndexLocked, UsageError
from anyseek.media import peek
from anyseek.media.formats import all_formats
from anyseek.media.source import HEAD_BYTES
from anyseek.printable import short_repr

WAIT_SECONDS = 60.0
"""How long a writer waits for another one: a batch of texts takes less, a run over a new library may take hours."""

_PAUSE = 0.05
_pause = time.sleep
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document as it is written. json: its notes: id, metadata, and its text where `file_text` differs from it."""

    id: str
    json: str
    file_text: str


def prepared(
    texts: Sequence[str], metadatas: Sequence[Mapping[str, Any]] | None, ids: Sequence[str | None] | None
) -> list[Prepared]:
    """The documents, with an id for each that has none. Raises UsageError for what cannot be written."""
    for name, given in (("metadatas", metadatas), ("ids", ids)):
        if given and len(given) != len(texts):
            raise UsageError(f"{len(texts)} texts have {len(given)} {name}.", "Give one for each text.")
    return [
        _prepared(text, one or uuid.uuid4().hex, metadata)
        for text, one, metadata in zip(texts, ids or repeat(None), metadatas or repeat({}), strict=False)
    ]


def _prepared(text: str, one: str, metadata: Mapping[str, Any]) -> Prepared:
    file_name(one)
    if not isinstance(text, str):
        raise UsageError(f"{short_repr(text)} is not a text.", "A document is a str.")
    _check_characters(text, "text")
    file_text = _recognisable(text)
    notes = {"id": one, "metadata": metadata} | ({} if file_text == text else {"text": text})
    try:
        return Prepared(one, json.dumps(notes), file_text)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"The metadata of {short_repr(one)} cannot be stored: {error}.", "Metadata are JSON values."
        ) from error


def content_of(file_text: str, text: str | None) -> str:
    """The document's text as its notes have it, unless a person has changed its file since."""
    return text if text is not None and _recognisable(text) == file_text else file_text


def _recognisable(text: str) -> str:
    """What a file has to have in it to be taken for a text: without control characters, and after an empty line where
    the text begins as files of some format do ("GIF89a is a format", a table of a sensor)."""
    plain = _CONTROLS.sub(" ", text)
    head = plain.encode()[:HEAD_BYTES]
    is_plain = peek.looks_like_text(head) and not any(row.matches(head) for row in all_formats())
    return plain if is_plain or not head else "\n" + plain


def file_name(one: str) -> str:
    """An id as a file name: not hidden, without separators. Raises UsageError."""
    _check_characters(one, "id")
    name = quote(one, safe=" ")
    name = "%2E" + name[1:] if name.startswith(".") else name
    if len(name) > 200:
        raise UsageError(
            f"The id {one[:40]!r}... is too long to be a file's name.", "Use ids of up to 60 letters."
        )
    return name


def _check_characters(text: str, noun: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"The {noun} {short_repr(text)} has a lone surrogate, which is no character.", "Leave it out."
        ) from None


def waited_for(write: Callable[[], _T]) -> _T:
    """What `write` returns, once no other writer holds the index. Raises IndexLocked after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return write()
        except IndexLocked:
            if time.monotonic() >= deadline:
                raise
            _pause(_PAUSE)
