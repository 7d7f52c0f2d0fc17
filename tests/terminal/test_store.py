"""Choosing what answers: the same hits from every store, told and refused in sentences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import WordEmbedder
from ran import Ran, objects

import anyseek

Run = Callable[..., Ran]


def found(here: Run, media: Path) -> list[str]:
    ran = here("search", "green", "--to", "image,audio", "-k", "2", "--paths", cwd=media)
    assert (ran.code, ran.err) == (0, "")
    return ran.out.split()


def test_every_store_gives_the_same_hits(media: Path, here: Run) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("qdrant_edge")
    before = found(here, media)
    for name, told in (
        ("faiss", "faiss ivf"),
        ("qdrant", "qdrant (embedded)"),
        ("exact", "exact"),
        ("auto", "exact"),
    ):
        ran = here("store", "set", name, cwd=media)
        assert ran.code == 0, ran.err
        assert ran.out.startswith(f"{told}, 15 of 15 vectors")
        assert here("store", "show", cwd=media).out == ran.out
        assert found(here, media) == before
    assert sorted(path.name for path in (media / ".anyseek/faiss").iterdir()) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["faiss", "qdrant"])
def test_a_store_that_is_damaged_costs_a_remark_and_index_repairs_it(
    media: Path, here: Run, name: str
) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("qdrant_edge")
    assert here("store", "set", name, cwd=media).code == 0
    before = found(here, media)
    for path in (media / ".anyseek" / name).rglob("*"):
        if path.is_file():
            path.write_bytes(b"no")
    search = ("search", "green", "--to", "image,audio", "-k", "2")
    remark = (
        f"The store {name} has no usable files for this index. The search was exact instead. "
        "To build it again: anyseek index"
    )
    ran = here(*search, "--paths", cwd=media)
    assert (ran.code, ran.out.split(), ran.err) == (0, before, f"{remark}\n")
    ran = here(*search, "--json", cwd=media)
    assert ran.code == 0
    assert objects(ran.err)[1:] == [{"type": "remark", "message": remark}]
    ran = here("doctor", cwd=media)
    assert ran.code == 14
    assert ran.out.startswith("store-damaged: ")
    assert "build it again, as `anyseek index` does" in ran.out
    ran = here("index", cwd=media)
    assert (ran.code, ran.err) == (0, "")
    assert found(here, media) == before
    assert here("doctor", cwd=media).out == "The index is healthy.\n"


def test_a_server_that_is_gone_stops_neither_search_nor_index(media: Path, here: Run) -> None:
    pytest.importorskip("qdrant_client")
    before = found(here, media)
    with anyseek.open(media, model=WordEmbedder()) as index, index._catalog.begin() as writer:
        writer.set_setting("store", {"name": "qdrant", "qdrant": {"url": "http://127.0.0.1:9"}})
    (media / "notes/red.txt").write_text("now it is blue")
    ran = here("index", "--json", cwd=media)
    assert ran.code == 0
    (report,) = (one for one in objects(ran.out) if one["type"] == "report")
    (remark,) = report["remarks"]
    assert objects(ran.err) == [{"type": "remark", "message": remark}]
    assert remark.startswith("Qdrant at http://127.0.0.1:9 does not answer")
    ran = here("search", "green", "--to", "image,audio", "-k", "2", "--paths", cwd=media)
    assert (ran.code, ran.out.split()) == (0, before)
    assert "The search was exact instead." in ran.err
    assert here("store", "refresh", cwd=media).code == 30
    ran = here("doctor", cwd=media)
    assert ran.code == 14
    assert ran.out.startswith("store-damaged: The store qdrant has no usable files for this index.")


def test_the_state_is_an_object_and_part_of_the_status(media: Path, here: Run) -> None:
    pytest.importorskip("faiss")
    here("store", "set", "faiss", "--recall", "0.9", cwd=media)
    (state,) = objects(here("store", "show", "--json", cwd=media).out)
    assert (state["type"], state["name"], state["promised"]) == ("store", "faiss ivf", 0.9)
    assert "Store     faiss ivf, 15 of 15 vectors" in here("status", cwd=media).out
    (status,) = objects(here("status", "--json", cwd=media).out)
    assert status["store"]["name"] == "faiss ivf"


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["set", "chroma"], 2, "There is no store 'chroma'."),
        (["set", "faiss", "--kind", "lsh"], 2, "kind cannot be 'lsh'."),
        (["set", "faiss", "--recall", "2"], 2, "recall takes a number from 0.5 to 1, not 2"),
        (["set", "exact", "--kind", "ivf"], 2, "The store exact has no --kind."),
        (["set", "faiss", "--write-consistency", "2"], 2, "The store faiss has no --write-consistency."),
        (["set", "faiss", "--option", "m=16"], 2, "The store faiss has no option m."),
        (["set", "faiss", "--option", "recall"], 2, "--option 'recall' has no value."),
        (["set", "qdrant", "--option", "ef=wide"], 2, "ef takes a whole number of at least 1, not 'wide'."),
        (["set", "qdrant", "--url", "http://127.0.0.1:9"], 30, "Qdrant"),
    ],
)
def test_what_cannot_be_chosen_is_told_and_the_old_store_stays(
    media: Path, here: Run, options: list[str], code: int, told: str
) -> None:
    before = found(here, media)
    ran = here("store", *options, cwd=media)
    assert ran.code == code
    assert told in ran.err
    assert found(here, media) == before
    assert here("store", "show", cwd=media).out.startswith("exact")


def test_compacting_gives_back_the_room_of_deleted_files(media: Path, here: Run) -> None:
    (media / "notes/red.txt").unlink()
    here("index", media)
    before = found(here, media)
    assert here("compact", cwd=media).out == "64 bytes freed.\n"
    assert here("compact", cwd=media).out == "0 bytes freed.\n"
    assert found(here, media) == before
    assert here("doctor", cwd=media).out == "The index is healthy.\n"
