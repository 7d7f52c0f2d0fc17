"""Every modality finds every other, through `import anyseek` and real files."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder
from PIL import Image

import anyseek
from anyseek.contracts import Modality, Unit
from anyseek.errors import ModalityNotSupported, NoSuchSegment, QueryFileError, UsageError
from anyseek.options import SearchOptions
from anyseek.search.query import Query, QueryPart

FILES = {
    "text": "notes/{}.txt",
    "image": "pictures/{}.png",
    "audio": "sounds/{}.wav",
    "depth": "rooms/{}.npy",
}


@pytest.fixture(scope="module")
def index(made: Path) -> Iterator[anyseek.Index]:
    with anyseek.open(made, model=WordEmbedder()) as opened:
        yield opened


def names(results: anyseek.Results) -> list[str]:
    return [Path(hit.path).name for hit in results]


@pytest.mark.parametrize("colour", sample_files.COLOURS)
@pytest.mark.parametrize("target", FILES)
@pytest.mark.parametrize("source", [*FILES, "words"])
def test_any_modality_finds_any_other(
    index: anyseek.Index, made: Path, source: str, target: str, colour: str
) -> None:
    query: dict[str, Any] = {"words": colour}
    if source != "words":
        query = {source: made / FILES[source].format(colour)}
    results = index.search(**query, to=target, k=2)
    first = results[0]
    assert first.path == str(made / FILES[target].format(colour))
    assert (first.rank, first.modality, first.model) == (1, target, "words")
    assert first.score > 0.99 > results[1].score


def test_all_modalities_come_in_groups_with_their_own_ranks(index: anyseek.Index) -> None:
    results = index.search("green", k=2)
    assert [(hit.modality, hit.rank) for hit in results] == [
        (modality, rank) for modality in ("text", "image", "audio", "depth") for rank in (1, 2)
    ]
    groups = results.by_modality()
    assert [Path(hits[0].path).stem for hits in groups.values()] == ["green"] * 4
    assert results.query == '"green"'
    assert len(results) == 8
    assert results[:2] == groups[Modality.TEXT]
    assert (results.missing, results.available) == ((), ())


def test_the_order_of_the_targets_is_the_order_asked_for(index: anyseek.Index) -> None:
    results = index.search("green", to=["depth", Modality.TEXT], k=1)
    assert [hit.modality for hit in results] == ["depth", "text"]


def test_segments_of_a_file_fold_to_its_best_one(index: anyseek.Index) -> None:
    folded = index.search("green", to="audio", k=3)
    assert names(folded)[:2] == ["green.wav", "tour.wav"]
    tour = folded[1]
    assert (tour.span.start, tour.span.end, tour.span.unit) == (10, 20, Unit.SECONDS)
    single = index.search("green", to="audio", k=3, segments=True)
    assert names(single) == ["green.wav", "tour.wav", "tour.wav"]
    assert [hit.span.start for hit in single[1:]] == [10, 20]


def test_parts_are_added_and_subtracted(index: anyseek.Index, made: Path) -> None:
    red = made / "pictures/red.png"
    assert names(index.search(image=red, to="image", k=1)) == ["red.png"]
    assert names(index.search("green", image=(red, 0.5), to="image", k=2)) == ["green.png", "red.png"]
    mixed = index.search("green green red", not_="green", to="image", k=1)
    assert names(mixed) == ["red.png"] or mixed.query == '"green green red" - "green"'
    weighed = index.search(["red", ("blue", 3.0)], to="depth", k=2)
    assert names(weighed) == ["blue.npy", "red.npy"]
    assert weighed.query == '"red" + 3 x "blue"'


def test_pictures_and_arrays_in_memory(index: anyseek.Index, made: Path) -> None:
    with Image.open(made / "pictures/blue.png") as picture:
        picture.load()
    for value in (picture, np.asarray(picture)):
        assert names(index.search(image=value, to="audio", k=1)) == ["blue.wav"]
    tone = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    assert names(index.search(audio=(tone, 16_000), to="image", k=1)) == ["red.png"]
    assert names(index.search(depth=np.full((3, 3), 4.0), to="text", k=1)) == ["green.txt"]


def test_only_what_lies_below_a_folder(
    index: anyseek.Index, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    results = index.search("red", in_="sounds", k=9)
    assert {hit.modality for hit in results} == {"audio"}
    assert len(results) == 4
    assert len(index.search("red", in_=made.parent, k=9)) == len(index.search("red", k=9)) == 13
    empty = index.search("red", in_="sounds", to="image")
    assert (len(empty), empty.missing) == (0, ("image",))
    assert set(empty.available) == {"text", "image", "audio", "depth"}


def test_a_folder_that_does_not_exist_is_refused_and_one_that_is_gone_is_searched(
    index: anyseek.Index, made: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"There is no folder .*nowhere\."):
        index.search("red", in_=made / "nowhere", to="image")
    sounds = made / "sounds"
    sounds.rename(tmp_path / "unplugged")
    try:
        assert len(index.search("red", in_=sounds, k=9)) == 4
        assert index.search("red", in_=sounds, to="image").missing == ("image",)
    finally:
        (tmp_path / "unplugged").rename(sounds)


def test_a_folder_outside_the_index_and_a_file_are_refused(
    index: anyseek.Index, made: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        index.search("red", in_=tmp_path)
    assert str(made) in caught.value.hint
    with pytest.raises(UsageError, match=r"red\.png is a file"):
        index.search("red", in_=made / "pictures/red.png")


def test_similar_uses_the_stored_vector_and_never_shows_the_file_itself(
    index: anyseek.Index, made: Path
) -> None:
    model = WordEmbedder()
    with anyseek.open(made, model=model) as opened:
        results = opened.similar(made / "pictures/red.png", k=2)
        assert not model.embedded
    assert [Path(hits[0].path).name for hits in results.by_modality().values()] == [
        "red.txt",
        results.by_modality()[Modality.IMAGE][0].path.rpartition("/")[2],
        "red.wav",
        "red.npy",
    ]
    assert str(made / "pictures/red.png") not in [hit.path for hit in results]
    assert names(index.similar(made / "sounds/tour.wav", to="image", k=1)) == ["green.png"]


def test_similar_to_a_file_that_is_not_indexed(index: anyseek.Index, made: Path, tmp_path: Path) -> None:
    other = sample_files.picture(tmp_path / "other.png", "red")
    with pytest.raises(QueryFileError, match=r"other\.png is not in the index"):
        index.similar(other)
    with pytest.raises(QueryFileError, match="no file"):
        index.similar(made / "nowhere.png")


def test_embed_gives_the_vector_that_search_uses(index: anyseek.Index, made: Path) -> None:
    vector = index.embed("red")
    assert (vector.shape, vector.dtype) == ((32,), np.float32)
    assert np.linalg.norm(vector) == pytest.approx(1)
    np.testing.assert_allclose(vector, WordEmbedder().embed(Modality.TEXT, ["red"])[0], atol=1e-6)
    both = index.embed("red", image=made / "pictures/blue.png")
    assert both[0] == pytest.approx(both[2], rel=1e-2)


def test_results_and_hits_are_frozen(index: anyseek.Index) -> None:
    results = index.search("red", k=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        results[0].score = 1.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        results.hits = ()  # type: ignore[misc]


@pytest.mark.parametrize("target", ["video", "thermal", "image,imu"])
def test_a_target_that_the_model_lacks(index: anyseek.Index, target: str) -> None:
    with pytest.raises(ModalityNotSupported) as caught:
        index.search("red", to=target)
    assert "text, image, audio, depth" in caught.value.hint


@pytest.mark.parametrize(
    "query",
    [
        {"words": ""},
        {},
        {"words": "red", "k": 0},
        {"words": "red", "to": "smell"},
        {"image": 5},
        {"words": "red", "options": {"k": 3}},
    ],
    ids=lambda query: ",".join(query),
)
def test_wrong_calls(index: anyseek.Index, query: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        index.search(**query)


@pytest.mark.parametrize("where", ["folder = '/\0'", "folder in ('/\0', 'x\0')", "folder = '\0'"])
def test_a_folder_that_cannot_be_holds_nothing(index: anyseek.Index, where: str) -> None:
    assert not index.search("red", where=where).hits
    assert names(index.search("red", where=f"not {where}")) == names(index.search("red"))


def test_an_answer_takes_a_query_and_options(index: anyseek.Index) -> None:
    query = Query.of([QueryPart("words", "red", Modality.TEXT)])
    assert names(index.answer(query, SearchOptions())) == names(index.search("red"))
    for wrong in ((query, {"k": 3}), (query, None), ("red", SearchOptions())):
        with pytest.raises(UsageError):
            index.answer(*wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["\0", "\ud800", 3, b"x"])
def test_what_is_not_a_path_is_refused(index: anyseek.Index, path: Any) -> None:
    for ask in (index.similar, index.modality_of):
        with pytest.raises(UsageError):
            ask(path)


def test_a_number_that_cannot_be_written_is_no_segment(index: anyseek.Index) -> None:
    with pytest.raises(NoSuchSegment, match="too long to show"):
        index.search(like=10**5000)


@pytest.mark.parametrize("number", [0, 2**63 - 1, 2**63, -(2**63) - 1, 2**70])
def test_a_number_of_no_segment(index: anyseek.Index, number: int) -> None:
    for query in ({"like": number}, {"words": "red", "unlike": number}):
        with pytest.raises(NoSuchSegment, match=str(number)):
            index.search(**query)  # type: ignore[arg-type]
    assert index.segment(number) is None
    assert index.text_of(number) == ""


def test_searches_in_several_threads_agree(index: anyseek.Index) -> None:
    from concurrent.futures import ThreadPoolExecutor

    expected = {colour: names(index.search(colour)) for colour in sample_files.COLOURS}
    asked = list(sample_files.COLOURS) * 10
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda colour: names(index.search(colour)), asked))
    assert found == [expected[colour] for colour in asked]


@pytest.mark.thorough
@pytest.mark.own_process
def test_fifty_indexes_leave_no_descriptor_behind(made: Path) -> None:
    def n_open() -> int:
        return len(os.listdir("/proc/self/fd"))

    with anyseek.open(made, model=WordEmbedder()) as index:
        index.search("red")
    before = n_open()
    for _ in range(50):
        with anyseek.open(made, model=WordEmbedder()) as index:
            index.search("red", k=1)
    assert n_open() <= before


def test_damaged_vectors_are_remarked_on_in_the_answer_itself(media: Path) -> None:
    path = media / ".anyseek/vectors/1.0.f16"
    stored = bytearray(path.read_bytes())
    with anyseek.open(media, model=WordEmbedder()) as index:
        best = index.search("red", k=1)[0]
        with index._catalog.read() as snapshot:
            row = snapshot.row_of_segment(1, best.segment_id)
            assert row is not None
            stored[row * snapshot.spaces()[0].card.dim * 2] ^= 1
    path.write_bytes(stored)
    with anyseek.open(media, model=WordEmbedder()) as index:
        results = index.search("red", k=1)
        assert best.path not in [hit.path for hit in results]
        assert "Hits whose vectors are damaged were left out. Run `anyseek doctor --repair`" in " ".join(
            results.remarks
        )


def test_vectors_of_another_index_do_not_rank_in_silence(media: Path) -> None:
    path = media / ".anyseek/vectors/1.0.f16"
    rows = np.fromfile(path, np.float16).reshape(-1, WordEmbedder().card.dim)
    np.roll(rows, 1, axis=1).tofile(path)
    with (
        anyseek.open(media, model=WordEmbedder()) as index,
        pytest.raises(anyseek.errors.IndexDamaged, match="not those that were stored"),
    ):
        index.search("red", k=1)


def test_a_catalog_that_counts_fewer_vectors_than_it_has_is_damage(media: Path) -> None:
    connection = sqlite3.connect(media / ".anyseek/catalog.sqlite")
    connection.execute("UPDATE spaces SET rows = 3")
    connection.commit()
    connection.close()
    with anyseek.open(media, model=WordEmbedder()) as index:
        for options in ({"to": "image"}, {"by": "words"}):
            with pytest.raises(anyseek.errors.IndexDamaged):
                index.search("red", **options)
