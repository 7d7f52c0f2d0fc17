"""Filters, thresholds and limits of other ecosystems: applied or refused, never left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import anyseek
from anyseek.adapters.filters import from_haystack, from_llama_index, passes
from anyseek.errors import UsageError

PEOPLE = {"a": {"who": "Ann", "year": 2020}, "A": {"who": "Bob", "year": 2021}, "c": {"who": "Cy"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    pytest.importorskip("langchain_core")
    from anyseek.adapters.langchain import AnyseekVectorStore

    made = AnyseekVectorStore(tmp_path / "notes", model="words")
    made.add_texts(["red dog", "red dog sleeps", "red"], list(PEOPLE.values()), ids=list(PEOPLE))
    yield made
    made.close()


def ids(store: Any, **how: Any) -> list[str]:
    return [one.id for one in store.similarity_search("red dog", **how)]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ({"who": "Ann"}, {"a"}),
        ({"who": "Bob"}, {"A"}),
        ({"who": {"$in": ["Bob", "Cy"]}}, {"A", "c"}),
        ({"who": {"$ne": "Ann"}}, {"A", "c"}),
        ({"year": {"$gte": 2020, "$lt": 2021}}, {"a"}),
        ({"year": {"$gt": "text"}}, set()),
        ({"$or": [{"who": "Cy"}, {"year": 2020}]}, {"a", "c"}),
        ({"$not": {"who": "Ann"}, "year": {"$nin": [1]}}, {"A", "c"}),
        ({"nothing": "there"}, set()),
        ({}, {"a", "A", "c"}),
        (lambda document: document.metadata["who"] != "Bob", {"a", "c"}),
    ],
)
def test_a_filter_of_metadata_lets_its_documents_through_alone(
    store: Any, filter_: Any, expected: set[str]
) -> None:
    assert set(ids(store, k=9, filter=filter_)) == expected
    if expected:
        assert len(ids(store, k=1, filter=filter_)) == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "filter_",
    [
        {"who": {"$like": "A"}},
        {"$xor": []},
        {"who": {"$in": "A"}},
        "who = Ann",
        {"$and": []},
        {"$or": []},
        {"$or": [{"who": "Ann"}, {}]},
        {"$not": {}},
    ],
)
def test_a_filter_of_metadata_that_means_nothing_is_refused(store: Any, filter_: Any) -> None:
    with pytest.raises(UsageError):
        ids(store, filter=filter_)


def test_a_threshold_leaves_out_what_scores_lower(store: Any) -> None:
    scored = store.similarity_search_with_score("red dog", k=9)
    scores = [score for _, score in scored]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1
    assert ids(store, k=9, score_threshold=scores[0]) == [
        document.id for document, score in scored if score == scores[0]
    ]
    assert ids(store, k=9, score_threshold=1.01) == []
    retriever = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": scores[0], "k": 9}
    )
    assert [one.id for one in retriever.invoke("red dog")] == ids(store, k=9, score_threshold=scores[0])


def test_keywords_of_other_stores_are_refused(store: Any) -> None:
    for call in (store.similarity_search, store.similarity_search_with_score):
        with pytest.raises(TypeError, match="namespace"):
            call("red", namespace="mine")
    with pytest.raises(TypeError, match="filter"):
        store.delete(filter={"who": "Ann"})
    with pytest.raises(TypeError, match="namespace"):
        store.add_texts(["one"], namespace="mine")
    assert len(ids(store, k=9)) == 3


def test_a_least_match_that_cannot_be_told_is_refused(store: Any) -> None:
    with pytest.raises(UsageError, match="min_match cannot be applied to text"):
        ids(store, min_match=0.9)


def test_line_ends_are_kept(store: Any) -> None:
    store.add_texts(["one\r\ntwo"], ids=["crlf"])
    assert store.get_by_ids(["crlf"])[0].page_content == "one\r\ntwo"


def test_haystack_filters_and_limits_of_a_run(media: Path) -> None:
    pytest.importorskip("haystack")
    from anyseek.adapters.haystack import AnyseekRetriever

    retriever = AnyseekRetriever(str(media), k=9)
    assert len(retriever.run("red", top_k=2)["documents"]) == 2
    one = {"field": "meta.modality", "operator": "==", "value": "image"}
    two = {"field": "meta.name", "operator": "not in", "value": ["red.png"]}
    both = {"operator": "AND", "conditions": [one, two]}
    found = {Path(doc.meta["path"]).name for doc in retriever.run("red", filters=both)["documents"]}
    with anyseek.open(media) as index:
        expected = index.search("red", k=9, where="modality = image and name != red.png")
    assert found == {Path(hit.path).name for hit in expected}
    assert retriever.run("red", filters={})["documents"]
    for wrong in (
        {"field": "meta.owner", "operator": "==", "value": "Ann"},
        {"field": "meta.name", "operator": "contains", "value": "a"},
        {"operator": "XOR", "conditions": [one, two]},
        {"who": "Ann"},
    ):
        with pytest.raises(UsageError):
            retriever.run("red", filters=wrong)
    with pytest.raises(UsageError, match="top_k"):
        retriever.run("red", k=1, top_k=2)


@pytest.mark.thorough
def test_llama_index_filters(media: Path) -> None:
    pytest.importorskip("llama_index.core")
    from llama_index.core.vector_stores.types import (
        FilterCondition,
        FilterOperator,
        MetadataFilter,
        MetadataFilters,
    )

    from anyseek.adapters.llama_index import AnyseekRetriever

    image = MetadataFilter(key="modality", value="image")
    text = MetadataFilter(key="modality", operator=FilterOperator.IN, value=["text"])
    either = MetadataFilters(filters=[image, text], condition=FilterCondition.OR)
    found = AnyseekRetriever(str(media), either, k=9).retrieve("red")
    assert {one.node.metadata["modality"] for one in found} == {"image", "text"}
    owner = MetadataFilters(filters=[MetadataFilter(key="owner", value="Ann")])
    with pytest.raises(UsageError, match="owner"):
        AnyseekRetriever(str(media), owner)
    with pytest.raises(TypeError, match="similarity_top_k"):
        AnyseekRetriever(str(media), similarity_top_k=3)  # type: ignore[call-arg]


IS_IMAGE = {"field": "meta.modality", "operator": "==", "value": "image"}


@pytest.mark.parametrize("word", ["AND", "OR", "NOT"])
@pytest.mark.parametrize(
    "conditions", [[], [{}], [IS_IMAGE, {}], [[]], None, 7, "ab", {}, [None], [IS_IMAGE, 1]]
)
def test_a_haystack_filter_with_an_empty_or_malformed_part_is_refused(word: str, conditions: Any) -> None:
    part = {"operator": word, "conditions": conditions}
    for whole in (part, {"operator": "AND", "conditions": [IS_IMAGE, part]}):
        with pytest.raises(UsageError):
            from_haystack(whole)


@pytest.mark.parametrize("filters", [[], "", 0, [IS_IMAGE], {"conditions": [IS_IMAGE]}])
def test_what_is_no_haystack_filter_at_all_is_refused(filters: Any) -> None:
    with pytest.raises(UsageError):
        from_haystack(filters)


@pytest.mark.parametrize("word", ["and", "or", "not"])
def test_a_llama_index_filter_with_an_empty_part_is_refused(word: str) -> None:
    types = pytest.importorskip("llama_index.core.vector_stores.types")
    image = types.MetadataFilter(key="modality", value="image")
    empty = types.MetadataFilters(filters=[], condition=word)
    assert from_llama_index(types.MetadataFilters(filters=[])) is None
    assert from_llama_index(types.MetadataFilters(filters=[image], condition=word)) is not None
    for parts in ([empty], [image, empty]):
        with pytest.raises(UsageError, match="no conditions"):
            from_llama_index(types.MetadataFilters(filters=parts, condition="or"))
    if word == "not":
        with pytest.raises(UsageError, match="no conditions"):
            from_llama_index(empty)


def test_scores_fall_along_the_list(media: Path) -> None:
    pytest.importorskip("llama_index.core")
    pytest.importorskip("haystack")
    from anyseek.adapters.haystack import AnyseekRetriever as Haystack
    from anyseek.adapters.llama_index import AnyseekRetriever as LlamaIndex

    for scores in (
        [one.score for one in LlamaIndex(str(media), k=9).retrieve("red green")],
        [one.score for one in Haystack(str(media), k=9).run("red green")["documents"]],
    ):
        assert len(scores) == 9
        assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]


def test_no_filter_is_none() -> None:
    assert from_haystack(None) is None
    assert from_haystack({}) is None
    assert passes({"who": "Ann"}, {})
