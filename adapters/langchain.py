"""LangChain: a retriever over an index, and a vector store whose documents are text files in a folder."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import quote

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, PrivateAttr, model_validator

from anyseek import atomic, workspace
from anyseek.adapters.retrieval import Retrieved, open_index, retrieve, search_options
from anyseek.errors import IndexNotFound, UsageError
from anyseek.index import DEFAULT_MODEL, Index
from anyseek.options import SearchKeywords


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

    Other files of the folder are found too: their documents have the path below the folder as id.
    """

    def __init__(self, folder: str | os.PathLike[str], model: str = DEFAULT_MODEL) -> None:
        """Opens the folder's index, or makes it. Raises what `anyseek.open` and `anyseek.create` raise."""
        self._folder = Path(os.path.abspath(folder))
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._index = workspace.open(index=self._folder / workspace.INDEX_NAME, model=model)
        except IndexNotFound:
            self._index = workspace.create(self._folder, model=model)

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
        **_: Any,
    ) -> AnyseekVectorStore:
        """A store in `folder` with these texts. embedding: has to be None, vectors are Anyseek's own model's."""
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
        **_: Any,
    ) -> list[str]:
        """Write and index texts; what has the id of an earlier document takes its place. Returns the ids."""
        written = []
        for number, text in enumerate(texts):
            one = (ids[number] if ids else None) or uuid.uuid4().hex
            metadata = metadatas[number] if metadatas else {}
            # Not synced: that would take four waits for the disk a document.
            atomic.write(self._notes(one), json.dumps({"id": one, "metadata": metadata}), durable=False)
            atomic.write(self._text(one), text, durable=False)
            written.append(one)
        self._index.add()
        return written

    def delete(self, ids: list[str] | None = None, **_: Any) -> bool | None:
        """Remove documents; those that are not there are passed over. None removes all of them."""
        doomed = [self._id(path) for path in self._folder.glob("*.txt")] if ids is None else ids
        for one in doomed:
            for path in (self._text(one), self._notes(one)):
                with suppress(FileNotFoundError):
                    path.unlink()
        self._index.add()
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents that are there, in the order asked for."""
        return [self._read(one) for one in ids if self._text(one).is_file()]

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """The k best; any other search option is a keyword (`to`, `where`, ...), texts alone unless `to` says
        otherwise."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **options)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """The k best with their cosines. Raises UsageError, and TypeError for a keyword that is not an option."""
        retrieved = retrieve(self._index, query, search_options({"to": "text", **options, "k": k}))
        return [(self._document(one), one.hit.score) for one in retrieved]

    def close(self) -> None:
        """Let go of files; safe to call twice."""
        self._index.close()

    def _text(self, one: str) -> Path:
        return self._folder / f"{_safe(one)}.txt"

    def _notes(self, one: str) -> Path:
        return self._folder / f".{_safe(one)}.json"

    def _id(self, path: Path) -> str:
        try:
            record = json.loads((path.parent / f".{path.stem}.json").read_text("utf-8"))
            return str(record["id"])
        except FileNotFoundError:
            return path.stem

    def _read(self, one: str) -> Document:
        metadata = {}
        with suppress(FileNotFoundError):
            metadata = json.loads(self._notes(one).read_text("utf-8"))["metadata"]
        return Document(id=one, page_content=self._text(one).read_text("utf-8"), metadata=metadata)

    def _document(self, retrieved: Retrieved) -> Document:
        path = Path(retrieved.hit.path)
        if path.parent == self._folder and path.suffix == ".txt":
            return self._read(self._id(path))
        return Document(
            id=os.path.relpath(path, self._folder), page_content=retrieved.text, metadata=retrieved.facts
        )


def _safe(one: str) -> str:
    """An id as a file name: not hidden, without separators."""
    name = quote(one, safe=" ")
    name = "%2E" + name[1:] if name.startswith(".") else name
    if len(name) > 200:
        raise UsageError(
            f"The id {one[:40]!r}... is too long to be a file's name.", "Use ids of up to 60 letters."
        )
    return name
