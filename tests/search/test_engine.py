"""Ranking and folding over a real catalog and the exact store, beside a plain loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import WordEmbedder

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Modality, SeenFile, Span, Unit
from anyseek.options import SearchOptions
from anyseek.search.embedding import EmbeddedQuery
from anyseek.search.engine import Engine
from anyseek.stores.exact import ExactStore

MODEL = WordEmbedder()
TEXTS = {
    "notes/red.txt": ["red"],
    "notes/long.txt": ["red red red green", "red red green", "red green", "blue"],
    "notes/blue.txt": ["blue", "blue blue blue blue green"],
    "other/green.txt": ["green"],
    "other/mixed.txt": ["red green blue", "red red blue blue blue"],
}


@pytest.fixture
def snapshot(tmp_path: Path) -> Iterator[Snapshot]:
    with Catalog.create(tmp_path / ".anyseek", [tmp_path]) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(MODEL.card)
            for number, (path, passages) in enumerate(TEXTS.items()):
                seen = SeenFile(0, path, 1, 1, number)
                file_id = writer.put_file(seen, path.encode(), Modality.TEXT)
                spans = [(Span(i, i + 1, Unit.CHARACTERS), text) for i, text in enumerate(passages)]
                vectors = MODEL.embed(Modality.TEXT, passages)
                writer.add_segments(file_id, space, Modality.TEXT, spans, vectors)
            file_id = writer.put_file(SeenFile(0, "red.png", 1, 1, 99), b"png", Modality.IMAGE)
            vectors = MODEL.embed(Modality.IMAGE, [np.array([1, 0, 0])])
            writer.add_segments(file_id, space, Modality.IMAGE, [(Span(), "")], vectors)
        with catalog.read() as opened:
            yield opened


class CountingStore:
    """The exact store, and what it was asked for."""

    def __init__(self, store: ExactStore) -> None:
        self.store = store
        self.asked: list[int] = []

    def search(self, queries, k, allow=None):  # type: ignore[no-untyped-def]
        self.asked.append(k)
        return self.store.search(queries, k, allow)

    def close(self) -> None:
        self.store.close()


def embedded(words: str, except_file: int | None = None) -> EmbeddedQuery:
    vector = MODEL.embed(Modality.TEXT, [words])[0]
    return EmbeddedQuery(dict.fromkeys(Modality, vector), words, except_file=except_file)


def find(snapshot: Snapshot, query: EmbeddedQuery, options: SearchOptions) -> list[tuple[int, str, str]]:
    """(rank, file, passage) of each hit."""
    space = snapshot.spaces()[0]
    with ExactStore(snapshot, space.space_id) as store:
        hits, *_ = Engine(snapshot, space, store).find(query, TEXT, options)
    return [(hit.rank, Path(hit.path).name, hit.excerpt) for hit in hits]


def plain(words: str, *, by_segment: bool, folder: str = "") -> list[tuple[int, str, str]]:
    """The same by a loop over TEXTS."""
    query = MODEL.embed(Modality.TEXT, [words])[0]
    scored = [
        (-float(MODEL.embed(Modality.TEXT, [text])[0] @ query), order, path, text)
        for order, (path, text) in enumerate((p, t) for p, texts in TEXTS.items() for t in texts)
        if path.startswith(folder)
    ]
    out: list[tuple[str, str]] = []
    for _, _, path, text in sorted(scored):
        if by_segment or path not in [known for known, _ in out]:
            out.append((path, text))
    return [(rank, Path(path).name, text) for rank, (path, text) in enumerate(out, 1)]


TEXT = (Modality.TEXT,)


@pytest.mark.parametrize("words", ["red", "green", "blue", "red green", "red red red green"])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 50])
@pytest.mark.parametrize("by_segment", [False, True])
def test_hits_equal_those_of_a_plain_loop(snapshot: Snapshot, words: str, k: int, by_segment: bool) -> None:
    found = find(snapshot, embedded(words), SearchOptions(k=k, segments=by_segment))
    assert found == plain(words, by_segment=by_segment)[:k]


def test_the_best_segment_stands_for_its_file(snapshot: Snapshot) -> None:
    found = find(snapshot, embedded("red red red green"), SearchOptions(k=3))
    assert found[0] == (1, "long.txt", "red red red green")
    assert [name for _, name, _ in found].count("long.txt") == 1


def test_k_files_come_though_one_file_owns_the_first_rows(tmp_path: Path) -> None:
    """A long recording matches best a hundred times; four others still make five hits."""
    with Catalog.create(tmp_path / ".anyseek", [tmp_path]) as catalog:
        with catalog.begin() as writer:
            space_id = writer.ensure_space(MODEL.card)
            for name, texts in [("long", ["red"] * 100), *((f"f{i}", ["red green"]) for i in range(4))]:
                file_id = writer.put_file(SeenFile(0, name, 1, 1, 1), name.encode(), Modality.TEXT)
                spans = [(Span(i, i + 1, Unit.SECONDS), "") for i in range(len(texts))]
                writer.add_segments(
                    file_id, space_id, Modality.TEXT, spans, MODEL.embed(Modality.TEXT, texts)
                )
        with catalog.read() as snapshot, ExactStore(snapshot, space_id) as exact:
            store = CountingStore(exact)
            engine = Engine(snapshot, snapshot.spaces()[0], store)
            hits, *_ = engine.find(embedded("red"), TEXT, SearchOptions(k=5))
            assert [Path(hit.path).name for hit in hits] == ["long", "f0", "f1", "f2", "f3"]
            assert store.asked == [10, 40, 104]
            hits, *_ = engine.find(embedded("red"), TEXT, SearchOptions(k=99))
            assert len(hits) == 5


def test_the_excepted_file_makes_room_for_another(snapshot: Snapshot) -> None:
    record = snapshot.file_at(0, "notes/red.txt")
    assert record is not None
    assert find(snapshot, embedded("red", record.file_id), SearchOptions(k=4)) == [
        (rank, name, text)
        for rank, (_, name, text) in enumerate(
            [hit for hit in plain("red", by_segment=False) if hit[1] != "red.txt"], 1
        )
    ]


def test_only_what_lies_below_the_folder_answers(snapshot: Snapshot, tmp_path: Path) -> None:
    found = find(snapshot, embedded("red"), SearchOptions(k=9, in_=str(tmp_path / "other")))
    assert found == plain("red", by_segment=False, folder="other/")


def test_every_target_has_ranks_of_its_own_in_the_order_asked_for(snapshot: Snapshot) -> None:
    targets = (Modality.IMAGE, Modality.AUDIO, Modality.TEXT)
    space = snapshot.spaces()[0]
    with ExactStore(snapshot, space.space_id) as store:
        hits, missing, _ = Engine(snapshot, space, store).find(embedded("red"), targets, SearchOptions(k=2))
    assert [(hit.modality, hit.rank, Path(hit.path).name) for hit in hits] == [
        (Modality.IMAGE, 1, "red.png"),
        (Modality.TEXT, 1, "red.txt"),
        (Modality.TEXT, 2, "long.txt"),
    ]
    assert missing == (Modality.AUDIO,)
    first = hits[0]
    assert (first.path, first.model) == (str(Path(snapshot.roots()[0]) / "red.png"), "words")
    assert first.score == pytest.approx(1, abs=1e-3)


def test_each_target_is_searched_with_its_own_vector(snapshot: Snapshot) -> None:
    space = snapshot.spaces()[0]
    red, blue = MODEL.embed(Modality.TEXT, ["red", "blue"])
    with ExactStore(snapshot, space.space_id) as store:
        query = EmbeddedQuery({Modality.IMAGE: red, Modality.TEXT: blue}, "")
        targets = (Modality.TEXT, Modality.IMAGE)
        hits, *_ = Engine(snapshot, space, store).find(query, targets, SearchOptions(k=1))
    assert [(hit.modality, hit.excerpt) for hit in hits] == [
        (Modality.TEXT, "blue"),
        (Modality.IMAGE, ""),
    ]
    assert hits[1].score == pytest.approx(1, abs=1e-3)


def test_a_damaged_vector_is_no_hit_and_its_place_is_taken(snapshot: Snapshot) -> None:
    """It would be the best one; k hits come back all the same."""
    (best, *_) = find(snapshot, embedded("red"), SearchOptions(k=1))
    path = snapshot.folder / "vectors/1.0.f16"
    stored = np.fromfile(path, np.uint16)
    row = next(
        i
        for i, passages in enumerate([text for texts in TEXTS.values() for text in texts])
        if passages == "red"
    )
    stored.reshape(-1, MODEL.card.dim)[row, 0] ^= 1  # the last bit of the first number: it ranks as before
    with path.open("r+b") as file:  # the very file, which is mapped
        file.write(stored.tobytes())
    hits = find(snapshot, embedded("red"), SearchOptions(k=3))
    assert len(hits) == 3
    assert best[1:] not in [hit[1:] for hit in hits]
