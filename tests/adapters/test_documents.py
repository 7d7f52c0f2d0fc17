"""Texts that a program hands over: each is found as the text that it is, and writers wait for one another."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from anyseek.adapters import documents, notes
from anyseek.catalog.locking import WriterLock
from anyseek.errors import IndexLocked, UsageError
from anyseek.workspace import INDEX_NAME

pytest.importorskip("langchain_core")

from anyseek.adapters.langchain import AnyseekRetriever, AnyseekVectorStore

ODD_TEXTS = [
    "photo.jpg",
    "http://x.test/y.png",
    "/etc/passwd",
    "data:image/png;base64,iVBORw0KGgo=",
    "dog.jpg@0.5",
    '"quoted words"',
    "GIF89a is the head of a format",
    "OggS",
    "fLaC and RIFF",
    "ID3 tags",
    "PAR1",
    "FLV\x01 a control character",
    "\x01\x02\x03 words between controls \x7f",
    "a\0b\0c\0d\0",
    "\x89PNG\r\n\x1a\n",
    "\ufeffmarked",
    "accx,accy,accz,gyrx,gyry,gyrz\n1,2,3,4,5,6\n",
    "<!doctype html><html><body>a page</body></html>",
    '{"json": [1, 2]}',
    "first\r\nsecond\rthird\n",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    made = AnyseekVectorStore(tmp_path / "notes", model="words")
    yield made
    made.close()


def test_whatever_a_text_looks_like_it_is_kept_and_found_as_a_text(store: Any, tmp_path: Path) -> None:
    ids = store.add_texts(ODD_TEXTS)
    documents_there = store.similarity_search("words", k=len(ids) + 5)
    assert {one.id: one.page_content for one in documents_there} == dict(zip(ids, ODD_TEXTS, strict=True))
    retrieved = AnyseekRetriever(index=str(tmp_path / "notes"), k=50).invoke("words")
    assert {one.metadata["modality"] for one in retrieved} == {"text"}
    assert {Path(one.metadata["path"]).stem for one in retrieved} == set(ids)


def lay(store: Any, folder: Path, name: str | bytes, data: bytes) -> None:
    """A file of another program, with what notes it may have, indexed."""
    Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name)))).write_bytes(data)
    store._index.add()


LATIN = "ein roter K\u00e4fer f\u00fcr \u00c4nne, red"


def searched(store: Any, **options: Any) -> dict[str, str]:
    return {one.id: one.page_content for one in store.similarity_search("red", k=9, **options)}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "data", "one", "text"),
    [
        ("report(1).txt", b"a red draft", "report(1)", "a red draft"),
        ("a%2Fb.txt", b"red", "a/b", "red"),
        ("latin.txt", LATIN.encode("latin-1"), "latin", LATIN),
        ("wide.txt", "red wide".encode("utf-16"), "wide", "red wide"),
        (b"caf\xe9.txt", b"red", "caf\\udce9", "red"),
    ],
)
def test_a_text_that_somebody_else_put_there_is_a_document(
    store: Any, tmp_path: Path, name: str | bytes, data: bytes, one: str, text: str
) -> None:
    folder = tmp_path / "notes"
    store.add_texts(["red"], [{"who": "Ann"}], ids=["ours"])
    lay(store, folder, name, data)
    assert searched(store) == {"ours": "red", one: text}
    assert searched(store, filter={"who": "Ann"}) == {"ours": "red"}
    assert searched(store, filter=lambda document: document.id == one) == {one: text}
    if "\\" not in one:  # no program can say such a name
        assert [document.page_content for document in store.get_by_ids([one])] == [text]
        store.delete([one])
        assert list(searched(store)) == ["ours"]
        lay(store, folder, name, data)
    (folder / "a folder.txt").mkdir()
    (folder / ".mine.txt").write_text("red")
    store.delete()
    assert searched(store) == {}
    assert [path.name for path in sorted(folder.glob("*.txt"))] == [".mine.txt", "a folder.txt"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "damaged",
    [
        '{"id": "o',
        "{}",
        "[]",
        '{"id": 3, "metadata": {}}',
        '{"id": "another", "metadata": {"who": "Bob"}}',
        '{"id": "ours", "metadata": 5, "text": 5}',
        "[" * 100_000,
    ],
)
def test_a_document_with_damaged_notes_is_still_there(store: Any, tmp_path: Path, damaged: str) -> None:
    store.add_texts(["red", "red red"], [{"who": "Ann"}] * 2, ids=["ours", "whole"])
    (tmp_path / "notes/.ours.json").write_text(damaged)
    assert searched(store) == {"ours": "red", "whole": "red red"}
    assert searched(store, filter={"who": "Ann"}) == {"whole": "red red"}
    (document,) = store.get_by_ids(["ours"])
    assert (document.id, document.metadata) == ("ours", {})


def test_documents_that_are_gone_meanwhile_are_left_out(store: Any, tmp_path: Path) -> None:
    """Deleted by another program; and replaced by a link, a pipe or a folder, none of which is read."""
    folder = tmp_path / "notes"
    (tmp_path / "secret.txt").write_text("red secret")
    ids = store.add_texts(["red"] * 5, [{"n": 1}] * 5, ids=["deleted", "link", "pipe", "folder", "stays"])
    for one in ids[:4]:
        (folder / f"{one}.txt").unlink()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(folder / "pipe.txt")
    (folder / "folder.txt").mkdir()
    assert searched(store) == searched(store, filter={"n": 1}) == {"stays": "red"}
    assert [document.id for document in store.get_by_ids(ids)] == ["stays"]


def test_a_filter_reads_each_document_once(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add_texts(["red"] * 20, [{"n": i} for i in range(20)])
    opened: list[str] = []
    open_file = notes.open_file

    def counted(file: Any) -> int:
        opened.append(os.fspath(file))
        return open_file(file)

    monkeypatch.setattr(notes, "open_file", counted)
    assert len(store.similarity_search("red", filter={"n": 5})) == 1
    assert len(opened) == 2 * 20 + 2  # each text and its notes; and once more those of the answer


@pytest.mark.parametrize("asked", ["photo.jpg", "http://x.test/y.png", "/etc/passwd", "./dog.jpg@0.5"])
def test_a_query_that_looks_like_a_path_is_words_for_every_ecosystem(
    store: Any, tmp_path: Path, asked: str
) -> None:
    (one,) = store.add_texts([asked])
    index = str(tmp_path / "notes")
    assert [document.id for document in store.similarity_search(asked)] == [one]
    (document,) = AnyseekRetriever(index=index).invoke(asked)
    assert document.page_content == asked

    pytest.importorskip("llama_index.core")
    from anyseek.adapters import llama_index

    (scored,) = llama_index.AnyseekRetriever(index).retrieve(asked)
    assert scored.node.get_content() == asked

    pytest.importorskip("haystack")
    from anyseek.adapters import haystack

    (of_haystack,) = haystack.AnyseekRetriever(index).run(query=asked)["documents"]
    assert of_haystack.content == asked


def test_a_file_that_a_person_changed_is_the_document(store: Any, tmp_path: Path) -> None:
    (one,) = store.add_texts(["OggS"])
    (tmp_path / "notes" / f"{one}.txt").write_text("changed by hand")
    assert store.get_by_ids([one])[0].page_content == "changed by hand"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"texts": ["fine", "\ud800"]}, "surrogate"),
        ({"texts": ["fine", 3]}, "is not a text"),
        ({"texts": ["fine"], "ids": ["\udfff"]}, "surrogate"),
        ({"texts": ["fine", "too"], "ids": ["one"]}, "2 texts have 1 ids"),
        ({"texts": ["fine", "too"], "metadatas": [{}]}, "2 texts have 1 metadatas"),
        ({"texts": ["fine", "too"], "metadatas": [{}, {"when": object()}]}, "cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_written(
    store: Any, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        store.add_texts(**given)
    assert not list((tmp_path / "notes").glob("*.txt"))


@pytest.mark.thorough
def test_threads_and_stores_that_write_at_once_wait_for_one_another(tmp_path: Path) -> None:
    together = threading.Barrier(6)
    folder = tmp_path / "notes"

    def write(number: int, shared: Any) -> None:
        together.wait()
        own = shared if number % 2 else AnyseekVectorStore(folder, model="words")
        own.add_texts([f"words {number}", "photo.jpg"], ids=[f"a{number}", f"b{number}"])
        own.delete([f"b{number}"])
        if own is not shared:
            own.close()

    shared = AnyseekVectorStore(folder, model="words")
    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(write, number, shared) for number in range(6)]:
            done.result()
    there = {one.id for one in shared.similarity_search("words", k=50)}
    shared.close()
    assert there == {f"a{number}" for number in range(6)}


def test_stores_that_are_made_at_once_share_one_index(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def make() -> Any:
        together.wait()
        return AnyseekVectorStore(tmp_path / "notes", model="words")

    with ThreadPoolExecutor(4) as threads:
        stores = [one.result() for one in [threads.submit(make) for _ in range(4)]]
    (one,) = stores[0].add_texts(["words"])
    assert [[each.id for each in store.similarity_search("words")] for store in stores] == [[one]] * 4
    for store in stores:
        store.close()


def test_another_writer_is_waited_for_but_not_for_ever(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = WriterLock(tmp_path / "notes" / INDEX_NAME, "another")
    lock.__enter__()
    pauses: list[float] = []

    def until_it_is_done(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            lock.__exit__(None, None, None)

    monkeypatch.setattr(documents, "_pause", until_it_is_done)
    (one,) = store.add_texts(["waited for"])
    assert [document.id for document in store.similarity_search("waited")] == [one]
    assert len(pauses) == 3
    monkeypatch.setattr(documents, "WAIT_SECONDS", 0.0)
    with WriterLock(tmp_path / "notes" / INDEX_NAME, "another"), pytest.raises(IndexLocked, match="another"):
        store.add_texts(["too late"])
