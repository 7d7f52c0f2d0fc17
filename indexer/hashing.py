"""The hash of a file's whole content, and the facts it had. Nothing is decoded: threads are safe enough."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

from anyseek.contracts import SeenFile
from anyseek.errors import MediaError
from anyseek.indexer.options import StopCall
from anyseek.indexer.spool import Item
from anyseek.media.source import Source

_AT_ONCE = 64


def hashed(
    items: Iterable[Item], roots: Mapping[int, Path], n_threads: int, stop: StopCall
) -> Iterator[tuple[Item, SeenFile, bytes]]:
    """Each item with its facts when it was read and its hash, in order, until `stop`.

    A file that cannot be read, or changes meanwhile, is left out: whoever decodes it will say why.
    """
    left = iter(items)
    with ThreadPoolExecutor(n_threads, "anyseek-hash") as threads:
        while (some := list(islice(left, _AT_ONCE))) and not stop():
            for item, found in zip(some, threads.map(lambda item: _hash(item, roots), some), strict=True):
                if found is not None:
                    yield item, *found


def _hash(item: Item, roots: Mapping[int, Path]) -> tuple[SeenFile, bytes] | None:
    try:
        with Source.open(os.path.join(roots[item.seen.root], item.seen.path)) as source:
            content_hash = source.digest()
            source.check_unchanged()
    except MediaError:
        return None
    facts = source.facts
    return replace(item.seen, size=facts.size, mtime_ns=facts.mtime_ns, inode=facts.inode), content_hash
