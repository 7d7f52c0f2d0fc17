"""The first hits again, by a model that reads the query and each of them together (Nogueira and Cho 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from anyseek.contracts import Hit, Modality, Preparer, Unit
from anyseek.errors import UsageError

if TYPE_CHECKING:
    from anyseek.contracts import Floats
    from anyseek.search.ask import Scope
    from anyseek.search.query import Term
    from anyseek.search.results import Results

FIRST = 50
"""Hits of each modality that are read again."""


class Reranker(Protocol):
    """A model that judges pairs. What it does not know keeps its place."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What it can judge."""

    def preparer(self, modality: Modality) -> Preparer:
        """Of one of `modalities`."""

    def scores(self, words: str, modality: Modality, prepared: Sequence[Any]) -> Floats:
        """How well each item answers the words, (len(prepared),) float32, higher is better."""


class Asked(Protocol):
    """What is needed of an Index."""

    def ask(self, terms: Sequence[Term], wanted: Scope) -> Results:
        """See Index.ask."""

    def written(self, segment_id: int) -> str:
        """See Index.written."""


def reranked(index: Asked, terms: Sequence[Term], wanted: Scope, reranker: Reranker) -> Results:
    """The best k after the first FIRST of each modality were read again; hits that cannot be read come after those.

    Raises UsageError unless the query is words alone and each modality has a list of its own; what Index.ask raises.
    """
    if len(terms) != 1 or terms[0].kind != "words" or terms[0].weight <= 0:
        raise UsageError("Only words can be reranked by.", "Leave out files, parts to subtract, or --rerank.")
    if wanted.merge:
        raise UsageError("A merged list cannot be reranked.", "Leave out --merge or --rerank.")
    found = index.ask(terms, replace(wanted, k=max(wanted.k, FIRST)))
    hits: list[Hit] = []
    for modality, own in found.by_modality().items():
        ordered = list(own)
        if modality in reranker.modalities:
            first = _judged(index, str(terms[0].value), modality, ordered[:FIRST], reranker)
            ordered = first + ordered[FIRST:]
        hits += [replace(hit, rank=rank) for rank, hit in enumerate(ordered[: wanted.k], 1)]
    return replace(found, hits=tuple(hits))


def _judged(index: Asked, words: str, modality: Modality, hits: list[Hit], reranker: Reranker) -> list[Hit]:
    items = (
        [index.written(hit.segment_id) for hit in hits]
        if modality is Modality.TEXT
        else _decoded(hits, modality, reranker.preparer(modality))
    )
    readable = [i for i, item in enumerate(items) if item is not None and len(item)]
    if not readable:
        return hits
    prepare = reranker.preparer(modality)
    prepared = [prepare(items[i]) if modality is Modality.TEXT else items[i] for i in readable]
    scores = reranker.scores(words, modality, prepared)
    best_first = sorted(range(len(readable)), key=lambda at: -float(scores[at]))
    rest = sorted(set(range(len(hits))) - set(readable))
    return [hits[readable[at]] for at in best_first] + [hits[i] for i in rest]


def _decoded(hits: list[Hit], modality: Modality, preparer: Preparer) -> list[Any]:
    """In a process that may be killed, like all decoding; None for what is gone or damaged since."""
    from anyseek.errors import MediaError
    from anyseek.media.worker import DecodePool

    found: list[Any] = []
    with DecodePool({modality: preparer}, workers=1) as pool:
        for hit in hits:
            if hit.span.unit is not Unit.WHOLE:  # a frame of a film
                found.append(None)
                continue
            try:
                part = pool.submit(hit.path, first=0, modality=modality).result()
                found.append(part.segments[0].item if part.segments else None)
            except (MediaError, OSError):
                found.append(None)
    return found
