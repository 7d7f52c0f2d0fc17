"""Cutting: where the windows of a recording and the passages of a text begin and end. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator

EXCERPT_CHARS = 200

# A sentence ends at . ! ? or an ellipsis, with closing quotes or brackets after it, before white space; at
# the full stops of Chinese and Japanese, which need no space; and at an empty line.
_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u2019\u201d)\]\u00bb]*+(?=\s)"
    r"|[\u3002\uff01\uff1f]++[\u300d\u300f\uff09]*+"
    r"|\n\s*\n"
)


def n_windows(n_samples: int, window: int, hop: int) -> int:
    """How many windows cover a recording: the last may be shorter, and none begins past the end.

    No window is added for a tail that the window before it contains already (hop < window).
    """
    if n_samples <= 0:
        return 0
    rest = max(0, n_samples - window)
    return 1 + min(-(-rest // hop), (n_samples - 1) // hop)


def passages(text: str, most: int) -> Iterator[tuple[int, int]]:
    """[start, end) of each passage, in order: at most `most` characters, no white space at its edges.

    A passage ends at the last sentence end that fits, else at the last line end, else at the last white
    space, else anywhere. All that is not white space is in exactly one passage.
    """
    most = max(1, most)
    start = 0
    while True:
        start = _skip_space(text, start)
        if start >= len(text):
            return
        end = _cut(text, start, most)
        stop = start + len(text[start:end].rstrip())
        yield start, stop
        start = end


def excerpt(text: str) -> str:
    """The start of a passage for people: one line of at most 200 printable characters."""
    line = " ".join(text[: EXCERPT_CHARS * 4].split())
    line = "".join(c for c in line if c.isprintable())
    if len(line) <= EXCERPT_CHARS:
        return line
    cut = line.rfind(" ", 0, EXCERPT_CHARS)
    return line[: cut if cut > EXCERPT_CHARS // 2 else EXCERPT_CHARS - 1].rstrip() + "…"


def _skip_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _cut(text: str, start: int, most: int) -> int:
    """Where the passage that begins at `start` ends; past `start` always."""
    limit = start + most
    if limit >= len(text):
        return len(text)
    last = 0
    for sentence_end in _SENTENCE_END.finditer(text, start, limit + 1):
        if sentence_end.end() <= limit:
            last = sentence_end.end()
    last = last or text.rfind("\n", start, limit + 1)
    if last > start:
        return last
    for position in range(limit, start, -1):
        if text[position].isspace():
            return position
    return limit
