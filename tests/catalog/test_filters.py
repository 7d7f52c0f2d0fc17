"""The filter language: held against the obvious test of each file in Python, and what it refuses."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import card, unit_rows

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.catalog.filters import all_of, quoted
from anyseek.catalog.tags import tag
from anyseek.contracts import Filter, Modality, SeenFile, Span, Unit
from anyseek.errors import UsageError

NAMES = (
    "a.jpg",
    "b.JPG",
    "trips/rome/a 100%.png",
    "trips/Oslo_1.wav",
    "trips/oslo/x.mp4",
    "n[1].txt",
    "Ünö.txt",
)
MODALITIES = (Modality.IMAGE, Modality.AUDIO, Modality.TEXT)


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone().timestamp()) * 10**9


def seen(number: int, name: str) -> SeenFile:
    return SeenFile(0, name, 1000 * 4**number, moment(f"2023-{number + 1:02}-15T12:00"), number)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    """Row i belongs to file NAMES[i]; every third file has a length of 10 * i seconds."""
    folder = tmp_path_factory.mktemp("where")
    catalog = Catalog.create(folder / "index", [folder])
    with catalog, catalog.begin() as writer:
        space = writer.ensure_space(card())
        for number, name in enumerate(NAMES):
            modality = MODALITIES[number % 3]
            file_id = writer.put_file(seen(number, name), bytes(16), modality)
            span = Span(0, 10 * number, Unit.SECONDS) if number % 3 == 0 else Span()
            writer.add_segments(file_id, space, modality, [(span, "")], unit_rows(1, seed=number))
    with catalog:
        tag(catalog, [folder / "trips/rome", folder / "a.jpg"], "Summer 23")
        with catalog.read() as opened:
            yield opened


def rows(snapshot: Snapshot, where: str) -> list[int]:
    found = snapshot.allowed_rows(1, Filter(where=where))
    return list(range(len(NAMES))) if found is None else found.tolist()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("type = jpg", [0, 1]),
        ("type in (PNG, .wav)", [2, 3]),
        ("type != jpg", [2, 3, 4, 5, 6]),
        ("modality = image", [0, 3, 6]),
        ("modality in (image,audio) and not type = jpg", [3, 4, 6]),
        ("folder = trips", [2, 3, 4]),
        ("folder = trips/oslo/", [4]),
        ('name = "a 100%.png"', [2]),
        ("name ~ 'o*'", [3]),
        ("name ~ '*[0-9]*'", [2, 3, 4, 5]),
        ("path ~ 'trips/*'", [2, 3, 4]),
        ("path ~ '**/x.mp4'", [4]),
        ("path = ./a.jpg", [0]),
        ("size < 5kB", [0, 1]),
        ("size >= 1.024MB", [5, 6]),
        ("size = 16000", [2]),
        ("date = 2023-03", [2]),
        ("date = 2023", [0, 1, 2, 3, 4, 5, 6]),
        ("date > 2023-03 and date <= 2023-05-15", [3, 4]),
        ("date >= 2023-05-15T12:00 and date < 2023-07", [4, 5]),
        ("date = 2023-02-15T12:00:00", [1]),
        ("duration > 20", [3, 6]),
        ("duration >= 0:30 and duration < 1min", [3]),
        ("not duration > 20", [0, 1, 2, 4, 5]),
        ("tag = 'summer 23'", [0, 2]),
        ("tag ~ 'sum*' and type = png", [2]),
        ("tag != 'summer 23' or type = jpg", [0, 1, 3, 4, 5, 6]),
        ("type = jpg or type = png and size > 10GB", [0, 1]),
        ("(type = jpg or type = png) and size > 10GB", []),
        ("NOT (type=jpg OR type=png)", [3, 4, 5, 6]),
        ("", [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_what_a_filter_lets_through(snapshot: Snapshot, where: str, expected: list[int]) -> None:
    assert rows(snapshot, where) == expected


def test_an_absolute_folder_is_one_on_the_disk(snapshot: Snapshot) -> None:
    root = snapshot.roots()[0]
    assert rows(snapshot, f"folder = {quoted(str(root / 'trips/rome'))}") == [2]
    assert rows(snapshot, f"folder = {quoted(str(root.parent))}") == list(range(len(NAMES)))
    assert rows(snapshot, "folder = /nowhere/at/all") == []


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("colour = red", "no field 'colour'"),
        ("type", "is expected"),
        ("type =", "a field or a value is expected"),
        ("type = jpg png", "'png'"),
        ("type in jpg", r"'\('"),
        ("(type = jpg", r"'\)'"),
        ("size < big", "no size"),
        ("size < -1", "no size"),
        ("date = yesterday", "no date"),
        ("date = 2023-13", "no date"),
        ("duration > 1:2:3:4", "no duration"),
        ("modality = smell", "no modality"),
        ("modality < image", "cannot ask"),
        ("tag > a", "cannot ask"),
        ("type = jpg and", "its end"),
        ("type = 'jpg", "makes no sense"),
        ("!", "makes no sense"),
    ],
)
def test_what_a_filter_refuses(snapshot: Snapshot, where: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        rows(snapshot, where)


# ---------------------------------------------------------------- any filter, against Python

Test = tuple[str, Callable[[int], bool]]


def simple() -> st.SearchStrategy[Test]:
    def by_type(suffix: str) -> Test:
        return f"type = {suffix}", lambda i: NAMES[i].lower().endswith("." + suffix)

    def by_size(sign: str, size: int) -> Test:
        tests = {"<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__, "=": int.__eq__}
        return f"size {sign} {size}", lambda i: bool(tests[sign](1000 * 4**i, size))

    def by_name(pattern: str) -> Test:
        return f"name ~ {quoted(pattern)}", lambda i: fnmatch.fnmatchcase(
            os.path.basename(NAMES[i]).lower(), pattern
        )

    return st.one_of(
        st.sampled_from(["jpg", "png", "wav", "txt"]).map(by_type),
        st.builds(by_size, st.sampled_from(["<", "<=", ">", ">=", "="]), st.integers(0, 10**7)),
        st.text("axo*?. 1", min_size=1, max_size=4).map(by_name),
    )


def composed(part: st.SearchStrategy[Test]) -> st.SearchStrategy[Test]:
    def both(a: Test, b: Test) -> Test:
        return f"({a[0]} and {b[0]})", lambda i: a[1](i) and b[1](i)

    def either(a: Test, b: Test) -> Test:
        return f"({a[0]} or {b[0]})", lambda i: a[1](i) or b[1](i)

    def none(a: Test) -> Test:
        return f"not {a[0]}", lambda i: not a[1](i)

    return st.one_of(st.builds(both, part, part), st.builds(either, part, part), part.map(none))


@settings(max_examples=200, deadline=None)
@given(test=st.recursive(simple(), composed, max_leaves=8))
def test_any_filter_is_what_python_says(snapshot: Snapshot, test: Test) -> None:
    where, holds = test
    assert rows(snapshot, where) == [i for i in range(len(NAMES)) if holds(i)], where


@given(st.text(max_size=20))
def test_any_value_can_be_quoted_and_any_text_is_answered_in_words(snapshot: Snapshot, text: str) -> None:
    if text.strip():
        assert rows(snapshot, f"tag = {quoted(text)}") == []
    with suppress(UsageError):
        rows(snapshot, text)


def test_filters_are_joined() -> None:
    assert all_of(None, "", "a = 1") == "a = 1"
    assert all_of("a = 1 or b = 2", "c = 3") == "(a = 1 or b = 2) and (c = 3)"
