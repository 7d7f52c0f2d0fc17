"""Query vectors to ranked hits: rows allowed by the catalog, scores from the store, one hit a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from anyseek.catalog.sampling import damaged_rows
from anyseek.contracts import Filter, Hit, Modality, VectorStore
from anyseek.options import SearchOptions
from anyseek.search import fusion, lexical

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord
    from anyseek.catalog.full_text import WordRow
    from anyseek.contracts import Floats, Rows
    from anyseek.search.calibration import Calibration
    from anyseek.search.embedding import EmbeddedQuery

_MORE = 4
"""How many times more rows are asked for when too few files were among those that came."""

_SAMPLE_ROWS = 256
"""Evenly spaced rows that tell how far a query's cosines spread."""

_BLOCK_ROWS = 4096
"""Rows whose vectors are in memory at a time: a word in the names of long recordings is in all of their segments."""

_LEAST_DEVIATION = 0.005
"""Of cosines: in a library of copies they do not spread."""


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """Searches one space of one snapshot through one store. calibration: None where nothing was measured."""

    snapshot: Snapshot
    space: SpaceRecord
    store: VectorStore
    calibration: Calibration | None = None

    def find(
        self, query: EmbeddedQuery, targets: Sequence[Modality], options: SearchOptions
    ) -> tuple[list[Hit], tuple[Modality, ...], bool]:
        """Hits by target, best first, offset + k of each where so many exist; the targets without one row; whether a
        hit was left out as its vector is damaged."""
        hits: list[Hit] = []
        missing: list[Modality] = []
        is_left_out = False
        for target in targets:
            allowed = Filter(frozenset({target}), options.in_, options.where)
            allow = self.snapshot.allowed_rows(self.space.space_id, allowed)
            n_rows = self.space.rows if allow is None else len(allow)
            if n_rows == 0:
                missing.append(target)
            else:
                search = _TargetSearch(self, query, target, options, allow, n_rows)
                hits += search.hits()
                is_left_out = is_left_out or search.is_left_out
        return hits, tuple(missing), is_left_out


class _TargetSearch:
    """The search of one modality. allow: rows that may be hits, None for all; n_rows of them."""

    def __init__(
        self,
        engine: Engine,
        query: EmbeddedQuery,
        target: Modality,
        options: SearchOptions,
        allow: Rows | None,
        n_rows: int,
    ) -> None:
        self._engine, self._query, self._options = engine, query, options
        self._target, self._allow, self._n_rows = target, allow, n_rows
        self._vector: Floats = query.vectors[target]
        self._space_id = engine.space.space_id
        self.is_left_out = False
        self._row_of: dict[int, int] = {}  # of the hits that were made, by segment
        self._has_words: set[int] = set()  # files that words of the query are in

    def hits(self) -> list[Hit]:
        """The best offset + k, ranked from 1 on."""
        k = self._options.offset + self._options.k
        best = self._without_near_copies(k) if self._options.fold else self._fused(k)
        matches, lifts = self._rated(best)
        places = self._places({hit.file_id for hit in best} & self._has_words)
        return [
            replace(
                hit,
                rank=rank,
                match=match,
                lift=lift,
                has_words=hit.file_id in self._has_words,
                words_in=places.get(hit.file_id, ()),
            )
            for rank, (hit, match, lift) in enumerate(zip(best, matches, lifts, strict=True), 1)
        ]

    # ------------------------------------------------------------ which

    def _without_near_copies(self, k: int) -> list[Hit]:
        """The best k that are not near copies of a better one, each with the paths of its copies."""
        from anyseek.search.near_copies import group_near_copies

        n_asked = k
        while True:
            best = self._fused(n_asked)
            groups = group_near_copies(self._vectors(best))
            if len(groups) >= k or len(best) < n_asked:
                break
            n_asked *= _MORE
        first_ones = []
        for first, *copies in groups[:k]:
            paths = {best[i].path: None for i in copies if best[i].path != best[first].path}
            first_ones.append(replace(best[first], alike=tuple(paths)))
        return first_ones

    def _fused(self, k: int) -> list[Hit]:
        """The best k by vectors and words added up. Phrases in quotes have to be there.

        They are the best whatever k is: every row with words is compared, and a file without them is among the best k
        only where it is among the k nearest.
        """
        by = self._options.by
        nearest: list[Hit] = []
        if by == "vectors" or (by == "both" and not self._query.phrases):
            nearest = self._nearest(k)
        if by == "vectors" or not self._with_words:
            return nearest
        best: dict[int, tuple[tuple[float, float], Hit]] = {}
        for hit in (*self._worded(k), *nearest):
            worth = self._worth(self._row_of[hit.segment_id], hit.score)
            number = self._number(hit)
            if number not in best or worth > best[number][0]:
                best[number] = worth, hit
        ranked = sorted(
            best.values(), key=lambda one: (one[0], -self._row_of[one[1].segment_id]), reverse=True
        )
        return [hit for _, hit in ranked[:k]]

    @cached_property
    def _with_words(self) -> dict[int, WordRow]:
        """The rows that may be hits and have words of the query."""
        import numpy as np

        found = lexical.rows(self._engine.snapshot, self._space_id, self._query, self._target, self._allow)
        found = [one for one in found if one.file_id != self._query.except_file]
        if self._allow is not None and found:
            is_allowed = np.isin([one.row for one in found], self._allow)
            found = [one for one, is_in in zip(found, is_allowed, strict=True) if is_in]
        self._has_words = {one.file_id for one in found}
        return {one.row: one for one in found}

    def _places(self, files: set[int]) -> dict[int, tuple[str, ...]]:
        """Where in these files words of the query are."""
        if not files:
            return {}
        rows = [one for one in self._with_words.values() if one.file_id in files]
        return lexical.places(self._engine.snapshot, self._query, rows)

    def _worded(self, k: int) -> list[Hit]:
        """The best k of the hits that have words, one a file unless by segment."""
        rows = list(self._with_words)
        scores = self._cosines(rows)
        best: dict[int, tuple[tuple[float, float], int, float]] = {}
        for row, score in zip(rows, scores, strict=True):
            number = row if self._options.segments else self._with_words[row].file_id
            worth = self._worth(row, score)
            if number not in best or worth > best[number][0]:
                best[number] = worth, row, score
        ranked = sorted(best.values(), key=lambda one: (one[0], -one[1]), reverse=True)
        hits: list[Hit] = []
        while ranked and len(hits) < k:  # some may be damaged
            part, ranked = ranked[: k - len(hits)], ranked[k - len(hits) :]
            hits += self._made([row for _, row, _ in part], [score for *_, score in part])
        return hits

    def _worth(self, row: int, score: float) -> tuple[float, float]:
        """What hits are ordered by: the cosine in deviations, and what words add; by words alone the coverage."""
        known = self._with_words.get(row)
        coverage = 0.0 if known is None else known.coverage
        if self._options.by == "words":
            return coverage, score
        return score / self._deviation + fusion.words_lift(coverage), 0.0

    @cached_property
    def _deviation(self) -> float:
        """The deviation of the query's cosines in the whole library, so that a filter leaves the order as it is; where
        nothing was measured, in some of the rows that may be hits."""
        import numpy as np

        calibration = self._engine.calibration
        sample = None if calibration is None else calibration.samples.get(self._target)
        if sample is not None and len(sample):
            scores = (sample @ self._vector).tolist()
        else:
            n_rows = min(self._n_rows, _SAMPLE_ROWS)
            places = np.linspace(0, self._n_rows - 1, n_rows).astype(np.int64)
            scores = self._cosines((places if self._allow is None else self._allow[places]).tolist())
        return max(_LEAST_DEVIATION, float(np.std(scores)))

    def _cosines(self, rows: Sequence[int]) -> list[float]:
        """Of rows and the query, to the last digit as a store has them; of a damaged row any number."""
        import numpy as np

        exact = np.empty(len(rows), np.float32)
        for first in range(0, len(rows), _BLOCK_ROWS):
            part = np.array(rows[first : first + _BLOCK_ROWS], np.int64)
            vectors = self._engine.snapshot.vectors_at(self._space_id, part)
            with np.errstate(invalid="ignore", over="ignore"):
                exact[first : first + len(part)] = (vectors.astype(np.float64) * self._vector).sum(axis=1)
        scores: list[float] = np.clip(np.nan_to_num(exact, nan=-1.0), -1, 1).tolist()
        return scores

    def _nearest(self, k: int) -> list[Hit]:
        """The best k by vectors, one a file unless by segment: more rows are asked for until there are k or no more.

        The store ranks rows, and one long recording may own the first hundred of them.
        """
        n_asked = k if self._options.segments else 2 * k
        n_asked += self._query.except_file is not None
        while True:
            n_asked = min(n_asked, self._n_rows)
            scores, rows = self._engine.store.search(self._vector[None], n_asked, self._allow)
            is_used = rows[0] >= 0
            used = rows[0][is_used].tolist()
            hits = self._made(used, scores[0][is_used].tolist())
            best = self._one_a_file(hits)
            if len(best) >= k or n_asked == self._n_rows or len(used) < n_asked:
                return best[:k]
            n_asked *= _MORE

    def _made(self, rows: Sequence[int], scores: Sequence[float]) -> list[Hit]:
        """A hit for each row whose vector is what was stored, not ranked yet."""
        hits = []
        damaged = damaged_rows(self._engine.snapshot, self._space_id, rows)
        if damaged:
            self.is_left_out = True
            whole = [(row, score) for row, score in zip(rows, scores, strict=True) if row not in damaged]
            rows, scores = [row for row, _ in whole], [score for _, score in whole]
        places = self._engine.snapshot.hits_for_rows(self._space_id, rows)
        for row, score, (segment, path) in zip(rows, scores, places, strict=True):
            self._row_of[segment.segment_id] = row
            hit = Hit(
                rank=0,
                score=min(1.0, max(-1.0, score)),  # rows rounded to float16 can be a little longer than 1
                modality=segment.modality,
                path=path,
                span=segment.span,
                file_id=segment.file_id,
                segment_id=segment.segment_id,
                model=self._engine.space.card.name,
                excerpt=segment.excerpt,
            )
            hits.append(hit)
        return hits

    def _one_a_file(self, hits: Sequence[Hit]) -> list[Hit]:
        """Without the excepted file, and of every other file the best segment alone, unless by segment."""
        others = [hit for hit in hits if hit.file_id != self._query.except_file]
        if self._options.segments:
            return others
        first: dict[int, Hit] = {}
        for hit in others:
            first.setdefault(hit.file_id, hit)
        return list(first.values())

    def _number(self, hit: Hit) -> int:
        return hit.segment_id if self._options.segments else hit.file_id

    def _vectors(self, hits: Sequence[Hit]) -> Floats:
        import numpy as np

        rows = np.array([self._row_of[hit.segment_id] for hit in hits], np.int64)
        return self._engine.snapshot.vectors_at(self._space_id, rows)

    # ------------------------------------------------------------ how good

    def _rated(self, best: Sequence[Hit]) -> tuple[Sequence[float | None], Sequence[float | None]]:
        """The match and the lift of each hit, None where nothing was measured."""
        calibration = self._engine.calibration
        nothing = [None] * len(best)
        if calibration is None or not best:
            return nothing, nothing
        import numpy as np

        from anyseek.search.calibration import match

        scores = np.array([hit.score for hit in best], np.float32)
        head = self._engine.space.card.modalities.index(self._target) if len(calibration.bank) > 1 else 0
        lift = calibration.lift(self._query.modality, self._target, scores, self._vectors(best), head)
        if lift is None:
            return nothing, nothing
        pair = calibration.pairs[self._query.modality, self._target]
        return match(lift, pair).tolist(), lift.tolist() if self._options.merge else nothing
