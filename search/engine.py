"""A query vector to ranked hits: rows allowed by SQL, scores from the store, segments of a file folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from anyseek.contracts import Filter, Hit, Modality, Segment, VectorStore
from anyseek.search import lexical
from anyseek.search.lexical import NOTHING_SAID, Said

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord
    from anyseek.contracts import Floats, Rows
    from anyseek.search.calibration import Calibration

_MORE = 4
"""How many times more rows are asked for when too few files were among those that came."""

_FROM_WORDS = 50
"""Rows that words bring at least; in fused ranks the 50th already weighs half of the first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What may answer, and how much of it.

    targets: each is searched and ranked by itself. k: hits a target. folder: absolute, None for everywhere.
    is_by_segment: several segments of one file may answer. except_file: never a hit. where: in the filter language.
    asked: the modality that the query is of, for its hits' match. said: the words of the query, to be looked for in
    names and texts too. by: vectors, words, or both. is_merged: hits of several modalities will stand in one list.
    is_folded: hits that are nearly the same as a better one are told of there.
    """

    targets: tuple[Modality, ...]
    k: int
    folder: str | None = None
    is_by_segment: bool = False
    except_file: int | None = None
    where: str = ""
    asked: Modality = Modality.TEXT
    said: Said = NOTHING_SAID
    by: Literal["both", "words", "vectors"] = "both"
    is_merged: bool = False
    is_folded: bool = False


class Found(NamedTuple):
    """hits: by target, best first. missing: targets that had not one row to choose from."""

    hits: tuple[Hit, ...]
    missing: tuple[Modality, ...]


class _Scored(NamedTuple):
    row: int
    score: float
    segment: Segment
    path: str
    has_words: bool = False
    alike: tuple[str, ...] = ()


class Engine:
    """Searches one space of one snapshot through one store."""

    def __init__(
        self,
        snapshot: Snapshot,
        space: SpaceRecord,
        store: VectorStore,
        calibration: Calibration | None = None,
    ) -> None:
        self._calibration = calibration
        self._snapshot = snapshot
        self._space = space
        self._store = store

    def find(self, queries: Mapping[Modality, Floats], request: Request) -> Found:
        """queries: for each target (dim,) float32, unit length. Every target has up to k hits, as long as k exist."""
        hits: list[Hit] = []
        missing = []
        for target in request.targets:
            query = queries[target]
            wanted = Filter(frozenset({target}), request.folder, request.where)
            allow = self._snapshot.allowed_rows(self._space.space_id, wanted)
            n_rows = self._space.rows if allow is None else len(allow)
            if n_rows == 0:
                missing.append(target)
                continue
            find = self._folded if request.is_folded else self._by_words_too
            best = find(query, request, target, allow, n_rows)
            matches = self._matches(query, request.asked, target, best, n_rows)
            lifts = self._lifts(request, target, best)
            told = zip(best, matches, lifts, strict=True)
            hits += [self._hit(rank, *one) for rank, one in enumerate(told, 1)]
        return Found(tuple(hits), tuple(missing))

    def _folded(
        self, query: Floats, request: Request, target: Modality, allow: Rows | None, n_rows: int
    ) -> list[_Scored]:
        """The best k that are not nearly the same as a better one, each with those that are."""
        import numpy as np

        from anyseek.search.collapse import alike

        k = request.k
        while True:
            best = self._by_words_too(query, replace(request, k=k), target, allow, n_rows)
            rows = np.array([one.row for one in best], np.int64)
            groups = alike(self._snapshot.vectors_at(self._space.space_id, rows))
            if len(groups) >= request.k or len(best) < k:
                break
            k *= _MORE
        return [
            best[first]._replace(
                alike=tuple({best[i].path: None for i in others if best[i].path != best[first].path})
            )
            for first, *others in groups[: request.k]
        ]

    def _by_words_too(
        self, query: Floats, request: Request, target: Modality, allow: Rows | None, n_rows: int
    ) -> list[_Scored]:
        """Vectors and words, fused by rank. Phrases in quotes have to be there."""
        best, found = [], []
        if request.by == "vectors" or (request.by == "both" and not request.said.phrases):
            best = self._best(query, request, allow, n_rows)
        if request.by != "vectors":
            found = lexical.rows(self._snapshot, self._space.space_id, request.said, target)
        if allow is not None and found:
            import numpy as np

            found = [row for row, is_in in zip(found, np.isin(found, allow), strict=True) if is_in]
        if not found:
            return best
        told = _kept(list(self._scored_rows(query, found[: max(_FROM_WORDS, 5 * request.k)])), request)
        # A file that both found is one hit, at the moment that its vectors chose.
        of_file = {one.segment.file_id: one for one in (*told, *best)}
        if request.is_by_segment:
            at = {one.segment.segment_id: one for one in (*told, *best)}
            ranked = [[one.segment.segment_id for one in told], [one.segment.segment_id for one in best]]
        else:
            at, ranked = (
                of_file,
                [[one.segment.file_id for one in told], [one.segment.file_id for one in best]],
            )
        has_words = {one.segment.file_id for one in told}
        merged = [at[number] for number in lexical.fused(ranked)][: request.k]
        return [one._replace(has_words=one.segment.file_id in has_words) for one in merged]

    def _scored_rows(self, query: Floats, rows: list[int]) -> Iterator[_Scored]:
        import numpy as np

        vectors = self._snapshot.vectors_at(self._space.space_id, np.array(rows, np.int64))
        places = self._snapshot.hits_for_rows(self._space.space_id, rows)
        for row, score, (segment, path) in zip(rows, vectors @ query, places, strict=True):
            yield _Scored(row, min(1.0, max(-1.0, float(score))), segment, path)

    def _best(self, query: Floats, request: Request, allow: Rows | None, n_rows: int) -> list[_Scored]:
        """The best k, one a file unless by segment: more rows are asked for until there are k or no more.

        The store ranks rows, and one long recording may own the first hundred of them.
        """
        n_asked = request.k if request.is_by_segment else 2 * request.k
        n_asked += request.except_file is not None
        while True:
            n_asked = min(n_asked, n_rows)
            scored = list(self._scored(query, n_asked, allow))
            best = _kept(scored, request)
            if len(best) >= request.k or n_asked == n_rows or len(scored) < n_asked:
                return best[: request.k]
            n_asked *= _MORE

    def _scored(self, query: Floats, n_asked: int, allow: Rows | None) -> Iterator[_Scored]:
        scores, rows = self._store.search(query[None], n_asked, allow)
        is_used = rows[0] >= 0
        near = rows[0][is_used]
        places = self._snapshot.hits_for_rows(self._space.space_id, near)
        for row, score, (segment, path) in zip(near, scores[0][is_used], places, strict=True):
            # Rows rounded to float16 can have a length of a little more than 1.
            yield _Scored(int(row), min(1.0, max(-1.0, float(score))), segment, path)

    def _matches(
        self, query: Floats, asked: Modality, target: Modality, best: list[_Scored], n_rows: int
    ) -> list[float | None]:
        if self._calibration is None or not best:
            return [None] * len(best)
        import numpy as np

        from anyseek.search.calibration import match

        scores = np.array([one.score for one in best], np.float32)
        strength = self._calibration.strength(query, asked, target, scores, n_rows)
        return [None] * len(best) if strength is None else match(strength).tolist()

    def _lifts(self, request: Request, target: Modality, best: list[_Scored]) -> list[float | None]:
        known = self._calibration
        nothing: list[float | None] = [None] * len(best)
        if known is None or not best or not request.is_merged:
            return nothing
        import numpy as np

        vectors = self._snapshot.vectors_at(
            self._space.space_id, np.array([one.row for one in best], np.int64)
        )
        scores = np.array([one.score for one in best], np.float32)
        head = self._space.card.modalities.index(target) if len(known.bank) > 1 else 0
        lift = known.lift(request.asked, target, scores, vectors, head)
        return nothing if lift is None else lift.tolist()

    def _hit(self, rank: int, scored: _Scored, match: float | None, lift: float | None) -> Hit:
        segment = scored.segment
        return Hit(
            rank,
            scored.score,
            segment.modality,
            scored.path,
            segment.span,
            segment.file_id,
            segment.segment_id,
            self._space.card.name,
            segment.excerpt,
            match,
            scored.has_words,
            lift,
            scored.alike,
        )


def _kept(scored: list[_Scored], request: Request) -> list[_Scored]:
    """Without the excepted file, and of every other file the best segment alone unless by segment."""
    others = [one for one in scored if one.segment.file_id != request.except_file]
    if request.is_by_segment:
        return others
    first: dict[int, _Scored] = {}
    for one in others:
        first.setdefault(one.segment.file_id, one)
    return list(first.values())
