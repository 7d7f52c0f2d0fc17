"""Functions of our own in SQL: every connection to a catalog has them."""

from __future__ import annotations

import os
import sqlite3
import struct
import zlib

from anyseek.catalog.codec import clean_text
from anyseek.folding import folded
from anyseek.stems import stem
from anyseek.tokens import name_tokens, word_tokens


def fold(value: str | bytes | None) -> str | None:
    """SQL: fold(text, or a path as bytes) -> folded text; undecodable bytes as `\\udcXX`, NULL as NULL."""
    if isinstance(value, bytes):
        value = clean_text(os.fsdecode(value))
    return None if value is None else folded(value)


def is_text(value: bytes | None) -> bool:
    """SQL: is_text(CAST(x AS BLOB)): whether these bytes are UTF-8."""
    try:
        return value is None or value.decode() is not None
    except UnicodeDecodeError:
        return False


def is_text_sql(column: str) -> str:
    """SQL: whether the column holds a text that is UTF-8."""
    return f"typeof({column}) = 'text' AND is_text(CAST({column} AS BLOB))"


def segment_crc(
    modality: bytes, start: float, end: float, unit: bytes, excerpt: bytes, text: bytes | None
) -> int | None:
    """SQL, and for who writes: the checksum of all that a segment says. Texts as UTF-8, lengths between them."""
    parts = [modality, unit, excerpt, text or b""]
    try:
        numbers = struct.pack("<dd4Q", start + 0.0, end + 0.0, *map(len, parts))  # SQLite has no -0.0
    except (TypeError, struct.error):  # of other types than ours: of no segment
        return None
    return zlib.crc32(b"".join([numbers, *parts]))


def name_words(path: bytes | None) -> str:
    """SQL: name_words(path): the tokens of a file's name, by its path as it is written (tokens.name_tokens)."""
    return name_tokens(_path_text(path).rpartition("/")[2])


def folder_words(path: bytes | None) -> str:
    """SQL: folder_words(path): the tokens of the folders that a file lies in, from its root on."""
    return name_tokens(_path_text(path).rpartition("/")[0])


def _path_text(path: bytes | None) -> str:
    return clean_text(os.fsdecode(path or b""))


def word_stems(text: str) -> str:
    """SQL: word_stems(text): the stems of its tokens that are not their own stem, with a space between two."""
    return " ".join(found for token in word_tokens(text).split() if (found := stem(token)) != token)


def register(connection: sqlite3.Connection) -> None:
    """Make them known to a connection."""
    connection.create_function("fold", 1, fold, deterministic=True)
    connection.create_function("word_tokens", 1, word_tokens, deterministic=True)
    connection.create_function("name_words", 1, name_words, deterministic=True)
    connection.create_function("folder_words", 1, folder_words, deterministic=True)
    connection.create_function("word_stems", 1, word_stems, deterministic=True)
    connection.create_function("is_text", 1, is_text, deterministic=True)
    connection.create_function("segment_crc", 6, segment_crc, deterministic=True)
