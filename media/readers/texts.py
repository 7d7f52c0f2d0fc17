"""Texts: any encoding to passages cut at sentence ends; subtitles keep their times (subtitles.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from anyseek.contracts import DecodeHint, Modality, SegmentData, Span, Unit
from anyseek.errors import MediaError
from anyseek.media import peek
from anyseek.media.format import FileType
from anyseek.media.limits import check_bytes
from anyseek.media.segments import excerpt, passages
from anyseek.media.source import HEAD_BYTES, Source

MOST_BYTES = 64 << 20
"""A text is in memory as a whole, several times over; longer ones are data rather than reading."""

_DETECT_BYTES = 1 << 20


def read(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """A segment per passage: str of at most hint.passage_chars.

    Its span counts characters of the decoded text (of a web page: of `visible_text`), so that
    text[start:end] is the passage; of subtitles it is seconds.
    """
    hint = hints[Modality.TEXT]
    check_bytes(source.name, source.facts.size, hint.limits, MOST_BYTES)
    text = decoded_text(source.rewound().read(), source.name, is_html=file_type.format.library == "html")
    pieces = _pieces(text, file_type, hint.passage_chars)
    n_passages = 0
    for span, passage in islice(pieces, first, None if count is None else first + count):
        n_passages += 1
        yield SegmentData(Modality.TEXT, span, passage, excerpt(passage))
    if not n_passages and first == 0 and count != 0:
        raise MediaError(f"{source.name} contains no words.", "empty", "Replace or delete the file.")


def _pieces(text: str, file_type: FileType, most: int) -> Iterator[tuple[Span, str]]:
    library = file_type.format.library
    if library in ("srt", "vtt"):
        from anyseek.media.readers import subtitles

        if cues := subtitles.cues(text, library):
            yield from subtitles.joined(cues, most)
            return
    if library == "html":
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
            f"{name} is in a text encoding that was not recognised.", "encoding", "Save it as UTF-8."
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
    declaration = re.search(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", data[:4096], re.I)
    return declaration[1].decode("ascii", "replace") if declaration else None


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
