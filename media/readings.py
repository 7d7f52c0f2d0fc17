"""Files that are read part by part, kept open in between: a part then begins where the one before it ended.

Else each part would read its file from the beginning, and a long text as many times as it has parts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain, islice

from anyseek.contracts import DecodeHint, Modality, SegmentData
from anyseek.errors import MediaError
from anyseek.media.decoding import segments
from anyseek.media.formats import FileType
from anyseek.media.source import FileFacts, Source
from anyseek.opening import AnyFile


class Reading:
    """An opened file of a known type, and its segments from some number on."""

    def __init__(self, source: Source, life: ExitStack, file_type: FileType) -> None:
        """life: what closes the source."""
        self.source = source
        self.file_type = file_type
        self._life = life
        self._rest: Iterator[SegmentData] = iter(())

    def start(self, hints: Mapping[Modality, DecodeHint], first: int) -> None:
        """Its segments are those of the modalities in `hints`, from number `first` on. Raises MediaError."""
        self._rest = segments(self.source, self.file_type, hints, first)

    def take(self, most: int) -> Iterator[SegmentData]:
        """The next segments, at most so many. Raises MediaError."""
        return islice(self._rest, most)

    def has_more(self) -> bool:
        """Whether there are segments after those taken, one of which this decodes. Raises MediaError."""
        opening = next(self._rest, None)
        if opening is None:
            return False
        self._rest = chain((opening,), self._rest)
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._rest = iter(())
        self._life.close()


class Readings:
    """The readings that may go on, the latest few of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: OrderedDict[tuple[AnyFile, int], Reading] = OrderedDict()

    def keep(self, file: AnyFile, number: int, reading: Reading) -> None:
        """A reading whose next segment has this number; the one that waited longest is closed."""
        if (other := self._open.pop((file, number), None)) is not None:
            other.close()
        self._open[file, number] = reading
        while len(self._open) > self._most:
            self._open.popitem(last=False)[1].close()

    def resumed(self, file: AnyFile, modality: Modality | None, number: int) -> Reading | None:
        """The reading that goes on there, if it was kept and the path still leads to that state of that file."""
        reading = self._open.pop((file, number), None)
        if reading is None:
            return None
        if modality in (None, reading.file_type.modality) and _facts(file) == reading.source.facts:
            return reading
        reading.close()
        return None

    def close(self) -> bool:
        """Let go of all files. Whether there were any."""
        had_any = bool(self._open)
        while self._open:
            self._open.popitem()[1].close()
        return had_any


def _facts(file: AnyFile) -> FileFacts | None:
    try:
        with Source.open(file) as source:
            return source.facts
    except MediaError:
        return None
