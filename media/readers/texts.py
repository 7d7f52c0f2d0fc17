"""Texts: any encoding to passages cut at sentence ends; subtitles keep their times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from anyseek.contracts import Decoded, DecodeHint, Modality, Span, Unit
from anyseek.errors import MediaError
from anyseek.media import peek
from anyseek.media.formats import Found
from anyseek.media.limits import check_bytes
from anyseek.media.segments import excerpt, passages
from anyseek.media.source import HEAD_BYTES, Source

MOST_BYTES = 64 << 20
"""A text is held whole in memory, several times over; longer ones are data rather than reading."""

_DETECT_BYTES = 1 << 20


def decode(
    source: Source, found: Found, hint: DecodeHint, first: int = 0, count: int | None = None
) -> Iterator[Decoded]:
    """A segment per passage: str of at most hint.passage_chars.

    Its span counts characters of the decoded text (of a web page: of `visible_text`), so that
    text[start:end] is the passage; of subtitles it is seconds.
    """
    check_bytes(source.name, source.facts.size, hint.limits, MOST_BYTES)
    text = decoded_text(source.rewound().read(), source.name, is_html=found.format.library == "html")
    found_passages = _segments(text, found, hint.passage_chars)
    some = False
    for span, passage in islice(found_passages, first, None if count is None else first + count):
        some = True
        yield Decoded(Modality.TEXT, span, passage, excerpt(passage))
    if not some and first == 0 and count != 0:
        raise MediaError(f"{source.name} has no words in it.", "empty", "Replace or delete the file.")


def _segments(text: str, found: Found, most: int) -> Iterator[tuple[Span, str]]:
    if found.format.library == "cues" and (cues := list(subtitle_cues(text))):
        yield from _timed(cues, most)
        return
    if found.format.library == "html":
        text = visible_text(text)
    for start, end in passages(text, most):
        yield Span(start, end, Unit.CHARACTERS), text[start:end]


# ---------------------------------------------------------------- bytes to characters


def decoded_text(data: bytes, name: str, is_html: bool = False) -> str:
    """Characters, without a byte order mark. UTF-8 when it can be; then what the text itself says; then
    the best guess. Raises MediaError encoding."""
    declared = _declared_by_html(data) if is_html else None
    for encoding in (peek.marked_encoding(data), peek.unmarked_utf16(data[:HEAD_BYTES]), "utf-8", declared):
        if encoding is None:
            continue
        try:
            return data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
    return _guessed(data, name)


def _guessed(data: bytes, name: str) -> str:
    from charset_normalizer import from_bytes

    sample = data[:_DETECT_BYTES]
    best = from_bytes(sample).best()
    if best is None:
        raise MediaError(
            f"{name} is in no text encoding that could be recognised.", "encoding", "Save it as UTF-8."
        )
    return data.decode("cp1252" if _is_western(sample, best.encoding) else best.encoding, "replace")


def _is_western(data: bytes, guess: str) -> bool:
    """Whether a text that was taken for `guess` is rather in the encoding of western Europe.

    The bytes beyond ASCII stand alone there, as accented letters do; in Cyrillic, Greek or Chinese they come
    in runs. A few words of French or German are otherwise taken for Chinese, or for an encoding of DOS.
    """
    runs = re.findall(rb"[\x80-\xff]+", data)
    n_alone = sum(len(run) == 1 for run in runs)
    is_wide = len("狐狸".encode(guess, "ignore")) >= 4
    return n_alone > 0.8 * len(runs) and (is_wide or len(runs) < 50)


def _declared_by_html(data: bytes) -> str | None:
    found = re.search(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", data[:4096], re.I)
    return found[1].decode("ascii", "replace") if found else None


# ---------------------------------------------------------------- web pages

_UNSEEN = "script, style, template, noscript, svg, iframe, object, select, textarea, [hidden]"
_BLOCKS = (
    "address, article, aside, blockquote, br, caption, dd, details, div, dl, dt, figcaption, figure, footer, "
    "form, h1, h2, h3, h4, h5, h6, header, hr, legend, li, main, nav, ol, option, p, pre, section, summary, "
    "table, td, th, tr, ul"
)


def visible_text(html: str) -> str:
    """What a reader sees of a page: a line per block, no scripts, styles or hidden parts."""
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(html)
    body = page.body
    if body is None:
        return ""
    for unseen in body.css(_UNSEEN):
        unseen.decompose()
    for block in body.css(_BLOCKS):
        block.insert_before("\n")
        block.insert_after("\n")
    lines = (" ".join(line.split()) for line in body.text(separator="").splitlines())
    return "\n".join(line for line in lines if line)


# ---------------------------------------------------------------- subtitles


class Cue(NamedTuple):
    """What is said from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*$", re.M)
_MARKUP = re.compile(r"<[^<>\n]{1,200}>|\{\\[^{}\n]{1,200}\}")


def subtitle_cues(text: str) -> Iterator[Cue]:
    """The cues of a SubRip or WebVTT file, in order: a cue's words run to the next empty line."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    timings = list(_TIMING.finditer(text))
    ends = [later.start() for later in timings[1:]] + [len(text)]
    for timing, until in zip(timings, ends, strict=False):
        words, _, _ = text[timing.end() : until].partition("\n\n")
        words = " ".join(_MARKUP.sub("", words).split())
        if words:
            times = timing.groups()
            yield Cue(_seconds(times[:4]), _seconds(times[4:]), words)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def _timed(cues: list[Cue], most: int) -> Iterator[tuple[Span, str]]:
    """Cues joined while they fit in `most` characters; a longer one is cut, its parts share its times."""
    group: list[Cue] = []
    for cue in cues:
        if group and sum(len(other.text) + 1 for other in group) + len(cue.text) > most:
            yield from _joined(group, most)
            group = []
        group.append(cue)
    yield from _joined(group, most)


def _joined(group: list[Cue], most: int) -> Iterator[tuple[Span, str]]:
    text = " ".join(cue.text for cue in group)
    start = group[0].start
    span = Span(start, max(start, *(cue.end for cue in group)), Unit.SECONDS)
    for begin, end in passages(text, most):
        yield span, text[begin:end]
