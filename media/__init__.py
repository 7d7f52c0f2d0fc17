"""Files to decoded segments: what is it (`sniff`), and what does it hold (`decode`). Knows no models.

Hostile files are decoded in `worker.DecodePool`, in processes that can be killed; the two functions here run
where they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseek.contracts import Decoded, DecodeHint, Modality

__all__ = ["decode", "sniff"]


def sniff(path: str) -> Modality | None:
    """What the file holds, by its content; its name breaks ties only. None: nothing that is searched.

    Raises MediaError: vanished, unreadable, not-a-file (a pipe, a socket, a device, a folder: never opened),
    mislabelled (a name like .jpg on something else), empty, pickled.
    """
    from anyseek.media.sniffing import identify
    from anyseek.media.source import Source

    with Source.open(path) as source:
        found = identify(source)
    return found.modality if found else None


def decode(
    path: str, modality: Modality, hint: DecodeHint, first: int = 0, count: int | None = None
) -> Iterator[Decoded]:
    """The segments of a file, one by one: `count` of them from number `first` on (None: all).

    A recording is streamed, so that hours of it fit in memory, and `first` is found by seeking.
    Raises MediaError: every reason of `limits.STAGES` that is not the worker's.
    """
    from anyseek.media.decoding import decode_source
    from anyseek.media.source import Source

    with Source.open(path) as source:
        yield from decode_source(source, modality, hint, first, count)
