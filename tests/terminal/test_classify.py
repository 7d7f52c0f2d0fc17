"""`anyseek classify` as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from ran import Ran

Run = Callable[..., Ran]
WORDS = ("--model", "words")


def test_each_file_gets_a_line_and_a_bad_one_stops_nothing(here: Run, tmp_path: Path) -> None:
    red = sample_files.picture(tmp_path / "red.png", "red")
    blue = sample_files.sound(tmp_path / "blue.wav", "blue")
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfred\r\n\ngreen\nblue\n")  # as Windows saves it
    ran = here(
        "classify", red, "nowhere.png", blue, "--labels-file", tmp_path / "labels.txt", "-k", 1, *WORDS
    )
    assert ran.code == 40
    first, second = ran.out.splitlines()
    assert first == f"{red}: red 100%"
    assert second.startswith(f"{blue}: blue ")
    assert "nowhere.png" in ran.err
    told = here("classify", red, "nofile.png", "--labels", "red, green,blue", "--json", *WORDS)
    record = json.loads(told.out)
    error = json.loads(told.err)
    assert (told.code, error["type"], error["code"]) == (40, "error", "query-file")
    assert (record["path"], record["modality"]) == (str(red), "image")
    assert record["labels"][0]["label"] == "red"
    odd = here("classify", red, "--labels", "red\x1b[2J,green", "-k", 2, *WORDS)
    assert "red\\x1b[2J" in odd.out
    assert "\x1b" not in odd.out
    assert abs(sum(one["probability"] for one in record["labels"]) - 1) < 1e-5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "no labels"),
        (("--labels", "a,b", "--labels-file", "x"), "exclude each other"),
        (("--labels", "a"), "Fewer than two"),
        (("--labels-file", "nowhere.txt"), "nowhere.txt"),
        (("--labels", "a,b", "--template", "x"), "'x'"),
    ],
)
def test_what_is_wrong_with_the_options_is_said(options: tuple[str, ...], said: str, here: Run) -> None:
    ran = here("classify", "a.png", *options, *WORDS)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
