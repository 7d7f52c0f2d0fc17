"""From the vectors of a query to Results: which modalities, which folder, and what has nothing in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from anyseek.catalog.sampling import LEFT_OUT, check_sample
from anyseek.contracts import Filter, Modality, ModelCard
from anyseek.errors import ModalityNotSupported, NoSuchSegment, QueryFileError, UsageError
from anyseek.options import AnyPath, SearchOptions, path_text
from anyseek.printable import printable, short_repr
from anyseek.search.embedding import EmbeddedQuery, mean_direction
from anyseek.search.engine import Engine
from anyseek.search.fusion import select, unmeasured
from anyseek.search.query import Example, QueryPart
from anyseek.search.results import Results

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord


def answer(snapshot: Snapshot, space: SpaceRecord, query: EmbeddedQuery, options: SearchOptions) -> Results:
    """Raises ModalityNotSupported, and UsageError for a folder outside the index or one that does not exist."""
    from anyseek.search import calibration
    from anyseek.stores.registry import open_store

    targets = supported_targets(options.to, space.card)
    sampled = check_sample(snapshot, space)
    _check_covered(options.in_, snapshot)
    with closing(open_store(snapshot, space.space_id)) as store:
        engine = Engine(snapshot, space, store, calibration.read(snapshot.folder, space))
        all_hits, missing, is_left_out = engine.find(query, targets, options)
        unread = calibration.DAMAGED if calibration.is_damaged(snapshot.folder, space) else ""
        remarks = tuple(filter(None, [sampled, LEFT_OUT if is_left_out else "", store.remark, unread]))
    if missing:
        _check_there(options.in_, snapshot, space)
    hits = select(all_hits, options)
    unknown = unmeasured(hits) if options.min_match > 0 else ()
    if options.to is None and len(missing) < len(targets):
        targets = tuple(target for target in targets if target not in missing)
        return Results(
            hits,
            query.label,
            targets,
            is_merged=options.merge,
            unmeasured=unknown,
            remarks=remarks,
            is_unread=bool(unread),
        )
    available: tuple[Modality, ...] = ()
    if missing:
        indexed = snapshot.counts_in(space.space_id)
        available = tuple(modality for modality in Modality if indexed.get(modality))
    return Results(
        hits, query.label, targets, missing, available, options.merge, unknown, remarks, bool(unread)
    )


def check_words(options: SearchOptions, words: Sequence[str]) -> None:
    """Raises UsageError where words alone are to find, and the query has none."""
    if options.by == "words" and not words:
        raise UsageError("There are no words to find by.", "Give words, or search by vectors too.")


def supported_targets(targets: tuple[Modality, ...] | None, card: ModelCard) -> tuple[Modality, ...]:
    """The modalities to search, in the order asked for. Raises ModalityNotSupported."""
    if targets is None:
        return card.modalities
    unknown = [target for target in targets if target not in card.modalities]
    if unknown:
        raise ModalityNotSupported(
            f"The model {card.name} of this index does not support {', '.join(unknown)}.",
            f"{_instead(unknown, card)}It supports: {', '.join(card.modalities)}. See `anyseek models` for others.",
        )
    return targets


def _instead(unknown: Iterable[Modality], card: ModelCard) -> str:
    """How files of those modalities are found all the same: a video by the pictures and sounds in it."""
    from anyseek.media.formats import all_formats

    hint = ""
    for kind in unknown:
        inside = {part for row in all_formats() if row.modality is kind for part in row.yields}
        parts = ",".join(part for part in card.modalities if part in inside)
        hint += f"Files of {kind} are found by what is in them: --to {parts}. " if parts else ""
    return hint


# ---------------------------------------------------------------- what is indexed, as a query


def example_parts(snapshot: Snapshot, space: SpaceRecord, examples: Iterable[Example]) -> Iterator[QueryPart]:
    """Stored segments as parts of a query; a file weighs like one segment, however many it has.

    Raises NoSuchSegment for a segment that is not in the index, QueryFileError for a file that is not.
    """
    for name, weight in examples:
        segment_ids = [name] if isinstance(name, int) else _segments_with_vectors(snapshot, space, name)
        for segment_id in segment_ids:
            part = _example_part(snapshot, space, segment_id, weight / len(segment_ids))
            yield part if isinstance(name, int) else replace(part, label=f"{part.modality} {printable(name)}")


def _example_part(snapshot: Snapshot, space: SpaceRecord, segment_id: int, weight: float) -> QueryPart:
    record = snapshot.segment_by_id(segment_id)
    row = snapshot.row_of_segment(space.space_id, segment_id)
    if record is None or row is None:
        raise NoSuchSegment(
            f"There is no segment {short_repr(segment_id)} in the index.",
            "Search again: it may have changed.",
        )
    segment, file = record
    vector = snapshot.vectors_at(space.space_id, np.array([row]))
    label = f"{segment.modality} {printable(os.path.basename(file.path))}"
    return QueryPart("vectors", vector, segment.modality, weight, label)


def _segments_with_vectors(snapshot: Snapshot, space: SpaceRecord, path: str) -> list[int]:
    segments = snapshot.segments_of_file(_searchable_file(snapshot, path))
    numbers = [
        one.segment_id
        for one in segments
        if snapshot.row_of_segment(space.space_id, one.segment_id) is not None
    ]
    if not numbers:
        raise QueryFileError(f"{printable(path)} has no vector in the index.", "Index it again.")
    return numbers


def indexed_file(snapshot: Snapshot, space: SpaceRecord, path: AnyPath) -> EmbeddedQuery:
    """An indexed file as a query for what resembles it: the mean of its segments' stored vectors.

    Raises QueryFileError for a file that is not in the index, or has no vector in it.
    """
    file_id = _searchable_file(snapshot, path)
    rows = snapshot.rows_of_file(space.space_id, file_id)
    if not len(rows):
        raise QueryFileError(f"{printable(os.fspath(path))} has no vector in the index.", "Index it again.")
    vector = mean_direction(snapshot.vectors_at(space.space_id, rows))
    return EmbeddedQuery(
        dict.fromkeys(space.card.modalities, vector),
        f"files like {os.fspath(path)}",
        snapshot.segments_of_file(file_id)[0].modality,
        except_file=file_id,
    )


def _searchable_file(snapshot: Snapshot, path: AnyPath) -> int:
    """The number of an indexed file. Raises QueryFileError for one that is not there, or has a problem."""
    name = printable(path_text(path))
    if os.path.isdir(path):
        raise QueryFileError(f"{name} is a folder, not a file.", "Name a file of the index.")
    record = snapshot.locate(os.path.abspath(path))
    if record is None:
        is_there = os.path.isfile(path)
        raise QueryFileError(
            f"{name} is not in the index." if is_there else f"There is no file {name}.",
            "Index it first, or search with the file itself." if is_there else "Check the path.",
        )
    if record.problem is not None:
        raise QueryFileError(
            f"{name} could not be indexed: {record.problem.reason}", "Repair it and index again."
        )
    return record.file_id


def _check_covered(folder: str | None, snapshot: Snapshot) -> None:
    """An unplugged folder is covered all the same: what is indexed is asked, not the disk."""
    if folder is None:
        return
    if snapshot.touches(folder):
        if os.path.isfile(folder):
            raise UsageError(
                f"{printable(folder)} is a file.",
                "Results are narrowed to a folder: name the one it is in.",
            )
        return
    roots = [printable(str(root)) for root in snapshot.roots().values()]
    raise UsageError(
        f"{printable(folder)} is outside what this index covers.",
        f"It covers: {', '.join(roots) or 'nothing yet'}.",
    )


def _check_there(folder: str | None, snapshot: Snapshot, space: SpaceRecord) -> None:
    """A folder that is gone, with files in the index, is searched. Without any, its name is a mistake."""
    if folder is None or os.path.exists(folder):
        return
    rows = snapshot.allowed_rows(space.space_id, Filter(folder=folder))
    if rows is not None and not len(rows):
        raise UsageError(f"There is no folder {printable(folder)}.", "Check the path.")
