"""Query vectors to ranked hits: rows allowed by the catalog, scores from the store, one hit a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from anyseek.contracts import Filter, Hit, Modality, Segment, VectorStore
from anyseek.options import SearchOptions
from anyseek.search import fusion, lexical
from anyseek.search.lexical import NO_KEYWORDS, KeywordQuery

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord
    from anyseek.contracts import Floats, Rows
    from anyseek.search.calibration import Calibration

_MORE = 4
"""How many times more rows are asked for when too few files were among those that came."""

_FROM_WORDS = 50
"""Rows that keyword search brings at least; in fused ranks the 50th already weighs half of the first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What may answer, and how much of it.

    targets: each is searched and ranked by itself. query_modality: of the query, by which its scores are calibrated.
    keywords: to be looked for in names and texts too. except_file: never a hit.
    """

    targets: tuple[Modality, ...]
    options: SearchOptions
    query_modality: Modality = Modality.TEXT
    keywords: KeywordQuery = NO_KEYWORDS
    except_file: int | None = None


class Found(NamedTuple):
    """hits: by target, best first, up to offset + k of each. missing: targets that had not one row to choose from."""

    hits: tuple[Hit, ...]
    missing: tuple[Modality, ...]


class _Candidate(NamedTuple):
    row: int
    score: float
    segment: Segment
    path: str
    has_words: bool = False
    alike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """The search of one modality: query (dim,) float32; allow: rows that may be hits, None for all, n_rows of them."""

    modality: Modality
    query: Floats
    request: Request
    allow: Rows | None
    n_rows: int


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

    def find(self, vectors: Mapping[Modality, Floats], request: Request) -> Found:
        """vectors: for each target (dim,) float32, unit length. A target has offset + k hits, where so many exist."""
        hits: list[Hit] = []
        missing: list[Modality] = []
        options = request.options
        for modality in request.targets:
            allowed = Filter(frozenset({modality}), options.in_, options.where)
            allow = self._snapshot.allowed_rows(self._space.space_id, allowed)
            n_rows = self._space.rows if allow is None else len(allow)
            if n_rows == 0:
                missing.append(modality)
                continue
            target = _Target(modality, vectors[modality], request, allow, n_rows)
            hits += self._hits(target)
        return Found(tuple(hits), tuple(missing))

    def _hits(self, target: _Target) -> Iterator[Hit]:
        options = target.request.options
        search = self._collapsed if options.fold else self._fused
        best = search(target, options.offset + options.k)
        matches = self._matches(target, best)
        lifts = self._lifts(target, best)
        for rank, (one, match, lift) in enumerate(zip(best, matches, lifts, strict=True), 1):
            yield Hit(
                rank=rank,
                score=one.score,
                modality=one.segment.modality,
                path=one.path,
                span=one.segment.span,
                file_id=one.segment.file_id,
                segment_id=one.segment.segment_id,
                model=self._space.card.name,
                excerpt=one.segment.excerpt,
                match=match,
                has_words=one.has_words,
                lift=lift,
                alike=one.alike,
            )

    # ------------------------------------------------------------ candidates

    def _collapsed(self, target: _Target, k: int) -> list[_Candidate]:
        """The best k that are not near copies of a better one, each with the paths of its copies."""
        import numpy as np

        from anyseek.search.collapse import group_near_copies

        n_asked = k
        while True:
            best = self._fused(target, n_asked)
            rows = np.array([one.row for one in best], np.int64)
            groups = group_near_copies(self._snapshot.vectors_at(self._space.space_id, rows))
            if len(groups) >= k or len(best) < n_asked:
                break
            n_asked *= _MORE
        collapsed = []
        for first, *copies in groups[:k]:
            paths = {best[i].path: None for i in copies if best[i].path != best[first].path}
            collapsed.append(best[first]._replace(alike=tuple(paths)))
        return collapsed

    def _fused(self, target: _Target, k: int) -> list[_Candidate]:
        """Vectors and words, fused by rank. Phrases in quotes have to be there."""
        by, keywords = target.request.options.by, target.request.keywords
        nearest: list[_Candidate] = []
        if by == "vectors" or (by == "both" and not keywords.phrases):
            nearest = self._nearest(target, k)
        worded = [] if by == "vectors" else self._worded(target, k)
        if not worded:
            return nearest
        # A file that both lists have is one hit, at the moment that its vectors chose.
        by_segment = target.request.options.segments
        numbers = [[_number(one, by_segment) for one in ranked] for ranked in (worded, nearest)]
        candidates = {_number(one, by_segment): one for one in (*worded, *nearest)}
        has_words = {one.segment.file_id for one in worded}
        first = [candidates[number] for number in fusion.reciprocal_rank(numbers)[:k]]
        return [one._replace(has_words=one.segment.file_id in has_words) for one in first]

    def _worded(self, target: _Target, k: int) -> list[_Candidate]:
        """Candidates whose name, caption or text has words of the query, best first."""
        import numpy as np

        space_id = self._space.space_id
        rows = lexical.rows(self._snapshot, space_id, target.request.keywords, target.modality)
        if target.allow is not None and rows:
            rows = [row for row, is_in in zip(rows, np.isin(rows, target.allow), strict=True) if is_in]
        rows = rows[: max(_FROM_WORDS, 5 * k)]
        if not rows:
            return []
        scores = self._snapshot.vectors_at(space_id, np.array(rows, np.int64)) @ target.query
        return _one_a_file(self._candidates(rows, scores.tolist()), target.request)

    def _nearest(self, target: _Target, k: int) -> list[_Candidate]:
        """The best k by vectors, one a file unless by segment: more rows are asked for until there are k or no more.

        The store ranks rows, and one long recording may own the first hundred of them.
        """
        request = target.request
        n_asked = k if request.options.segments else 2 * k
        n_asked += request.except_file is not None
        while True:
            n_asked = min(n_asked, target.n_rows)
            scores, rows = self._store.search(target.query[None], n_asked, target.allow)
            is_used = rows[0] >= 0
            candidates = self._candidates(rows[0][is_used].tolist(), scores[0][is_used].tolist())
            best = _one_a_file(candidates, request)
            if len(best) >= k or n_asked == target.n_rows or len(candidates) < n_asked:
                return best[:k]
            n_asked *= _MORE

    def _candidates(self, rows: Sequence[int], scores: Sequence[float]) -> list[_Candidate]:
        places = self._snapshot.hits_for_rows(self._space.space_id, rows)
        # Rows rounded to float16 can have a length of a little more than 1.
        return [
            _Candidate(row, min(1.0, max(-1.0, score)), segment, path)
            for row, score, (segment, path) in zip(rows, scores, places, strict=True)
        ]

    # ------------------------------------------------------------ how good they are

    def _matches(self, target: _Target, best: list[_Candidate]) -> list[float | None]:
        if self._calibration is None or not best:
            return [None] * len(best)
        import numpy as np

        from anyseek.search.calibration import match

        scores = np.array([one.score for one in best], np.float32)
        query_modality = target.request.query_modality
        strength = self._calibration.strength(
            target.query, query_modality, target.modality, scores, target.n_rows
        )
        return [None] * len(best) if strength is None else match(strength).tolist()

    def _lifts(self, target: _Target, best: list[_Candidate]) -> list[float | None]:
        calibration = self._calibration
        nothing: list[float | None] = [None] * len(best)
        if calibration is None or not best or not target.request.options.merge:
            return nothing
        import numpy as np

        rows = np.array([one.row for one in best], np.int64)
        vectors = self._snapshot.vectors_at(self._space.space_id, rows)
        scores = np.array([one.score for one in best], np.float32)
        head = self._space.card.modalities.index(target.modality) if len(calibration.bank) > 1 else 0
        lift = calibration.lift(target.request.query_modality, target.modality, scores, vectors, head)
        return nothing if lift is None else lift.tolist()


def _number(candidate: _Candidate, by_segment: bool) -> int:
    return candidate.segment.segment_id if by_segment else candidate.segment.file_id


def _one_a_file(candidates: Sequence[_Candidate], request: Request) -> list[_Candidate]:
    """Without the excepted file, and of every other file the best segment alone, unless by segment."""
    others = [one for one in candidates if one.segment.file_id != request.except_file]
    if request.options.segments:
        return others
    first: dict[int, _Candidate] = {}
    for one in others:
        first.setdefault(one.segment.file_id, one)
    return list(first.values())
