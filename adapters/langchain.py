"""LangChain: a retriever over an index, and a vector store whose documents are text files in a folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, PrivateAttr, model_validator

from anyseek import atomic, workspace
from anyseek.adapters.documents import content_of, file_name, prepared, waited_for
from anyseek.adapters.filters import MetadataFilter, both, passes
from anyseek.adapters.notes import bytes_below, decoded, notes_name, read_notes
from anyseek.adapters.retrieval import Retrieved, open_index, retrieve, search_options
from anyseek.catalog.database import has_catalog
from anyseek.errors import IndexNotFound, UsageError
from anyseek.filters import OneOf
from anyseek.folding import folded
from anyseek.index import DEFAULT_MODEL, Index
from anyseek.options import SearchKeywords
from anyseek.printable import json_path, short_repr


class AnyseekRetriever(BaseRetriever):
    """Documents of any modality for words. index: the folder of the index, or one that it covers.

    Any search option is a keyword too (`k`, `to`, `where`, `min_match`, ...: see SearchOptions); without `merge`
    there is one list over all modalities, unless `to` names one. A document's text is the passage, the caption, or
    "image: NAME"; its metadata says path, modality, score, match and the place in the file."""

    model_config = ConfigDict(extra="allow")

    index: str
    _opened: Index | None = PrivateAttr(default=None)

    if TYPE_CHECKING:  # pydantic makes it; a type checker would not know the options

        def __init__(
            self,
            *,
            index: str,
            tags: list[str] | None = None,
            metadata: dict[str, Any] | None = None,
            **options: Unpack[SearchKeywords],
        ) -> None: ...

    @model_validator(mode="after")
    def _check_options(self) -> AnyseekRetriever:
        try:
            search_options(self.model_extra or {})
        except (TypeError, UsageError) as error:
            raise ValueError(str(error)) from error
        return self

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Unpack[SearchKeywords]
    ) -> list[Document]:
        """options: instead of the retriever's own."""
        if self._opened is None:
            self._opened = open_index(self.index)
        asked = search_options({**(self.model_extra or {}), **options})
        return [_document(one) for one in retrieve(self._opened, query, asked)]


def _document(retrieved: Retrieved) -> Document:
    return Document(
        id=str(retrieved.facts["segment_id"]), page_content=retrieved.text, metadata=retrieved.facts
    )


class AnyseekVectorStore(VectorStore):
    """Documents as text files in a folder, `ID.txt`, with their metadata in the hidden file `.ID.json` beside it.

    Other files of the folder are found too: the id of a text file in it is its name without `.txt`, of any other file
    the path below the folder. Threads may share a store, and others may write to its index and its folder too: writers
    wait for one another, WAIT_SECONDS at most, and what is gone meanwhile is left out of an answer.
    """

    def __init__(self, folder: str | os.PathLike[str], model: str = DEFAULT_MODEL) -> None:
        """Opens the folder's index, or makes it. Raises what `anyseek.open` and `anyseek.create` raise."""
        self._folder = Path(os.path.abspath(folder))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._index = waited_for(lambda: self._opened(model))

    def _opened(self, model: str) -> Index:
        try:
            return workspace.open(index=self._folder / workspace.INDEX_NAME, model=model)
        except IndexNotFound:
            try:
                return workspace.create(self._folder, model=model)
            except UsageError:
                if not has_catalog(self._folder / workspace.INDEX_NAME):
                    raise
                return workspace.open(
                    index=self._folder / workspace.INDEX_NAME, model=model
                )  # made meanwhile

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        folder: str | os.PathLike[str] = "",
        model: str = DEFAULT_MODEL,
        **unknown: Any,
    ) -> AnyseekVectorStore:
        """A store in `folder` with these texts. embedding: has to be None, vectors are Anyseek's own model's."""
        _refuse(unknown)
        if embedding is not None:
            raise UsageError(
                "Anyseek makes its vectors itself.", "Leave `embedding` out; name a `model` instead."
            )
        if not folder:
            raise UsageError(
                "The store needs a folder.", 'As in: AnyseekVectorStore.from_texts([...], folder="notes")'
            )
        store = cls(folder, model)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        batch_size: int | None = None,
        **unknown: Any,
    ) -> list[str]:
        """Write and index texts, each of which is a text whatever it looks like; what has the id of an earlier document
        takes its place. Returns the ids.

        batch_size: taken because LangChain's indexing gives it; all are written at once. One without any word is kept,
        and no search finds it. Raises UsageError, with nothing written, for what cannot be stored; IndexLocked.
        """
        _refuse(unknown)
        notes = prepared(list(texts), metadatas, ids)
        with self._lock:
            for one in notes:
                # Not synced: that would take four waits for the disk a document.
                name = f"{file_name(one.id)}.txt"
                atomic.write(self._folder / notes_name(name), one.json, durable=False)
                atomic.write(self._folder / name, one.file_text, durable=False)
            waited_for(self._index.add)
        return [one.id for one in notes]

    def delete(self, ids: list[str] | None = None, **unknown: Any) -> bool | None:
        """Remove documents; those that are not there are passed over. None removes all of them: every text file in the
        folder itself."""
        _refuse(unknown)
        with self._lock:
            names = self._names() if ids is None else [self._name(one) for one in ids]
            for name in names:
                for path in (self._folder / name, self._folder / notes_name(name)):
                    with suppress(FileNotFoundError):
                        path.unlink()
            waited_for(self._index.add)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents that are there, in the order asked for."""
        read = (self._read(self._name(one)) for one in ids)
        return [document for document in read if document is not None]

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """The documents of `similarity_search_with_score`."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **options)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: MetadataFilter | None = None,
        score_threshold: float | None = None,
        **options: Any,
    ) -> list[tuple[Document, float]]:
        """The k best with their relevance, which falls along the list: the match where the store is large enough to
        tell, else the cosine.

        filter: documents of this store alone whose metadata passes (see adapters/filters.py, `passes`), or for which a
        function of the Document is true. score_threshold: the least relevance. Any other search option is a keyword
        (`to`, `where`, ...), texts alone unless `to` says otherwise. Raises UsageError, and TypeError for a keyword
        that is not an option.
        """
        asked = search_options({"to": "text", **options, "k": k})
        among = None if filter is None else self._passing(filter)
        if among is not None:
            if not among:
                return []
            # Paths in filters are compared by their fold; what is alike but for letter case comes along and goes again.
            alike = {folded(name) for name in among}
            more = sum(folded(name) in alike for name in self._names() if name not in among)
            where = both(asked.where, OneOf("path", tuple(sorted(among))))
            asked = replace(asked, k=k + more, where=where)
        retrieved = [one for one in retrieve(self._index, query, asked) if self._is_among(one, among)]
        scored = [(self._document(one), one.hit.relevance) for one in retrieved[:k]]
        return [
            (document, relevance)
            for document, relevance in scored
            if document is not None and (score_threshold is None or relevance >= score_threshold)
        ]

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """0 to 1, as LangChain wants them: a cosine below 0 is 0."""
        scored = self.similarity_search_with_score(query, k, **options)
        return [(document, min(1.0, max(0.0, score))) for document, score in scored]

    def _passing(self, filter: MetadataFilter) -> set[str]:
        """Names of the files of documents that a filter lets through; each one's metadata is read."""
        if not callable(filter) and not isinstance(filter, Mapping):
            raise UsageError(
                f"{short_repr(filter)} is not a filter of metadata.", 'As in: filter={"who": "Ann"}'
            )
        names = set()
        for name in self._names():
            document = self._read(name)
            if document is not None and (
                filter(document) if callable(filter) else passes(document.metadata, filter)
            ):
                names.add(name)
        return names

    def _is_among(self, retrieved: Retrieved, names: set[str] | None) -> bool:
        path = Path(retrieved.hit.path)
        return names is None or (path.parent == self._folder and path.name in names)

    def close(self) -> None:
        """Let go of files; safe to call twice."""
        self._index.close()

    def _names(self) -> list[str]:
        """Of the text files in the folder; hidden ones are nobody's documents."""
        with os.scandir(self._folder) as entries:
            return [
                entry.name
                for entry in entries
                if entry.name.endswith(".txt")
                and not entry.name.startswith(".")
                and entry.is_file(follow_symlinks=False)
            ]

    def _name(self, one: str) -> str:
        """Of the file of a document: as the store names it, or as somebody else has named it."""
        name = f"{file_name(one)}.txt"
        is_ours = "/" in one or one.startswith(".") or (self._folder / name).is_file()
        return name if is_ours or not (self._folder / f"{one}.txt").is_file() else f"{one}.txt"

    def _read(self, name: str) -> Document | None:
        """The document in a text file of the folder; None for what is gone, or cannot be read."""
        try:
            data = bytes_below(self._folder, name)
        except OSError:
            return None
        notes = read_notes(self._folder, name)
        return Document(
            id=notes.id, page_content=content_of(decoded(data, name), notes.text), metadata=notes.metadata
        )

    def _document(self, retrieved: Retrieved) -> Document | None:
        path = Path(retrieved.hit.path)
        if path.parent == self._folder and path.suffix == ".txt":
            return self._read(path.name)
        return Document(
            id=json_path(os.path.relpath(path, self._folder)),
            page_content=retrieved.text,
            metadata=retrieved.facts,
        )


def _refuse(unknown: Mapping[str, Any]) -> None:
    """Raises TypeError for keywords that would be left out in silence."""
    if unknown:
        raise TypeError(f"unexpected keyword argument {min(unknown)!r}")
