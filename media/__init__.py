"""Files to decoded segments: what a file is (`sniff`, `file_type`), and what is in it (`decode`). Knows no models.

Hostile files are decoded in `worker.DecodePool`, in processes that can be killed; the functions here run
where they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseek.contracts import DecodeHint, Modality, SegmentData
    from anyseek.media.format import FileType
    from anyseek.opening import AnyFile

__all__ = ["decode", "file_type", "sniff"]


def sniff(path: AnyFile) -> Modality | None:
    """The file's modality, by its content; its name breaks ties only. None: nothing that is searched.

    Raises MediaError: vanished, unreadable, not-a-file (a pipe, a socket, a device, a folder: never opened),
    mislabelled (a name like .jpg on something else), empty, pickled.
    """
    known = file_type(path)
    return known.modality if known else None


def file_type(path: AnyFile, modality: Modality | None = None) -> FileType | None:
    """The file's format, and the modality that it is taken as: `modality`, or what its content tells.

    None only without `modality`: nothing that is searched. Raises MediaError: as `sniff`, and wrong-modality.
    """
    from anyseek.media.sniffing import identify, identify_as
    from anyseek.media.source import Source

    with Source.open(path) as source:
        return identify(source) if modality is None else identify_as(source, modality)


def decode(
    path: AnyFile, modality: Modality, hint: DecodeHint, first: int = 0, count: int | None = None
) -> Iterator[SegmentData]:
    """The segments of a file, one by one: `count` of them from number `first` on (None: all).

    A recording is streamed, so that hours of it fit in memory, and `first` is found by seeking.
    Raises MediaError: every reason of `limits.STAGES` that is not the worker's.
    """
    from anyseek.media.decoding import segments
    from anyseek.media.sniffing import identify_as
    from anyseek.media.source import Source

    with Source.open(path) as source:
        known = identify_as(source, modality)
        yield from segments(source, known, {modality: hint}, first, count)
