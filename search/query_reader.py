"""Parts of a query made ready: words are taken as they are, files are decoded where decoding can be killed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Embedder, Modality
from anyseek.errors import MediaError, ModalityNotSupported, QueryFileError
from anyseek.options import path_text
from anyseek.printable import printable
from anyseek.search.query import QueryPart

if TYPE_CHECKING:
    from anyseek.media.format import FileType

MOST_SEGMENTS = 60
"""A query file stands for what it begins with: 10 minutes of sound, 36,000 characters. Every segment costs a
run of the model, and the mean of more of them is not a sharper query."""

_SMALL_BYTES = 256 << 10
"""A plain text of so much is decoded here."""


class QueryReader:
    """Reads the parts of queries for one model, in any thread; close it.

    depth_unit: metres that a raw depth unit stands for, as the index is set; None for each format's own.
    """

    def __init__(self, embedder: Embedder, depth_unit: float | None = None) -> None:
        self.depth_unit = depth_unit
        self._embedder = embedder
        self._lock = Lock()
        self._pool: Any = None  # a media.worker.DecodePool, started by the first file that needs it

    def read(self, parts: Iterable[QueryPart]) -> tuple[QueryPart, ...]:
        """The parts as "items", prepared for the model, each with its modality and label.

        Raises QueryFileError, ModalityNotSupported, UsageError.
        """
        return tuple(self._part(part) for part in parts)

    def close(self) -> None:
        """End the decoding process; safe to call twice."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _part(self, part: QueryPart) -> QueryPart:
        if part.kind == "file":
            return self._file(part)
        modality = part.modality
        assert modality is not None, "only files are recognised by content"
        prepare = self._embedder.preparer(self._supported(modality))
        if part.kind == "words":
            words = " ".join(str(part.data).split())
            is_phrase = len(words) > 1 and words[0] == words[-1] == '"' and words.count('"') == 2
            return _items(part, modality, [prepare(words)], words if is_phrase else f'"{words}"')
        from anyseek.media.in_memory import decode

        try:
            segments = islice(decode(modality, part.data, prepare.hint), MOST_SEGMENTS)
            items = [prepare(data) for data in segments]
        except MediaError as error:
            raise QueryFileError(error.message, error.hint) from error
        return _items(part, modality, items, f"{modality} data")

    def _file(self, part: QueryPart) -> QueryPart:
        path = os.path.abspath(path_text(part.data))
        name = printable(os.fspath(part.data))
        if not os.path.exists(path):
            raise QueryFileError(f"There is no file {name}.", "Check the path.")
        if os.path.isdir(path):
            raise QueryFileError(f"{name} is a folder, not a file.", "Name one file.")
        try:
            known = self._recognise(path, name, part.modality)
            kind = known.modality
            modality = self._supported(self._read_as(known))
            if known.format.needs_worker or os.path.getsize(path) > _SMALL_BYTES:
                items = self._pool_items(path, modality)
            else:
                items = self._text_items(path, modality)
        except MediaError as error:
            is_unit = error.reason == "no-unit"
            hint = "Tell the index once: anyseek index --depth-unit 0.01" if is_unit else error.hint
            raise QueryFileError(_with_path(error.message, name), hint) from error
        if not items:
            raise QueryFileError(f"{name} has nothing in it.", "Choose another file.")
        return _items(part, modality, items, f"{kind} {name}")

    def _read_as(self, known: FileType) -> Modality:
        """A container stands for the first of the modalities in it that the model supports: a video for its pictures,
        or else its sound, where the model does not support video."""
        supported = self._embedder.card.modalities
        return next((one for one in known.segment_modalities if one in supported), known.modality)

    def _recognise(self, path: str, name: str, modality: Modality | None) -> FileType:
        from anyseek.media import file_type

        recognised = file_type(path, modality)
        if recognised is None:
            known = ", ".join(self._embedder.card.modalities)
            raise QueryFileError(
                f"{name} is not a file of any modality that is known.",
                f"This model takes: {known}.",
            )
        return recognised

    def _supported(self, modality: Modality) -> Modality:
        card = self._embedder.card
        if modality not in card.modalities:
            raise ModalityNotSupported(
                f"The model {card.name} does not take queries of {modality}.",
                f"It supports: {', '.join(card.modalities)}. See `anyseek models` for others.",
            )
        return modality

    def _text_items(self, path: str, modality: Modality) -> list[Any]:
        from anyseek.media import decode

        prepare = self._embedder.preparer(modality)
        segments = decode(path, modality, prepare.hint, 0, MOST_SEGMENTS)
        return [prepare(segment.data) for segment in segments]

    def _pool_items(self, path: str, modality: Modality) -> list[Any]:
        pool = self._started_pool()
        items: list[Any] = []
        has_more = True
        while has_more and len(items) < MOST_SEGMENTS:
            done = pool.submit(path, first=len(items), modality=modality).result()
            own = [segment.data for segment in done.segments if segment.modality is modality]
            items += own
            has_more = done.has_more and bool(own)
        return items[:MOST_SEGMENTS]

    def _started_pool(self) -> Any:
        with self._lock:
            if self._pool is None:
                from anyseek.media.worker import DecodePool

                preparers = {
                    known: self._embedder.preparer(known) for known in self._embedder.card.modalities
                }
                # A query is done with a file after its first parts: nothing is kept open for more of them.
                self._pool = DecodePool(preparers, workers=1, depth_unit=self.depth_unit, readings=0)
            return self._pool


def _items(part: QueryPart, modality: Modality, items: list[Any], label: str) -> QueryPart:
    return QueryPart("items", items, modality, part.weight, label)


def _with_path(message: str, name: str) -> str:
    """A decoder's sentence, which begins with the last part of a file's name, with the name as it was given."""
    last = os.path.basename(name)
    return f"{name}{message.removeprefix(last)}" if last and message.startswith(f"{last} ") else message
