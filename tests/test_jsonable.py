"""Dataclasses to JSON and back: newer fields are ignored, wrong ones refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from indexes import card

from anyseek.contracts import Modality, ModelCard, Report
from anyseek.jsonable import GivenTwice, from_json, once_each, parsed, to_json

CARD = replace(card(), base="towers of another model")
REPORT = Report(5, 1, 1, 1, 1, 1, 2, 3, {"broken": 1}, 0.5, interrupted=False)


@pytest.mark.parametrize("record", [CARD, REPORT, replace(CARD, source="/models/\udcff\n")])
def test_there_and_back(record: Any) -> None:
    again = from_json(to_json(record), type(record))
    assert again == record
    assert to_json(record) == json.dumps(asdict(record)), "the format of every index that is there"


def test_a_modality_is_the_one_of_the_table() -> None:
    assert from_json(to_json(CARD), ModelCard).modalities[1] is Modality.IMAGE


def test_what_a_later_version_added_is_ignored_and_what_an_earlier_one_lacked_has_its_default() -> None:
    fields = {**asdict(CARD), "colour": "red"}
    del fields["base"]
    assert from_json(json.dumps(fields), ModelCard) == replace(CARD, base="")


@pytest.mark.parametrize(
    "change",
    [
        {"dim": "16"},
        {"dim": None},
        {"dim": 16.5},
        {"modalities": "image"},
        {"modalities": ["image", "smell"]},
        {"modalities": ["image", 3]},
        {"commercial_use": "perhaps"},
        {"name": 7},
    ],
)
def test_what_a_field_cannot_hold_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        from_json(json.dumps({**asdict(CARD), **change}), ModelCard)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", "{}", b"\xff\xfe\x00", "[" * 100_000, "1" * 5000]
)
def test_what_is_no_record_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        from_json(text, ModelCard)


def test_a_field_of_any_object_is_there_once() -> None:
    assert parsed('{"a": {"b": 1}, "c": [{"b": 2}]}', once_each) == {"a": {"b": 1}, "c": [{"b": 2}]}
    for text in ('{"b": 1, "b": 1}', '{"a": [{"b": 1, "c": 2, "b": 3}]}'):
        with pytest.raises(GivenTwice, match="the field 'b' twice") as told:
            parsed(text, once_each)
        assert told.value.name == "b"
    assert parsed('{"b": 1, "b": 2}') == {"b": 2}
