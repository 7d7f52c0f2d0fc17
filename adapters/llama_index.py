"""LlamaIndex: a retriever over an index. Files of pictures come as ImageNode, everything else as TextNode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import ImageNode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.vector_stores.types import MetadataFilters

from anyseek import modalities
from anyseek.adapters.filters import both, from_llama_index
from anyseek.adapters.retrieval import Retrieved, open_index, retrieve, search_options
from anyseek.media.formats import by_suffix
from anyseek.options import SearchKeywords


class AnyseekRetriever(BaseRetriever):
    """Nodes of any modality for words. index: the folder of the index, or one that it covers.

    Any search option is a keyword too (`k`, `to`, `where`, `min_match`, ...: see SearchOptions); without `merge`
    there is one list over all modalities, unless `to` names one. filters: of LlamaIndex, over the fields of our filter
    language (`path`, `type`, `date`, `tag`, ...); what has no meaning there is refused. A node's score is the hit's
    relevance, by which the list is ordered."""

    def __init__(
        self, index: str, filters: MetadataFilters | None = None, **options: Unpack[SearchKeywords]
    ) -> None:
        super().__init__()
        checked = search_options(options)
        self._options = replace(checked, where=both(checked.where, from_llama_index(filters)))
        self._index = open_index(index)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(one) for one in retrieve(self._index, query_bundle.query_str, self._options)]


def _node(retrieved: Retrieved) -> NodeWithScore:
    node_facts = {
        "id_": str(retrieved.facts["segment_id"]),
        "text": retrieved.text,
        "metadata": retrieved.facts,
    }
    path = retrieved.facts["path"]
    node = ImageNode(image_path=path, **node_facts) if _is_picture(retrieved) else TextNode(**node_facts)
    return NodeWithScore(node=node, score=retrieved.hit.relevance)


def _is_picture(retrieved: Retrieved) -> bool:
    """Whether LlamaIndex can open the file as a picture: a depth map may be one (PNG), or an array (NumPy, EXR)."""
    row = modalities.info(retrieved.hit.modality)
    if row.shown_as != "picture" or row.preview_as:  # a video is shown by a picture, but is not one
        return False
    file_format = by_suffix().get(Path(retrieved.facts["path"]).suffix.lower())
    return file_format is not None and file_format.modality == "image"
