"""From a query vector and a scope to Results: which modalities, which folder, and what has nothing in it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from anyseek.contracts import Hit, Modality, ModelCard, QueryPart
from anyseek.errors import ModalityNotSupported, QueryFileError, UsageError
from anyseek.printable import printable
from anyseek.search.embedding import Stored, mean_direction
from anyseek.search.engine import Engine, Request
from anyseek.search.lexical import NOTHING_SAID, Said
from anyseek.search.query import count, modalities
from anyseek.search.results import Results

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord
    from anyseek.contracts import Floats

AnyPath: TypeAlias = "str | os.PathLike[str]"
Example: TypeAlias = tuple[int, float]
Wanted: TypeAlias = "str | Modality | Iterable[str | Modality] | None"

UNLIKE = 0.5
"""What an unwanted hit takes away, beside 1 for a wanted one: Rocchio's feedback (Manning et al. 2008, section 9.1.1)
weighs what is unwanted less, 0.15 to 0.75."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What may answer a query, checked. targets: None for all. folder: absolute, None for everywhere.

    merge: one list by lift. least: hits below this match are left out, unless they have the query's words. by:
    what finds, names and texts by their words, vectors, or both. fold: copies of a hit are told of there.
    """

    targets: tuple[Modality, ...] | None
    k: int
    folder: str | None
    is_by_segment: bool
    where: str = ""
    merge: bool = False
    least: float = 0.0
    by: Literal["both", "words", "vectors"] = "both"
    fold: bool = False


def scope(
    to: Wanted,
    k: int,
    in_: AnyPath | None,
    segments: bool,
    where: str = "",
    merge: bool = False,
    min_match: float = 0.0,
    by: str = "both",
    fold: bool = False,
) -> Scope:
    """Raises UsageError: an unknown modality, k below 1, a file where a folder is needed, a match above 1."""
    if by not in ("both", "words", "vectors"):
        raise UsageError(f"Nothing is found by {by!r}.", "Choose among: both, words, vectors.")
    if not 0 <= min_match <= 1:
        raise UsageError(
            f"A match of {min_match:g} does not exist.", "It lies between 0 and 1: --min-match 0.9"
        )
    folder = None if in_ is None else os.path.abspath(in_)
    if folder is not None and os.path.isfile(folder):
        raise UsageError(f"{printable(folder)} is a file.", "Results are narrowed to a folder: --in FOLDER")
    return Scope(modalities(to), count(k), folder, segments, where, merge, min_match, by, fold)  # type: ignore[arg-type]


def answer(
    snapshot: Snapshot,
    space: SpaceRecord,
    vectors: Mapping[Modality, Floats],
    label: str,
    wanted: Scope,
    except_file: int | None = None,
    asked: Modality = Modality.TEXT,
    said: Said = NOTHING_SAID,
) -> Results:
    """The hits for a unit vector (dim,) for each target; `label` says for people what it stands for, `asked` of what
    it is.

    Raises ModalityNotSupported, and UsageError for a folder outside the index.
    """
    from anyseek.search import calibration
    from anyseek.stores.registry import open_store

    targets = known_targets(wanted.targets, space.card)
    _check_covered(wanted.folder, snapshot)
    request = Request(
        targets,
        wanted.k,
        wanted.folder,
        wanted.is_by_segment,
        except_file,
        wanted.where,
        asked,
        said,
        wanted.by,
        wanted.merge,
        wanted.fold,
    )
    with closing(open_store(snapshot, space.space_id)) as store:
        found = Engine(snapshot, space, store, calibration.read(snapshot.folder, space)).find(
            vectors, request
        )
    hits = kept(found.hits, wanted)
    if wanted.targets is None and len(found.missing) < len(targets):
        there = tuple(t for t in targets if t not in found.missing)
        return Results(hits, label, there, is_merged=wanted.merge)
    available: tuple[Modality, ...] = ()
    if found.missing:
        indexed = snapshot.counts_in(space.space_id)
        available = tuple(modality for modality in Modality if indexed.get(modality))
    return Results(hits, label, targets, found.missing, available, wanted.merge)


def example_parts(snapshot: Snapshot, space: SpaceRecord, examples: Iterable[Example]) -> Iterator[QueryPart]:
    """Stored segments as parts of a query. Raises UsageError for a number that is not in the index."""
    for segment_id, weight in examples:
        found = snapshot.segment_by_id(segment_id)
        row = snapshot.row_of_segment(space.space_id, segment_id)
        if found is None or row is None:
            raise UsageError(
                f"There is no segment {segment_id} in the index.", "Search again: it may have changed."
            )
        segment, path = found
        vector = snapshot.vectors_at(space.space_id, np.array([row]))
        label = f"{segment.modality} {printable(os.path.basename(path))}"
        yield QueryPart(segment.modality, Stored(vector), weight, label)


def examples(
    snapshot: Snapshot, space: SpaceRecord, like: Iterable[str], unlike: Iterable[str]
) -> list[Example]:
    """Hits that are wanted, and that are not: numbers of segments, or paths of indexed files. A file weighs like one
    segment, however many it has. Raises QueryFileError."""
    found: list[Example] = []
    for names, weight in ((like, 1.0), (unlike, -UNLIKE)):
        for name in names:
            if name.isdecimal() and not os.path.exists(name):
                found.append((int(name), weight))
                continue
            of_file = snapshot.segments_of_file(_searchable_file(snapshot, name))
            numbers = [
                one.segment_id
                for one in of_file
                if snapshot.row_of_segment(space.space_id, one.segment_id) is not None
            ]
            if not numbers:
                raise QueryFileError(f"{printable(name)} has no vector in the index.", "Index it again.")
            found += [(number, weight / len(numbers)) for number in numbers]
    return found


def kept(hits: tuple[Hit, ...], wanted: Scope) -> tuple[Hit, ...]:
    """Those above the least match; merged, the best k of all by lift."""
    good = [hit for hit in hits if hit.match is None or hit.match >= wanted.least or hit.has_words]
    if not wanted.merge:
        return tuple(good)
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(merged(good)[: wanted.k], 1))


def merged(hits: Sequence[Hit]) -> list[Hit]:
    """One list by lift, modalities without one last. Hits of one modality stay in their order, which words had a part
    in: a hit comes where the best of those from it on belongs."""
    keys: list[tuple[bool, float]] = []
    best: dict[Modality, float] = {}
    for hit in reversed(hits):
        best[hit.modality] = max(
            best.get(hit.modality, -math.inf), hit.score if hit.lift is None else hit.lift
        )
        keys.append((hit.lift is not None, best[hit.modality]))
    order = sorted(range(len(hits)), key=lambda i: keys[len(hits) - 1 - i], reverse=True)
    return [hits[i] for i in order]


def known_targets(targets: tuple[Modality, ...] | None, card: ModelCard) -> tuple[Modality, ...]:
    """The modalities to search, in the order asked for. Raises ModalityNotSupported."""
    if targets is None:
        return card.modalities
    unknown = [target for target in targets if target not in card.modalities]
    if unknown:
        raise ModalityNotSupported(
            f"The model {card.name} of this index does not know {', '.join(unknown)}.",
            f"It knows: {', '.join(card.modalities)}. See `anyseek models` for others.",
        )
    return targets


def stored_vector(snapshot: Snapshot, space: SpaceRecord, path: AnyPath) -> tuple[int, Floats, Modality]:
    """(file_id, unit vector (dim,), modality) of an indexed file: the mean of its segments.

    Raises QueryFileError for a file that is not in the index, or has no vector in it.
    """
    file_id = _searchable_file(snapshot, path)
    rows = snapshot.rows_of_file(space.space_id, file_id)
    if not len(rows):
        raise QueryFileError(f"{printable(os.fspath(path))} has no vector in the index.", "Index it again.")
    asked = snapshot.segments_of_file(file_id)[0].modality
    return file_id, mean_direction(snapshot.vectors_at(space.space_id, rows)), asked


def _searchable_file(snapshot: Snapshot, path: AnyPath) -> int:
    """The number of an indexed file. Raises QueryFileError for one that is not there, or has a problem."""
    shown = printable(os.fspath(path))
    record = snapshot.locate(os.path.abspath(path))
    if record is None:
        is_there = os.path.isfile(path)
        raise QueryFileError(
            f"{shown} is not in the index." if is_there else f"There is no file {shown}.",
            "Index it first, or ask with its content: anyseek search FILE" if is_there else "Check the path.",
        )
    if record.problem is not None:
        raise QueryFileError(
            f"{shown} could not be indexed: {record.problem.reason}", "Repair it and index again."
        )
    return record.file_id


def _check_covered(folder: str | None, snapshot: Snapshot) -> None:
    """An unplugged folder is covered all the same: what is indexed is asked, not the disk."""
    if folder is None:
        return
    roots: list[str] = [str(root) for root in snapshot.roots().values()]
    for root in roots:
        for here, there in ((folder, root), (os.path.realpath(folder), os.path.realpath(root))):
            if os.path.commonpath([here, there]) in (here, there):
                return
    raise UsageError(
        f"{printable(folder)} is outside what this index covers.",
        f"It covers: {', '.join(printable(root) for root in roots) or 'nothing yet'}.",
    )
