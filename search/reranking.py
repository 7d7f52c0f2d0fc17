"""The first hits again, by a model that reads the query and each of them together (Nogueira and Cho 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from anyseek import modalities
from anyseek.contracts import Hit, Modality, Preparer
from anyseek.errors import UsageError
from anyseek.search.fusion import with_relevance

if TYPE_CHECKING:
    from anyseek.contracts import Floats
    from anyseek.opening import FileBelow
    from anyseek.options import SearchOptions
    from anyseek.search.query import Query
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


class Answering(Protocol):
    """What is needed of an Index."""

    def answer(self, query: Query, options: SearchOptions) -> Results:
        """See Index.answer."""

    def text_of(self, segment_id: int) -> str:
        """See Index.text_of."""

    def file_of(self, segment_id: int) -> FileBelow | None:
        """See Index.file_of."""


def reranked(index: Answering, query: Query, options: SearchOptions, reranker: Reranker) -> Results:
    """The best k after the first FIRST of each modality were read again; hits that cannot be read come after those.

    Raises UsageError unless the query is words alone and each modality has a list of its own; what Index.answer raises.
    """
    words = check(query, options)
    last = options.offset + options.k
    results = index.answer(query, replace(options, k=max(last, FIRST), offset=0))
    hits: list[Hit] = []
    for modality, own in results.by_modality().items():
        ordered = list(own)
        if modality in reranker.modalities:
            ordered = _judged(index, words, modality, ordered[:FIRST], reranker) + ordered[FIRST:]
        ranked = [replace(hit, rank=rank) for rank, hit in enumerate(ordered[:last], 1)]
        hits += with_relevance(ranked)[options.offset :]
    return replace(results, hits=tuple(hits))


def check(query: Query, options: SearchOptions) -> str:
    """The words of a query that can be reranked. Raises UsageError for any other."""
    is_words = len(query.parts) == 1 and query.parts[0].kind == "words" and query.parts[0].weight > 0
    if not is_words or query.examples:
        raise UsageError(
            "Only words can be reranked by.",
            "Leave out files, --like, --unlike and parts to subtract, or --rerank.",
        )
    if options.merge:
        raise UsageError("A merged list cannot be reranked.", "Leave out --merge or --rerank.")
    return str(query.parts[0].data)


def _judged(
    index: Answering, words: str, modality: Modality, hits: list[Hit], reranker: Reranker
) -> list[Hit]:
    is_text = modalities.info(modality).is_text
    items = (
        [index.text_of(hit.segment_id) for hit in hits]
        if is_text
        else _decoded(index, hits, modality, reranker.preparer(modality))
    )
    readable = [i for i, item in enumerate(items) if item is not None and len(item)]
    if not readable:
        return hits
    prepare = reranker.preparer(modality)
    prepared = [prepare(items[i]) if is_text else items[i] for i in readable]
    scores = reranker.scores(words, modality, prepared)
    best_first = sorted(range(len(readable)), key=lambda at: -float(scores[at]))
    rest = sorted(set(range(len(hits))) - set(readable))
    return [hits[readable[at]] for at in best_first] + [hits[i] for i in rest]


def _decoded(index: Answering, hits: list[Hit], modality: Modality, preparer: Preparer) -> list[Any]:
    """In a process that may be killed, like all decoding; None for what is gone or damaged since."""
    from anyseek.errors import MediaError
    from anyseek.media.worker import DecodePool

    items: list[Any] = []
    with DecodePool({modality: preparer}, workers=1) as pool:
        for hit in hits:
            file = index.file_of(hit.segment_id)
            if file is None:
                items.append(None)
                continue
            try:
                part = pool.submit(file, modality=modality, span=hit.span).result()
                items.append(part.segments[0].data if part.segments else None)
            except (MediaError, OSError):
                items.append(None)
    return items
