"""An opened file to decoded segments: finds the format, hands over to the modality's reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import permutations

from anyseek.contracts import Decoded, DecodeHint, Modality
from anyseek.errors import MediaError
from anyseek.media.formats import READERS, Found
from anyseek.media.limits import check_bytes
from anyseek.media.sniffing import identify
from anyseek.media.source import Source

# Formats that can be read as another modality than their content suggests, when the caller says so.
_PICTURES = (Modality.IMAGE, Modality.DEPTH, Modality.THERMAL)
_ALSO = {*permutations(_PICTURES, 2), (Modality.VIDEO, Modality.IMAGE), (Modality.VIDEO, Modality.AUDIO)}


def decode_source(
    source: Source,
    modality: Modality,
    hint: DecodeHint,
    first: int = 0,
    count: int | None = None,
    found: Found | None = None,
) -> Iterator[Decoded]:
    """Segments `first` to `first + count` of one modality, in order. Raises MediaError."""
    return decode_parts(source, modality, {modality: hint}, first, count, found)


def decode_parts(
    source: Source,
    modality: Modality,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
    found: Found | None = None,
) -> Iterator[Decoded]:
    """Segments of a file taken as `modality`, of those modalities that `hints` has: a film has several.

    Raises MediaError.
    """
    hint = hints.get(modality) or next(iter(hints.values()))
    check_bytes(source.name, source.facts.size, hint.limits)
    found = found or identify(source, modality)
    if found is None:
        raise MediaError(f"{source.name} is no file of {modality}.", "wrong-modality", "Choose another file.")
    if found.modality is not modality:
        if (found.modality, modality) not in _ALSO:
            raise MediaError(
                f"{source.name} holds {found.modality}, not {modality}.",
                "wrong-modality",
                "Choose another file.",
            )
        if found.modality is not Modality.VIDEO:
            found = Found(found.format, modality)
    source.load()
    if found.modality is Modality.VIDEO:
        from anyseek.media.readers import video

        yield from video.parts(source, found, hints, first, count)
    else:
        yield from import_module(READERS[modality]).decode(source, found, hint, first, count)
