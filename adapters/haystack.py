"""Haystack: a retriever component over an index."""

from __future__ import annotations

from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from anyseek.adapters.retrieval import Found, ask, opened
from anyseek.index import Index


@component
class AnyseekRetriever:
    """Documents of any modality for words. index: the folder of the index, or one that it covers.

    k: how many. to: modalities, as "image,audio"; None for all, in one list. where: a filter. min_match: 0 to 1.
    A document's meta has path, modality, match and the place in the file; `file_path` is what Haystack's own
    components open.
    """

    def __init__(
        self, index: str, k: int = 10, to: str | None = None, where: str = "", min_match: float = 0.0
    ) -> None:
        self.index, self.k, self.to, self.where, self.min_match = index, k, to, where, min_match
        self._opened: Index | None = None

    def warm_up(self) -> None:
        """Opens the index. Raises IndexNotFound, IndexDamaged, NewerFormat."""
        if self._opened is None:
            self._opened = opened(self.index)

    def to_dict(self) -> dict[str, Any]:
        """For a pipeline's file."""
        told: dict[str, Any] = default_to_dict(
            self, index=self.index, k=self.k, to=self.to, where=self.where, min_match=self.min_match
        )
        return told

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AnyseekRetriever:
        """The reverse."""
        made: AnyseekRetriever = default_from_dict(cls, data)
        return made

    @component.output_types(documents=list[Document])
    def run(self, query: str, k: int | None = None, where: str | None = None) -> dict[str, list[Document]]:
        """k, where: instead of the component's own."""
        self.warm_up()
        assert self._opened is not None
        where = self.where if where is None else where
        found = ask(self._opened, query, k or self.k, self.to, where, self.min_match)
        return {"documents": [_document(one) for one in found]}


def _document(found: Found) -> Document:
    meta = {name: value for name, value in found.facts.items() if name != "score"}
    return Document(
        id=str(found.facts["segment_id"]),
        content=found.text,
        meta={**meta, "file_path": found.facts["path"]},
        score=found.hit.score,
    )
