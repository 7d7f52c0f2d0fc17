"""SubRip and WebVTT, by pysubs2: what is said, with its times in seconds."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from anyseek.contracts import Span, Unit
from anyseek.media.segments import passages

# Taken out before the library reads: its own patterns take quadratic time on a text of nothing but `<a`, and would
# take two times within a line (karaoke) for a timing.
_MARKUP = re.compile(r"<[^<>\n]{1,200}>|\{\\[^{}\n]{1,200}\}")
_EMPTY_LINES = re.compile(r"\n(?:[^\S\n]*+\n)++")


class Cue(NamedTuple):
    """What is said from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def cues(text: str, format_name: str) -> list[Cue]:
    """The cues that have words, in order of time; empty where a text has no times that can be read.

    format_name: srt or vtt. A cue's words run to the next empty line.
    """
    from pysubs2 import Pysubs2Error, SSAFile

    plain = _MARKUP.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    try:
        subtitles = SSAFile.from_string(
            _EMPTY_LINES.sub("\n\n", plain), format_=format_name, keep_html_tags=True
        )
    except (ValueError, Pysubs2Error):  # `:01:02.000`, with a colon and no hours before it
        return []
    spoken = []
    for event in sorted(subtitles, key=lambda event: event.start):
        words, _, _ = event.text.replace("\\N", "\n").partition("\n\n")
        if format_name == "vtt":
            words = html.unescape(words)
        if words := " ".join(words.split()):
            spoken.append(Cue(event.start / 1000, event.end / 1000, words))
    return spoken


def joined(cues: Sequence[Cue], most: int) -> Iterator[tuple[Span, str]]:
    """Cues joined while they fit in `most` characters; a longer one is cut, its parts share its times."""
    group: list[Cue] = []
    n_chars = 0
    for cue in cues:
        if group and n_chars + len(cue.text) > most:
            yield from _passages(group, most)
            group, n_chars = [], 0
        group.append(cue)
        n_chars += len(cue.text) + 1
    yield from _passages(group, most)


def _passages(group: Sequence[Cue], most: int) -> Iterator[tuple[Span, str]]:
    text = " ".join(cue.text for cue in group)
    start = group[0].start
    span = Span(start, max(start, *(cue.end for cue in group)), Unit.SECONDS)
    for begin, end in passages(text, most):
        yield span, text[begin:end]
