"""Choosing what answers: the same hits from every store, told and refused in sentences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ran import Ran, objects

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
