"""What programs of other ecosystems get: the same hits, with their words and places."""

from __future__ import annotations

from pathlib import Path

import pytest

import anyseek
from anyseek.errors import IndexNotFound, UsageError


def expected(media: Path, k: int) -> list[str]:
    with anyseek.open(media) as index:
        return [hit.path for hit in index.search("red", k=k, merge=True)]


def test_langchain_retrieves_what_a_search_finds(media: Path) -> None:
    pytest.importorskip("langchain_core")
    from anyseek.adapters.langchain import AnyseekRetriever

    found = AnyseekRetriever(index=str(media), k=5).invoke("red")
    assert [one.metadata["path"] for one in found] == expected(media, 5)
    (text,) = AnyseekRetriever(index=str(media / ".anyseek"), k=1, to="text").invoke("red")
    assert text.page_content == Path(text.metadata["path"]).read_text().strip()
    (picture,) = AnyseekRetriever(index=str(media), k=1, to="image").invoke("red")
    assert picture.page_content == "image: " + Path(picture.metadata["path"]).name


def test_llama_index_gets_files_of_pictures_as_pictures(media: Path) -> None:
    pytest.importorskip("llama_index.core")
    from llama_index.core.schema import ImageNode, TextNode

    from anyseek.adapters.llama_index import AnyseekRetriever

    found = AnyseekRetriever(str(media), k=5).retrieve("red")
    assert [one.node.metadata["path"] for one in found] == expected(media, 5)
    kinds = {Path(one.node.metadata["path"]).suffix: type(one.node) for one in found}
    assert {".png": ImageNode, ".npy": TextNode}.items() <= kinds.items()
    assert {kind for suffix, kind in kinds.items() if suffix != ".png"} == {TextNode}


def test_haystack_runs_it_in_a_pipeline_that_can_be_saved(media: Path) -> None:
    pytest.importorskip("haystack")
    from haystack import Pipeline

    from anyseek.adapters.haystack import AnyseekRetriever

    pipeline = Pipeline()
    pipeline.add_component("find", AnyseekRetriever(str(media), k=5))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["anyseek.adapters.haystack"])
    found = again.run({"find": {"query": "red"}})["find"]["documents"]
    assert [one.meta["path"] for one in found] == expected(media, 5)
    fewer = again.run({"find": {"query": "red", "k": 1, "where": "modality = image"}})["find"]["documents"]
    assert [one.meta["modality"] for one in fewer] == ["image"]


def test_a_store_keeps_odd_ids_metadata_and_files_that_lay_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("langchain_core")
    from langchain_core.documents import Document

    from anyseek.adapters.langchain import AnyseekVectorStore

    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "mine.txt").write_text("blue blue blue")
    store = AnyseekVectorStore(folder, model="words")
    odd = ["../up", ".hidden", "a/b", "é ü", "x" * 60]
    store.add_documents([Document(id=one, page_content=f"red {one}", metadata={"n": one}) for one in odd])
    assert [one.id for one in store.get_by_ids(odd)] == odd
    assert {path.parent for path in tmp_path.rglob("*.txt")} == {folder, folder / "deep"}
    (best,) = store.similarity_search("blue", k=1)
    assert (best.id, best.page_content) == ("deep/mine.txt", "blue blue blue")
    with pytest.raises(UsageError, match="too long"):
        store.add_texts(["one"], ids=["x" * 300])
    synced: list[Path] = []
    monkeypatch.setattr("anyseek.atomic.sync_folder", synced.append)
    store.add_texts(["one"], ids=["unsynced"])
    assert folder not in synced
    store.delete()
    assert [path.name for path in folder.rglob("*.txt")] == ["mine.txt"]
    store.close()
    again = AnyseekVectorStore(folder, model="words")
    assert len(again.similarity_search("blue", k=5)) == 1
    again.close()


def test_what_is_not_there_is_told_in_our_own_words(tmp_path: Path) -> None:
    pytest.importorskip("langchain_core")
    from anyseek.adapters.langchain import AnyseekRetriever, AnyseekVectorStore

    with pytest.raises(IndexNotFound):
        AnyseekRetriever(index=str(tmp_path)).invoke("red")
    with pytest.raises(UsageError, match="folder"):
        AnyseekVectorStore.from_texts(["one"])
