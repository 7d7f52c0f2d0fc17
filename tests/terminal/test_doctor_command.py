"""`anyseek status` and `doctor`, seen from outside, and tags of an index that is damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ran import Ran
from ran import objects as lines

Run = Callable[..., Ran]


def test_status_as_a_table_and_as_an_object(media: Path, here: Run) -> None:
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(99))
    here("index", media, "--workers", "1")
    (media / "notes/red.txt").unlink()
    table = here("status", media, cwd=media).out
    for fact in (
        "words (words-1)",
        "13: text 3, image 3, audio 4, depth 3",
        "broken 1",
        "1 gone",
        ".anyseek",
    ):
        assert fact in table
    assert "broken.jpg is a damaged JPEG" in table
    (record,) = lines(here("status", "--json").out)
    assert record["files"] == {"text": 3, "image": 3, "audio": 4, "depth": 3}
    assert (record["gone"], record["skipped"]) == (1, {"broken": 1})
    assert record["model"]["name"] == "words"
    assert record["last_run"]["report"]["seen"] == 14


def test_doctor_finds_repairs_and_then_is_content(media: Path, here: Run) -> None:
    well = here("doctor", media)
    assert (well.code, well.out) == (0, "The index is healthy.\n")
    (vectors,) = (media / ".anyseek/vectors").iterdir()
    vectors.write_bytes(bytes(64) + vectors.read_bytes()[64:])
    ill = here("doctor", media)
    assert ill.code == 14
    assert "--repair" in ill.out
    repaired = here("doctor", media, "--mend", "--json")  # the flag's older name
    assert repaired.code == 0
    assert all(line["type"] == "finding" and line["mended"] for line in lines(repaired.out))
    assert here("doctor", media).code == 0


def test_tags_are_saved_from_a_catalog_that_nothing_else_can_open_and_the_hint_works(
    media: Path, here: Run, tmp_path: Path
) -> None:
    here("index", media)
    here("tag", "Holiday", media / "sounds", cwd=media)
    saved, catalog = tmp_path / "tags.jsonl", media / ".anyseek/catalog.sqlite"
    here("tag", "--export", saved, cwd=media)
    before = saved.read_bytes()
    catalog.write_bytes(catalog.read_bytes().replace(b"CREATE TABLE spaces", b"CREATE TABLE sp@ces"))
    refused = here("status", media)
    assert refused.code == 14
    assert "anyseek doctor --repair" in refused.err
    assert here("tag", "--export", saved, cwd=media).code == 0
    assert saved.read_bytes() == before
    assert here("doctor", media, "--repair").code == 0
    assert here("tag", cwd=media).out == "Holiday  4\n"
    assert here("doctor", media).out == "The index is healthy.\n"


def test_tags_that_cannot_be_read_are_said_in_a_line_beside_those_that_can(media: Path, here: Run) -> None:
    here("tag", "Holiday", media / "sounds", cwd=media)
    catalog = media / ".anyseek/catalog.sqlite"
    os.truncate(catalog, catalog.stat().st_size // 2)
    ran = here("tag", "--export", "-", cwd=media)
    assert ran.code == 14
    (line,) = ran.err.splitlines()
    assert line.startswith("Tags may be missing: ")


def test_a_deleted_catalog_is_no_index_that_may_be_made_anew_in_silence(media: Path, here: Run) -> None:
    (media / ".anyseek/catalog.sqlite").unlink()
    for command in ("index", "status", "doctor"):
        ran = here(command, media)
        assert ran.code == 14
        assert "the tags" in ran.out + ran.err
        assert "backup" in ran.out + ran.err
    assert here("doctor", media, "--repair").code == 0
    assert here("index", media).code in (0, 3)
    assert here("doctor", media).out == "The index is healthy.\n"


def test_damaged_measurements_are_the_reason_that_a_search_gives(media: Path, here: Run) -> None:
    (media / ".anyseek/calibration").mkdir()
    (media / ".anyseek/calibration/1.npz").write_bytes(b"PK")
    ran = here("search", "red", "--to", "text", "--min-match", "0.9", cwd=media)
    assert "--min-match was not applied to text: what tells a match is damaged." in ran.err
    assert "`anyseek index` makes it again" in ran.err
    assert "calibration-damaged" in here("doctor", media).out
    here("index", media)
    assert here("doctor", media).out == "The index is healthy.\n"
