"""An identified file to decoded segments: hands over to the reader that its format names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, cast

from anyseek.contracts import DecodeHint, Modality, SegmentData, Span, Unit
from anyseek.errors import MediaError
from anyseek.media.formats import FileType
from anyseek.media.limits import check_bytes
from anyseek.media.source import Source
from anyseek.modalities import info
from anyseek.plugins import resolve

if TYPE_CHECKING:
    from anyseek.media.formats import Reader

_SAME_START = 0.01
"""Of a segment's length: rates that differ cut their windows at slightly different places."""


def segments(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """Segments `first` to `first + count` of the modalities in `hints`, in order.

    Raises MediaError, also for a segment that is not as its reader has to make it.
    """
    check_bytes(source.name, source.facts.size, next(iter(hints.values())).limits)
    source.load()
    for segment in _reader(source, file_type)(source, file_type, hints, first, count):
        yield _checked(segment, source, hints)


def _checked(segment: object, source: Source, hints: Mapping[Modality, DecodeHint]) -> SegmentData:
    """What a reader returned, its span in floats: the catalog trusts it, and a package may have made it."""
    if not isinstance(segment, SegmentData):
        raise _wrong(source, f"a {type(segment).__name__} instead of a segment")
    if segment.modality not in hints:
        raise _wrong(source, f"a segment of the modality {segment.modality}, which nothing asked for")
    if segment.data is None or (info(segment.modality).is_text and not _is_text(segment.data)):
        raise _wrong(source, f"a segment of {segment.modality} whose data is not that")
    if not _is_text(segment.excerpt):
        raise _wrong(source, "an excerpt that is not a text")
    span = _floats(segment.span)
    if span is None:
        raise _wrong(source, f"a segment with the span {_described(segment.span)}")
    return segment if span is segment.span else replace(segment, span=span)


def _is_text(value: object) -> bool:
    """Whether it is a str that UTF-8 can have: without surrogates."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _floats(span: object) -> Span | None:
    """The span, its numbers as float (a reader may have counted in numpy's types); None for one that cannot be."""
    if not isinstance(span, Span) or not isinstance(span.unit, Unit):
        return None
    try:
        floats = Span(float(span.start), float(span.end), span.unit)
    except (TypeError, ValueError, OverflowError):
        return None
    if not (math.isfinite(floats.start) and math.isfinite(floats.end) and floats.start <= floats.end):
        return None
    return span if type(span.start) is type(span.end) is float else floats


def _described(span: object) -> str:
    return f"{span.start} to {span.end} ({span.unit})" if isinstance(span, Span) else repr(span)


def _wrong(source: Source, what: str) -> MediaError:
    return MediaError(
        f"{source.name} cannot be used: its reader returned {what}.",
        "broken",
        "Report this to the format's author.",
    )


def segment_at(
    source: Source, file_type: FileType, hints: Mapping[Modality, DecodeHint], span: Span
) -> SegmentData | None:
    """The segment that begins where `span` does; where there is none, the first that covers its start.

    Windows that follow one another at even steps are found by counting, all else by reading on. Raises MediaError.
    """
    opening = list(islice(segments(source, file_type, hints, 0, 2), 2))
    candidates = list(opening)
    step = opening[1].span.start - opening[0].span.start if len(opening) == 2 else 0.0
    if step > 0 and not any(_starts_at(segment, span) for segment in opening):
        number = max(0, round((span.start - opening[0].span.start) / step))
        candidates += segments(source, file_type, hints, number, 1)
    for segment in candidates:
        if _starts_at(segment, span):
            return segment
    covering: SegmentData | None = None
    for segment in segments(source, file_type, hints):
        if _starts_at(segment, span):
            return segment
        if covering is None and segment.span.start <= span.start < segment.span.end:
            covering = segment
    return covering


def _starts_at(segment: SegmentData, span: Span) -> bool:
    length = segment.span.end - segment.span.start
    return segment.span.unit is span.unit and abs(segment.span.start - span.start) <= _SAME_START * length


def _reader(source: Source, file_type: FileType) -> Reader:
    try:
        return cast("Reader", resolve(file_type.reader))
    except ImportError as error:
        raise MediaError(
            f"{source.name} is a {file_type.format.name} file, whose reader {file_type.reader} cannot be imported: "
            f"{error}.",
            "missing-reader",
            "Install the package of the format again.",
        ) from error
