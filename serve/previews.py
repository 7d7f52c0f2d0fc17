"""Previews of hits: made in the killable workers, like all decoding, and cached in memory up to a bound."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import NamedTuple

from anyseek import modalities, plugins
from anyseek.contracts import Embedder, Limits, Modality, Preparer, Segment, Unit
from anyseek.media.previews import Preview, Windowed
from anyseek.media.worker import DecodePool
from anyseek.opening import FileBelow

MOST_BYTES = 64 << 20


class Previews:
    """Makes and keeps them. Safe to share between threads; close it."""

    def __init__(self, embedder: Embedder, depth_unit: float | None = None) -> None:
        """embedder: of the index; its windows are the spans of hits."""
        self._preparers = preparers(embedder)
        limits = Limits(max_seconds=30)
        self._pool = DecodePool(
            self._preparers, workers=1, limits=limits, segments_per_task=1, depth_unit=depth_unit
        )
        self._cache: OrderedDict[_Key, Preview] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, segment: Segment, file: FileBelow) -> Preview | None:
        """None for what has none (text, motion). Raises MediaError."""
        key = _Key(segment.segment_id, *_state_on_disk(os.fspath(file)))
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        row = modalities.info(segment.modality)
        kind = Modality(row.preview_as) if row.preview_as else segment.modality
        if kind not in self._preparers:
            return None
        segments = self._pool.submit(file, modality=kind, span=segment.span).result().segments
        if not segments:
            return None
        preview: Preview = segments[0].data
        self._keep(key, preview)
        return preview

    def close(self) -> None:
        """End the worker; safe to call twice."""
        self._pool.close()

    def _keep(self, key: _Key, preview: Preview) -> None:
        with self._lock:
            self._cache[key] = preview
            self._bytes = sum(len(one.data) for one in self._cache.values())
            while self._bytes > MOST_BYTES and len(self._cache) > 1:
                _, oldest = self._cache.popitem(last=False)
                self._bytes -= len(oldest.data)


class _Key(NamedTuple):
    """A segment, and its file as it is on the disk now: what was there before is not shown for it."""

    segment_id: int
    inode: int
    size: int
    mtime_ns: int


def _state_on_disk(path: str) -> tuple[int, int, int]:
    try:
        facts = os.lstat(path)
    except OSError:  # decoding says what is wrong
        return 0, 0, 0
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def preparers(embedder: Embedder) -> dict[Modality, Preparer]:
    """What makes a preview of each modality that has one; of what has times, in the windows of the model."""
    made: dict[Modality, Preparer] = {}
    for row in modalities.table():
        if row.preview:
            preparer: Preparer = plugins.resolve(row.preview)
            if row.unit is Unit.SECONDS and row.modality in embedder.card.modalities:
                hint = embedder.preparer(row.modality).hint
                preparer = Windowed(preparer, hint.window_s, hint.hop_s)
            made[row.modality] = preparer
    return made
