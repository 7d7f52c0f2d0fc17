"""A film in the library, for a model that knows pictures and sounds: its moments answer as either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.contracts import Modality


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    folder = tmp_path_factory.mktemp("films")
    sample_files.film(folder / "holiday.mp4", "red", "blue", "green")
    sample_files.film(folder / "copy.mkv", "green")
    (folder / "broken.mp4").write_bytes((folder / "holiday.mp4").read_bytes()[:9000])
    with anyseek.create(folder, model=WordEmbedder()) as made:
        report = made.add(workers=1)
        assert report.skipped == {"broken": 1}
        assert report.embedded == 2
        yield made


def moment(hit: anyseek.Hit) -> tuple[str, Modality, int]:
    return Path(hit.path).name, hit.modality, round(hit.span.start)


def test_a_moment_is_found_by_what_is_seen(index: anyseek.Index) -> None:
    assert moment(index.search("blue", to="image", k=1)[0]) == ("holiday.mp4", Modality.IMAGE, 10)


def test_a_moment_is_found_by_what_is_heard(index: anyseek.Index) -> None:
    assert moment(index.search("red", to="audio", k=1)[0]) == ("holiday.mp4", Modality.AUDIO, 0)


def test_a_film_is_a_question_too(index: anyseek.Index, tmp_path: Path) -> None:
    asked = sample_files.film(tmp_path / "asked.mov", "blue", seconds=4)
    assert moment(index.search(video=asked, to="image", k=1)[0]) == ("holiday.mp4", Modality.IMAGE, 10)
    assert moment(index.search(audio=asked, to="audio", k=1)[0]) == ("holiday.mp4", Modality.AUDIO, 10)


def test_the_index_counts_films_as_files_and_their_parts_as_what_they_are(index: anyseek.Index) -> None:
    status = index.status()
    assert status.files == {Modality.VIDEO: 2}
    assert set(status.segments) == {Modality.IMAGE, Modality.AUDIO}
    assert index.library.check() == []
    again = index.add(workers=1)
    assert (again.unchanged, again.known_problems) == (2, 1), "the broken one is not tried again"
