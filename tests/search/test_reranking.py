"""The first hits are read again: their order is the reranker's, everything else keeps its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sample_files
from fakes import ImagePreparer, TextPreparer, WordEmbedder

import anyseek
from anyseek.contracts import Modality, Preparer
from anyseek.errors import UsageError
from anyseek.options import SearchOptions
from anyseek.search.query import Query, QueryPart
from anyseek.search.reranking import reranked

if TYPE_CHECKING:
    from anyseek.contracts import Floats


@dataclass
class Backwards:
    """Judges texts by how short they are, pictures by how blue; remembers what it read."""

    modalities: tuple[Modality, ...] = (Modality.TEXT, Modality.IMAGE)
    read: list[Any] = field(default_factory=list)

    def preparer(self, modality: Modality) -> Preparer:
        return TextPreparer() if modality is Modality.TEXT else ImagePreparer()

    def scores(self, words: str, modality: Modality, prepared: Sequence[Any]) -> Floats:
        self.read.append((words, modality, len(prepared)))
        if modality is Modality.TEXT:
            return np.array([-len(one) for one in prepared], np.float32)
        return np.array([one[2] for one in prepared], np.float32)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[anyseek.Index]:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


RED = Query.of([QueryPart("words", "red", Modality.TEXT)])


def test_each_modality_is_ordered_anew_and_what_it_cannot_read_stays(index: anyseek.Index) -> None:
    judge = Backwards()
    before = index.answer(RED, SearchOptions.of(k=5))
    after = reranked(index, RED, SearchOptions.of(k=5), judge)
    texts = [len(index.text_of(hit.segment_id)) for hit in after if hit.modality is Modality.TEXT]
    assert texts == sorted(texts)
    pictures = [hit for hit in after if hit.modality is Modality.IMAGE]
    assert Path(pictures[0].path).stem.startswith("blue")
    assert [hit.rank for hit in pictures] == list(range(1, len(pictures) + 1))
    sounds = [[hit.path for hit in found if hit.modality is Modality.AUDIO] for found in (before, after)]
    assert sounds[0] == sounds[1]
    assert {modality for _, modality, _ in judge.read} == {Modality.TEXT, Modality.IMAGE}


def test_more_are_read_than_are_shown(index: anyseek.Index) -> None:
    judge = Backwards()
    found = reranked(index, RED, SearchOptions.of(to="text", k=1), judge)
    assert len(found) == 1
    assert judge.read[0][2] > 1


def test_a_picture_that_is_gone_comes_after_those_that_were_read(index: anyseek.Index) -> None:
    (first,) = reranked(index, RED, SearchOptions.of(to="image", k=1), Backwards())
    Path(first.path).unlink()
    found = reranked(index, RED, SearchOptions.of(to="image", k=9), Backwards())
    assert found[len(found) - 1].path == first.path


def test_only_words_by_themselves_are_reranked_by(index: anyseek.Index) -> None:
    with pytest.raises(UsageError, match="words"):
        reranked(
            index,
            Query.of([*RED.parts, QueryPart("words", "blue", Modality.TEXT, -1)]),
            SearchOptions.of(k=5),
            Backwards(),
        )
    with pytest.raises(UsageError, match="merged"):
        reranked(index, RED, SearchOptions.of(k=5, merge=True), Backwards())


def test_what_became_a_link_is_not_read_again(index: anyseek.Index, tmp_path: Path) -> None:
    judge = Backwards()
    before = index.answer(RED, SearchOptions.of(to="image", k=9))
    (tmp_path / "outside").mkdir()
    for hit in before:
        path = Path(hit.path)
        path.rename(tmp_path / "outside" / path.name)
        path.symlink_to(tmp_path / "outside" / path.name)
    after = reranked(index, RED, SearchOptions.of(to="image", k=9), judge)
    assert [hit.path for hit in after] == [hit.path for hit in before]
    assert judge.read == []
