"""`anyseek tag` and `forget`, seen from outside."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from ran import Ran
from ran import objects as lines

from anyseek.catalog.catalog import Catalog

Run = Callable[..., Ran]


def test_tags_are_saved_and_brought_back(media: Path, here: Run, tmp_path: Path) -> None:
    here("index", media)
    here("tag", "Holiday", media / "sounds", cwd=media)
    saved = tmp_path / "tags.jsonl"
    assert here("tag", "--export", saved, cwd=media).out == "Saved the tags of 4 files.\n"
    assert here("tag", "--export", "-", cwd=media).out == saved.read_text()
    here("tag", "holiday", media, "--remove", cwd=media)
    with saved.open("a") as file:
        file.write('{"path": "/elsewhere/x.jpg", "tags": ["later"]}\n')
    assert here("tag", "--import", saved, cwd=media).out == (
        "Read 5 lines; tagged 4 files. 1 fit no file of the index; they are kept until one comes.\n"
    )
    assert here("tag", cwd=media).out == "Holiday  4\nlater  0  (1 kept for files that are gone)\n"
    (done,) = lines(here("tag", "--import", saved, "--json", cwd=media).out)
    assert done == {"type": "imported-tags", "lines": 5, "files": 0, "kept": 1}
    saved.write_text('{"path": 1}\n')
    wrong = here("tag", "--import", saved, cwd=media)
    assert wrong.code == 2
    assert wrong.err.startswith("anyseek: Line 1 of ")
    for arguments in (
        ("x", "--export", saved),
        ("--import", saved, "--export", saved),
        ("--remove", "--export", "-"),
        ("--kept", "--export", "-"),
        ("--everywhere", "--kept"),
    ):
        assert here("tag", *arguments, cwd=media).code == 2


def test_tags_of_files_that_are_gone_are_listed_and_taken_away(media: Path, here: Run) -> None:
    here("index", media)
    assert here("tag", "--kept", cwd=media).err == "No tag is kept for a file that is gone.\n"
    here("tag", "Holiday", media / "sounds", media / "pictures", cwd=media)
    (media / "pictures/red.png").unlink()
    (media / "sounds/red.wav").unlink()
    here("index", cwd=media)
    assert here("tag", cwd=media).out == "Holiday  5  (2 kept for files that are gone)\n"
    (record,) = lines(here("tag", "--json", cwd=media).out)
    assert record == {"type": "tag", "tag": "Holiday", "files": 5, "kept": 2}
    listed = "pictures/red.png  Holiday\nsounds/red.wav  Holiday\n"
    assert here("tag", "--kept", cwd=media).out == listed
    (first, _) = lines(here("tag", "--kept", "--json", cwd=media).out)
    assert (first["path"], first["tags"]) == (str(media / "pictures/red.png"), ["Holiday"])
    removed = here("tag", "holiday", "pictures/red.png", "--remove", cwd=media)
    assert removed.out == "Removed the tag from 1 file.\n"
    assert here("tag", "--kept", cwd=media).out == "sounds/red.wav  Holiday\n"
    removed = here("tag", "holiday", "--remove", "--everywhere", cwd=media)
    assert removed.out == "Removed the tag from 6 files.\n"
    assert here("tag", "--json", cwd=media).out == ""


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("x",), "anyseek tag x beach.jpg"),
        (("x", "--remove"), "--everywhere"),
        (("--remove",), "anyseek tag holiday beach.jpg --remove"),
        (("x", "--everywhere"), "--remove --everywhere"),
        (("x", "sounds", "--remove", "--everywhere"), "--remove --everywhere"),
    ],
)
def test_a_tag_command_that_lacks_something_says_what(
    media: Path, here: Run, arguments: tuple[str, ...], hint: str
) -> None:
    here("index", media)
    ran = here("tag", *arguments, cwd=media)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.err


def test_a_tag_has_no_control_characters_however_it_comes(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("index", media)
    here("tag", "\x1b[31mred \x07\u009b alert", media / "notes", cwd=media)
    line = {"path": str(media / "notes/red.txt"), "tags": ["a\0b", "\x9bc"]}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(line).encode())))
    assert here("tag", "--import", "-", cwd=media).code == 0
    assert here("tag", cwd=media).out == "[31mred alert  3\nab  1\nc  1\n"
    assert here("tag", "ab", media, "--remove", cwd=media).out == "Removed the tag from 1 file.\n"


@pytest.mark.thorough
def test_a_tag_of_an_older_index_reaches_no_terminal_raw(media: Path, here: Run) -> None:
    here("index", media)
    here("tag", "red", media / "notes/red.txt", media / "notes/blue.txt", cwd=media)
    with Catalog.open(media / ".anyseek") as catalog, catalog.begin() as writer:
        writer.database.run("UPDATE tags SET tag = ?, folded = ?", ["\x1b[2J", "\x1b[2j"])
    (media / "notes/red.txt").unlink()
    here("index", cwd=media)
    assert here("tag", cwd=media).out == "\\x1b[2J  1  (1 kept for files that are gone)\n"
    assert here("tag", "--kept", cwd=media).out == "notes/red.txt  \\x1b[2J\n"


def test_tags_come_from_standard_input(media: Path, here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps({"path": str(media / "sounds/red.wav"), "tags": ["Holiday"]})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line.encode())))
    assert here("tag", "--import", "-", cwd=media).out == "Read 1 line; tagged 1 file.\n"


def test_a_folder_is_forgotten_and_a_drive_that_is_away_is_pruned(
    media: Path, here: Run, tmp_path: Path
) -> None:
    other = sample_files.fill(tmp_path / "other")
    index = media / ".anyseek"
    here("index", media, other, "--index", index)
    assert here("forget", other / "notes", cwd=media).code == 2
    shown = os.path.relpath(other, media)
    would = here("forget", other, "--dry-run", cwd=media)
    assert (would.code, would.out) == (0, f"Would forget {shown}: 13 files, 15 segments.\n")
    here("tag", "x", other / "notes", cwd=media)
    other.rename(tmp_path / "away")
    assert here("index", cwd=media).code == 41
    (gone,) = lines(here("forget", other, "--json", cwd=media).out)
    assert gone == {
        "type": "forgotten",
        "dry_run": False,
        "folder": str(other),
        "files": 13,
        "segments": 15,
        "tagged": 3,
        "covered_by": "",
        "stay": 0,
    }
    assert here("index", cwd=media).code == 0
    (media / "sounds").rename(tmp_path / "sounds")
    (media / "sounds").mkdir()
    ran = here("index", cwd=media)
    assert (ran.code, ran.err.count("anyseek index --prune"), "gone" in ran.out) == (0, 1, False)
    assert here("index", cwd=media).err == ""
    assert "4 files of folders" in here("status", cwd=media).out
    would = here("index", "--prune", "--dry-run", cwd=media)
    assert would.out.count("gone     sounds/") == 4
    assert "4 gone" in here("index", "--prune", cwd=media).out


def test_a_tag_that_is_not_utf_8_is_refused(media: Path, here: Run) -> None:
    for word in ("bad\udcfftag", "\udcff"):
        ran = here("tag", word, "pictures", cwd=media)
        assert (ran.code, ran.out) == (2, "")
        assert "is not UTF-8" in ran.err
    assert here("tag", "good\ufffdtag", "pictures").code == 0
