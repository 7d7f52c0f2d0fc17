"""What words add to vectors, and several ranked lists into one by lift."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from anyseek.catalog.full_text import HIGHEST

if TYPE_CHECKING:
    from anyseek.contracts import Hit, Modality
    from anyseek.options import SearchOptions

LINEAR, CUBIC = 1.0, 9.0
"""What words weigh, tuned on names, short words and sentences (docs/decisions/0025-words-and-vectors-are-added.md)."""


def words_lift(coverage: float) -> float:
    """What words add to a hit, in deviations of the query's cosines.

    A few words of a sentence in common say little beside the meaning, so vectors lead; every word of a name or number,
    which vectors hardly know, says it all: hence the cube. It grows up to a text of usual length that has every word
    once, whose coverage is 1 / HIGHEST.
    """
    share = coverage * HIGHEST
    return LINEAR * share + CUBIC * min(1.0, share) ** 3


def select(hits: Sequence[Hit], options: SearchOptions) -> tuple[Hit, ...]:
    """The hits to show of those that were found: above the least match, or having the words; of one merged list the
    first k; after the offset. Ranks of a merged list run over all of it."""
    good = [hit for hit in hits if hit.match is None or hit.match >= options.min_match or hit.has_words]
    if options.merge:
        good = by_lift(good, options.offset + options.k)
    else:
        good = with_relevance(good)
    return tuple(hit for hit in good if hit.rank > options.offset)


def unmeasured(hits: Iterable[Hit]) -> tuple[Modality, ...]:
    """The modalities of hits whose match is not known, so that no least match can be asked of them."""
    return tuple(dict.fromkeys(hit.modality for hit in hits if hit.match is None))


def with_relevance(hits: Sequence[Hit]) -> list[Hit]:
    """Hits with their relevance: in each modality the best match (the best cosine, where nothing was measured) of
    those from a hit on. So words, which have a part in the order, lift a hit to what it is ranked above."""
    best: dict[Modality, float] = {}
    out: list[Hit] = []
    for hit in reversed(hits):
        value = hit.score if hit.match is None else hit.match
        best[hit.modality] = max(best.get(hit.modality, -math.inf), value)
        out.append(replace(hit, relevance=best[hit.modality]))
    return out[::-1]


def by_lift(hits: Sequence[Hit], n: int) -> list[Hit]:
    """The first n of one list by lift, ranked from 1 on, hits of modalities without one last.

    Hits of one modality stay in their order, in which words had a part: a hit is placed by the best lift of those from
    it on. Their relevance is that lift, the logarithm of odds, as a probability; without one the cosine, as far as it
    is below what comes before.
    """
    placed: list[tuple[bool, float, Hit]] = []
    best: dict[Modality, float] = {}
    for hit in reversed(hits):
        value = hit.score if hit.lift is None else hit.lift
        best[hit.modality] = max(best.get(hit.modality, -math.inf), value)
        placed.append((hit.lift is not None, best[hit.modality], hit))
    placed.reverse()
    placed.sort(key=lambda one: one[:2], reverse=True)
    out: list[Hit] = []
    lowest = math.inf
    for rank, (has_lift, value, hit) in enumerate(placed[:n], 1):
        lowest = min(lowest, 1 / (1 + math.exp(-min(max(value, -700.0), 700.0))) if has_lift else value)
        out.append(replace(hit, rank=rank, relevance=lowest))
    return out
