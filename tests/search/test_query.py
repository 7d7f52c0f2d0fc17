"""Command lines and Python values to queries."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseek.contracts import Modality
from anyseek.errors import QueryFileError, UsageError
from anyseek.options import SearchOptions, parse_modalities
from anyseek.search.query import (
    Query,
    QueryPart,
    describe,
    from_command_line,
    from_values,
    split_weight,
)


def facts(parts: Sequence[QueryPart]) -> list[tuple[str, Any, Modality | None, float]]:
    return [(part.kind, part.data, part.modality, part.weight) for part in parts]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a dog", ("a dog", 1.0)),
        ("a dog@0.5", ("a dog", 0.5)),
        ("dog.jpg@-2", ("dog.jpg", -2.0)),
        ("dog@.25", ("dog", 0.25)),
        ("photo@2x.png", ("photo@2x.png", 1.0)),
        ("16:9", ("16:9", 1.0)),
        ("me @5", ("me @5", 1.0)),
        ("@5", ("@5", 1.0)),
        ("a@b@3", ("a@b", 3.0)),
        ("two\nlines@3", ("two\nlines", 3.0)),
    ],
)
def test_a_weight_is_a_number_after_an_at_sign_at_the_end(value: str, expected: tuple[str, float]) -> None:
    assert split_weight(value) == expected


@given(
    st.text(min_size=1).filter(lambda text: text == text.strip()),
    st.floats(-99, 99).map(lambda x: round(x, 2)),
)
def test_what_was_written_with_a_weight_is_read_back(value: str, weight: float) -> None:
    assert split_weight(f"{value}@{weight}") == (value, weight)


@pytest.mark.parametrize("value", ["dog@0", "dog@nan", "dog@inf", "dog@-inf", "dog@-0.0"])
def test_a_weight_that_says_nothing_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="weight"):
        from_command_line(bare=["a cat"], words=[value])


# ---------------------------------------------------------------- bare arguments


def test_loose_words_are_joined_and_come_first(here: Path) -> None:
    (here / "dog.jpg").touch()
    parts = from_command_line(bare=["a", "dog.jpg", "red", "car@0.5"], minus=["snow"]).parts
    assert facts(parts) == [
        ("words", "a red car", Modality.TEXT, 0.5),
        ("file", "dog.jpg", None, 1.0),
        ("words", "snow", Modality.TEXT, -1.0),
    ]


def test_a_bare_word_is_a_word_beside_a_file_of_that_name_and_a_path_with_a_slash(here: Path) -> None:
    (here / "dog").touch()
    assert facts(from_command_line(bare=["dog"]).parts)[0][0] == "words"
    assert facts(from_command_line(bare=["./dog"]).parts)[0] == ("file", "./dog", None, 1.0)
    assert facts(from_command_line(bare=["./dog@2"]).parts)[0] == ("file", "./dog", None, 2.0)


def test_an_option_says_words_even_where_a_file_has_that_name(here: Path) -> None:
    (here / "dog.jpg").touch()
    assert facts(from_command_line(words=["dog.jpg"]).parts) == [("words", "dog.jpg", Modality.TEXT, 1.0)]


def test_a_file_whose_name_ends_like_a_weight_comes_first(here: Path) -> None:
    (here / "dog.jpg@2").touch()
    assert facts(from_command_line(files={Modality.IMAGE: ["dog.jpg@2"]}).parts) == [
        ("file", "dog.jpg@2", Modality.IMAGE, 1.0)
    ]
    (here / "dog.jpg@2").unlink()
    assert facts(from_command_line(files={Modality.IMAGE: ["dog.jpg@2"]}).parts) == [
        ("file", "dog.jpg", Modality.IMAGE, 2.0)
    ]


@pytest.mark.parametrize("missing", ["dog.jpg", "sounds/rain.WAV@0.5"])
def test_the_name_of_a_media_file_that_is_not_there_is_an_error(here: Path, missing: str) -> None:
    with pytest.raises(QueryFileError) as caught:
        from_command_line(bare=[missing])
    assert missing.removesuffix("@0.5") in caught.value.message
    assert "--words" in caught.value.hint


@pytest.mark.parametrize(
    "words", ["node.js", "and/or", "dog.jpg on a beach", "e.g. a dog", "version 2.0", "..."]
)
def test_what_only_resembles_a_path_is_words(here: Path, words: str) -> None:
    assert facts(from_command_line(bare=[words]).parts) == [("words", words, Modality.TEXT, 1.0)]


def test_a_folder_is_not_a_query(here: Path) -> None:
    (here / "photos").mkdir()
    with pytest.raises(UsageError, match="folder") as caught:
        from_command_line(bare=[f"photos{os.sep}"])
    assert "--in" in caught.value.hint


# ---------------------------------------------------------------- what makes a query


@pytest.mark.parametrize("words", ["", "  ", "\n\t", "@2"[:0]])
def test_empty_words_are_refused(words: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        from_command_line(bare=[words])
    with pytest.raises(UsageError, match="empty"):
        Query.of(from_values(words, {}))


def test_no_part_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to search for"):
        from_command_line()


def test_a_query_that_only_subtracts_is_refused() -> None:
    with pytest.raises(UsageError, match="subtracted"):
        from_command_line(minus=["snow"])
    with pytest.raises(UsageError, match="subtracted"):
        Query.of(from_values(None, {Modality.IMAGE: ("snow.jpg", -1)}))


def test_not_with_a_negative_weight_is_refused() -> None:
    with pytest.raises(UsageError, match="subtracts already"):
        from_command_line(bare=["a dog"], minus=["snow@-1"])
    with pytest.raises(UsageError, match="subtracts already"):
        from_values("a dog", {}, ("snow", -1))


# ---------------------------------------------------------------- Python values


def test_python_values_alone_in_pairs_and_in_lists() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    sound = (np.zeros(8), 16_000)
    parts = from_values(
        ["a dog", ("a cat", 0.5)],
        {
            Modality.IMAGE: [Path("x.jpg"), ("y.jpg", 2), (picture, 0.25)],
            Modality.AUDIO: [sound, (sound, 3), ("z.wav", 4)],
            Modality.DEPTH: None,
        },
        ["snow", ("rain", 0.5)],
    )
    assert facts(parts) == [
        ("words", "a dog", Modality.TEXT, 1.0),
        ("words", "a cat", Modality.TEXT, 0.5),
        ("file", "x.jpg", Modality.IMAGE, 1.0),
        ("file", "y.jpg", Modality.IMAGE, 2.0),
        ("array", picture, Modality.IMAGE, 0.25),
        ("array", sound, Modality.AUDIO, 1.0),
        ("array", sound, Modality.AUDIO, 3.0),
        ("file", "z.wav", Modality.AUDIO, 4.0),
        ("words", "snow", Modality.TEXT, -1.0),
        ("words", "rain", Modality.TEXT, -0.5),
    ]


def test_in_python_words_are_words_whatever_they_look_like(here: Path) -> None:
    (here / "dog.jpg").touch()
    assert facts(from_values("dog.jpg@2", {})) == [("words", "dog.jpg@2", Modality.TEXT, 1.0)]


def test_words_that_are_not_a_string_are_refused() -> None:
    with pytest.raises(UsageError, match="not text"):
        from_values(Path("dog.jpg"), {})


# ---------------------------------------------------------------- modalities, k, what was understood


def test_modalities_in_every_spelling() -> None:
    assert parse_modalities("image, Audio,image") == (Modality.IMAGE, Modality.AUDIO)
    assert parse_modalities(Modality.DEPTH) == (Modality.DEPTH,)
    assert parse_modalities([Modality.TEXT, "image"]) == (Modality.TEXT, Modality.IMAGE)
    assert parse_modalities(None) is None
    assert parse_modalities("image,all") is None


@pytest.mark.parametrize("wanted", ["smell", "image,smell", "", ",", []])
def test_an_unknown_modality_is_answered_with_those_there_are(wanted: Any) -> None:
    with pytest.raises(UsageError) as caught:
        parse_modalities(wanted)
    assert all(name in caught.value.hint for name in (*Modality, "all"))


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "3", None])
def test_k_below_one_or_no_number_is_refused(k: Any) -> None:
    with pytest.raises(UsageError):
        SearchOptions.of(k=k)


HUGE = 10**5000  # Python refuses to write it

wrong_values = st.one_of(
    st.sampled_from([HUGE, -HUGE, b"x", "\ud800", "\0", np.array(1.5), [b"x"], ["\0"], object()]),
    st.floats(),
    st.integers(max_value=-1),
    st.lists(st.floats(), min_size=1, max_size=2),
)


@given(
    wrong_values, st.sampled_from(["to", "in_", "where", "min_match", "by", "k", "offset", "fold", "merge"])
)
def test_options_are_right_or_refused_however_they_are_made(value: Any, name: str) -> None:
    made = []
    for make in (SearchOptions.of, SearchOptions, partial(dataclasses.replace, SearchOptions())):
        with contextlib.suppress(UsageError):
            made.append(make(**{name: value}))
    assert all(isinstance(getattr(one, name), int | float | str) for one in made)
    assert all(dataclasses.replace(one) == one for one in made)


@pytest.mark.parametrize(
    "values",
    [
        {"k": -5},
        {"where": "type=jpg"},
        {"to": "image"},
        {"to": ()},
        {"in_": "here"},
        {"in_": 3},
        {"by": "smell"},
    ],
)
def test_options_made_without_reading_text_are_checked_too(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SearchOptions(**values)
    with pytest.raises(UsageError):
        dataclasses.replace(SearchOptions(), **values)


@given(wrong_values)
def test_a_hit_is_a_number_or_a_path(value: Any) -> None:
    try:
        query = Query.of([], like=value)
    except UsageError:
        return
    assert all(type(name) in (int, str) for name, _ in query.examples)


def test_numbers_of_numpy_name_hits_too() -> None:
    assert Query.of([], like=np.int64(3)).examples == ((3, 1.0),)
    assert Query.of([], like=np.array([3, 4])).examples == ((3, 1.0), (4, 1.0))


@pytest.mark.parametrize("path", ["\ud800", "a\0b"])
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="No file can be called"):
        from_values(None, {Modality.IMAGE: path})


@pytest.mark.parametrize("weight", [10**400, -(10**400)])
def test_a_weight_beyond_every_float_is_refused(weight: int) -> None:
    with pytest.raises(UsageError, match="weight"):
        Query.of(from_values(("a dog", weight), {}))
    with pytest.raises(UsageError, match="weight"):
        Query.of([QueryPart("words", "a dog", Modality.TEXT, weight)])


def test_a_number_of_thousands_of_digits_is_no_segment_id(here: Path) -> None:
    assert from_command_line(like=["9" * 23]).examples == ((int("9" * 23), 1.0),)
    assert from_command_line(like=["9" * 5000]).examples == (("9" * 5000, 1.0),)


def test_a_description_reads_as_a_sum() -> None:
    parts = [
        QueryPart("items", [], Modality.TEXT, 1.0, '"a dog"'),
        QueryPart("items", [], Modality.IMAGE, 0.5, "image beach.jpg"),
        QueryPart("items", [], Modality.TEXT, -1.0, '"snow"'),
        QueryPart("items", [], Modality.TEXT, -0.25, '"rain"'),
    ]
    assert describe(parts) == '"a dog" + 0.5 x image beach.jpg - "snow" - 0.25 x "rain"'
    assert describe(parts[2:3] + parts[:1]) == '- "snow" + "a dog"'
