"""Haystack: a retriever component over an index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Unpack

from haystack import Document, component, default_from_dict, default_to_dict

from anyseek.adapters.filters import both, from_haystack
from anyseek.adapters.retrieval import Retrieved, open_index, retrieve, search_options
from anyseek.errors import UsageError
from anyseek.index import Index
from anyseek.options import SearchKeywords


@component
class AnyseekRetriever:
    """Documents of any modality for words. index: the folder of the index, or one that it covers.

    Any search option is a keyword too (`k`, `to`, `where`, `min_match`, ...: see SearchOptions); without `merge`
    there is one list over all modalities, unless `to` names one. A document's meta has path, modality, match and the
    place in the file; `file_path` is what Haystack's own components open. Its score is the hit's relevance, by which
    the list is ordered."""

    def __init__(self, index: str, **options: Unpack[SearchKeywords]) -> None:
        self.index, self.options = index, dict(options)
        search_options(options)  # invalid ones raise now, not at the first query
        self._opened: Index | None = None

    def warm_up(self) -> None:
        """Opens the index. Raises IndexNotFound, IndexDamaged, NewerFormat."""
        if self._opened is None:
            self._opened = open_index(self.index)

    def to_dict(self) -> dict[str, Any]:
        """For a pipeline's file."""
        record: dict[str, Any] = default_to_dict(self, index=self.index, **self.options)
        return record

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AnyseekRetriever:
        """The reverse."""
        retriever: AnyseekRetriever = default_from_dict(cls, data)
        return retriever

    @component.output_types(documents=list[Document])
    def run(
        self,
        query: str,
        k: int | None = None,
        where: str | None = None,
        top_k: int | None = None,
        filters: dict[str, Any] | None = None,
    ) -> dict[str, list[Document]]:
        """k, where: instead of the component's own. top_k, filters: the same as Haystack calls them; filters are over
        the fields of our filter language (`meta.path`, `meta.type`, `meta.date`, `meta.tag`, ...), in addition to
        `where`. Raises UsageError for what has no meaning there."""
        self.warm_up()
        assert self._opened is not None
        if k is not None and top_k is not None and k != top_k:
            raise UsageError("k and top_k are the same.", "Give one of them.")
        instead = {"k": top_k if k is None else k, "where": where}
        given = {name: value for name, value in instead.items() if value is not None}
        options = search_options({**self.options, **given})
        options = replace(options, where=both(options.where, from_haystack(filters)))
        return {"documents": [_document(one) for one in retrieve(self._opened, query, options)]}


def _document(retrieved: Retrieved) -> Document:
    meta = {name: value for name, value in retrieved.facts.items() if name != "score"}
    return Document(
        id=str(retrieved.facts["segment_id"]),
        content=retrieved.text,
        meta={**meta, "file_path": retrieved.facts["path"]},
        score=retrieved.hit.relevance,
    )
