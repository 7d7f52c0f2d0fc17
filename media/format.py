"""What a format is: how its files are recognised, what is in them, and which reader decodes them.

Standard library only: readers are named as `module:attribute` and imported when a file needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from anyseek.contracts import DecodeHint, Modality, SegmentData
from anyseek.media.source import Source


class Reader(Protocol):
    """A function that decodes the files of a format."""

    def __call__(
        self,
        source: Source,
        file_type: FileType,
        hints: Mapping[Modality, DecodeHint],
        first: int = 0,
        count: int | None = None,
    ) -> Iterator[SegmentData]:
        """Segments `first` to `first + count` (None: to the end), in an order that is always the same.

        hints: one for each requested modality, at least one of `file_type.segment_modalities`; segments of other
        modalities are left out, and not counted. Those of a container have a span each, which tells them apart.
        Raises MediaError; `empty` where there is nothing at all.
        """


def never(head: bytes) -> bool:
    """For formats that have no marks of their own: kinds of text, which are recognised by their names."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Format:
    """A row of the table.

    modality: of a file of this format. suffixes: names that claim the format, as `.jpg`, in lower case.
    reader: the `Reader`, as `module:attribute`. library: for the reader, the format's name in the library that it uses.

    matches: recognises the first 64 KiB. matches_named: the same for a file whose suffix claims the format, which may
    ask for less. is_weakly_marked: text may resemble its marks; what looks like text is not of this format.

    classify: looks closer, where one format can contain several modalities, or
    nothing that is searched (None).

    yields: the modalities that the segments of a container may have; empty: its own modality alone. A model takes those
    that it supports, and a caller may ask for one of them. taken_as: further modalities that a caller may ask for, or
    that `classify` may return, each with its reader.

    segments_per_task: the most segments of a modality that are decoded at once, where one takes long.
    needs_worker: False for what Python alone reads in a moment, so that a small query file needs no process of its own.
    caption: `module:attribute` of a function (Source, FileType) -> list of str: what a file says about itself in words.
    """

    name: str
    modality: Modality
    suffixes: tuple[str, ...]
    reader: str
    matches: Callable[[bytes], bool] = never
    matches_named: Callable[[bytes], bool] = never
    is_weakly_marked: bool = False
    classify: Callable[[Source], Modality | None] | None = None
    library: str = ""
    yields: tuple[Modality, ...] = ()
    taken_as: Mapping[Modality, str] = field(default_factory=dict)
    segments_per_task: Mapping[Modality, int] = field(default_factory=dict)
    needs_worker: bool = True
    caption: str = ""

    def modality_of(self, source: Source) -> Modality | None:
        """Of a file that has the format's marks; None for what is not searched. Raises MediaError."""
        return self.classify(source) if self.classify else self.modality

    def can_be(self, modality: Modality) -> bool:
        """Whether a caller may ask for a file of this format as `modality`."""
        return modality is self.modality or modality in self.yields or modality in self.taken_as


@dataclass(frozen=True, slots=True)
class FileType:
    """What a file is: its format, and the modality that it is taken as."""

    format: Format
    modality: Modality

    @property
    def segment_modalities(self) -> tuple[Modality, ...]:
        """Which its segments may have: several, of a container that is taken as a whole."""
        if self.modality is self.format.modality and self.format.yields:
            return self.format.yields
        return (self.modality,)

    @property
    def reader(self) -> str:
        """The `module:attribute` that decodes it."""
        return self.format.taken_as.get(self.modality, self.format.reader)
