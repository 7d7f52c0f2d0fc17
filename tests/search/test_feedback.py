"""More like this, less like that: hits as parts of a query, by number or by path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.errors import QueryFileError, UsageError
from anyseek.search.answer import example_parts
from anyseek.search.query import UNLIKE_WEIGHT, Example, QueryPart


@pytest.fixture
def index(tmp_path: Path) -> Iterator[anyseek.Index]:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


def names(index: anyseek.Index, like: list[int | str], unlike: list[int | str]) -> list[str]:
    return [Path(hit.path).stem for hit in index.search(like=like, unlike=unlike, to="image", k=3)]


def parts_of(index: anyseek.Index, *examples: Example) -> list[QueryPart]:
    with index._catalog.read() as snapshot:
        return list(example_parts(snapshot, snapshot.spaces()[0], examples))


def test_a_hit_leads_to_what_is_like_it_by_number_and_by_path(index: anyseek.Index) -> None:
    (green,) = index.search("green", to="image", k=1)
    by_number = names(index, [green.segment_id], [])
    assert by_number == names(index, [green.path], [])
    assert by_number[0] == Path(green.path).stem


def test_what_is_unwanted_moves_down(index: anyseek.Index) -> None:
    red, green = (index.search(one, to="image", k=1)[0].path for one in ("red", "green"))
    both = names(index, [red, green], [])
    assert set(both[:2]) == {Path(red).stem, Path(green).stem}
    assert names(index, [red, green], [green])[0] == Path(red).stem


def test_a_file_of_many_segments_weighs_like_one(index: anyseek.Index) -> None:
    long = next(hit.path for hit in index.search("red", to="audio", k=9) if hit.path.endswith("tour.wav"))
    parts = parts_of(index, (long, 1.0), (long, -UNLIKE_WEIGHT))
    assert len(parts) > 2
    assert sum(part.weight for part in parts) == pytest.approx(1 - UNLIKE_WEIGHT)


def test_a_file_that_is_not_indexed_is_told(index: anyseek.Index, tmp_path: Path) -> None:
    with pytest.raises(QueryFileError, match="There is no file"):
        index.search(like=[str(tmp_path / "gone.png")])
    (tmp_path / "new.txt").write_text("new")
    with pytest.raises(QueryFileError, match="not in the index"):
        index.search(like=[str(tmp_path / "new.txt")])


def test_one_hit_needs_no_list(index: anyseek.Index) -> None:
    (green,) = index.search("green", to="image", k=1)
    first = [hit.path for hit in index.search(like=[green.path], to="image", k=3)]
    assert [hit.path for hit in index.search(like=green.path, to="image", k=3)] == first
    assert [hit.path for hit in index.search(like=green.segment_id, to="image", k=3)] == first
    assert [hit.path for hit in index.search(like=Path(green.path), to="image", k=3)] == first


def test_a_query_without_words_cannot_be_found_by_words(index: anyseek.Index) -> None:
    (green,) = index.search("green", to="image", k=1)
    for search in (index.similar, lambda path, by: index.search(like=path, by=by)):
        with pytest.raises(UsageError, match="no words"):
            search(green.path, by="words")


def test_a_hit_that_is_named_by_its_path_is_named_so_in_the_heading(index: anyseek.Index) -> None:
    (green,) = index.search("green", to="image", k=1)
    assert index.search(like=green.path, to="image").query == f"image {green.path}"
    assert index.search(like=green.segment_id, to="image").query == f"image {Path(green.path).name}"
