"""LlamaIndex: a retriever over an index. Pictures come as ImageNode, everything else as TextNode."""

from __future__ import annotations

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import ImageNode, NodeWithScore, QueryBundle, TextNode

from anyseek.adapters.retrieval import Found, ask, opened
from anyseek.contracts import Modality


class AnyseekRetriever(BaseRetriever):
    """Nodes of any modality for words. index: the folder of the index, or one that it covers.

    k: how many. to: modalities, as "image,audio"; None for all, in one list. where: a filter. min_match: 0 to 1.
    A node's score is its match where the library is large enough to tell, else its cosine.
    """

    def __init__(
        self, index: str, k: int = 10, to: str | None = None, where: str = "", min_match: float = 0.0
    ) -> None:
        super().__init__()
        self._index = opened(index)
        self._k, self._to, self._where, self._min_match = k, to, where, min_match

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = ask(self._index, query_bundle.query_str, self._k, self._to, self._where, self._min_match)
        return [_node(one) for one in found]


def _node(found: Found) -> NodeWithScore:
    one = {"id_": str(found.facts["segment_id"]), "text": found.text, "metadata": found.facts}
    is_picture = found.hit.modality is Modality.IMAGE
    node = ImageNode(image_path=found.facts["path"], **one) if is_picture else TextNode(**one)
    return NodeWithScore(node=node, score=found.hit.score if found.hit.match is None else found.hit.match)
