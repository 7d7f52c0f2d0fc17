"""`anyseek index`, seen from outside: what it says, counts and ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from ran import Ran
from ran import objects as lines

Run = Callable[..., Ran]


def test_index_then_search_through_real_processes(tmp_path: Path, shell: Run) -> None:
    folder = sample_files.fill(tmp_path / "media")
    first = shell("index", folder, "--model", "words", "--workers", "1")
    assert first.code == 0
    assert all("files" in line for line in first.err.splitlines())  # progress, on a slow machine
    assert "13 new" in first.out
    assert str(Path("media/.anyseek")) in first.out
    again = shell("index", folder)
    assert (again.code, again.err) == (0, "")
    assert "13 unchanged" in again.out
    found = shell("search", "green", "--paths", "--to", "image,audio", "-k", "2", cwd=folder)
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines()[0] == "pictures/green.png"
    assert found.out.splitlines()[2:] == ["sounds/green.wav", "sounds/tour.wav"]


def test_a_new_broken_file_is_named_and_ends_with_3_once(media: Path, here: Run) -> None:
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(99))
    first = here("index", media, "--workers", "1", cwd=media)
    assert first.code == 3
    assert first.err.startswith("skipped: broken.jpg is a damaged JPEG")
    assert "1 skipped (broken 1)" in first.out
    again = here("index", media)
    assert (again.code, again.err) == (0, "")
    retried = here("index", media, "--retry-failed", "--workers", "1")
    assert (retried.code, retried.err) == (3, first.err)  # who asks to try again is told again


def test_json_of_a_run_has_an_object_for_each_skipped_file_and_one_at_the_end(media: Path, here: Run) -> None:
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(99))
    ran = here("index", media, "--workers", "1", "--json")
    skipped, report = lines(ran.out)
    assert (skipped["type"], skipped["path"], skipped["code"]) == (
        "skipped",
        str(media / "broken.jpg"),
        "broken",
    )
    assert (report["type"], report["skipped"], report["unchanged"]) == ("report", {"broken": 1}, 13)
    assert (ran.code, ran.err) == (3, "")


def test_index_without_folders_updates_the_nearest(media: Path, here: Run) -> None:
    sample_files.picture(media / "new.png", "red")
    ran = here("index", "--workers", "1", cwd=media / "pictures")
    assert ran.code == 0
    assert "1 new" in ran.out


def test_dry_run_tells_and_does_nothing(tmp_path: Path, here: Run) -> None:
    folder = sample_files.fill(tmp_path / "media")
    ran = here("index", folder, "--model", "words", "--dry-run", cwd=folder)
    assert ran.code == 0
    assert "new      pictures/red.png" in ran.out
    assert "Would do: 13 new" in ran.out
    assert not (folder / ".anyseek").exists()
    planned = lines(here("index", folder, "--model", "words", "--dry-run", "--json").out)
    assert len(planned) == 14
    assert planned[-1]["dry_run"] is True


def test_quiet_says_nothing_even_of_a_broken_file(media: Path, here: Run) -> None:
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(99))
    ran = here("index", media, "--quiet", "--workers", "1")
    assert (ran.code, ran.out, ran.err) == (3, "", "")


def test_exclude_and_index_dir(tmp_path: Path, here: Run) -> None:
    folder = sample_files.fill(tmp_path / "media")
    options = ("--model", "words", "--workers", "1", "--index", tmp_path / "elsewhere")
    ran = here("index", folder, *options, "--exclude", "sounds/", "--exclude", "*.npy")
    assert (ran.code, "6 new" in ran.out) == (0, True)
    found = here("search", "red", "--index", tmp_path / "elsewhere", "--json")
    assert {hit["modality"] for hit in lines(found.out)} == {"text", "image"}


def test_an_empty_folder_and_one_without_media(tmp_path: Path, here: Run) -> None:
    (tmp_path / "program.xyz").write_bytes(bytes(range(256)))
    ran = here("index", tmp_path, "--model", "words")
    assert ran.code == 0
    assert "No media files were found" in ran.err
    found = here("search", "red", cwd=tmp_path)
    assert found.code == 0
    assert "Nothing is indexed yet" in found.err


def test_an_index_without_folders_says_how_to_get_one(media: Path, here: Run) -> None:
    here("index", media)
    gone = here("forget", media, cwd=media)
    assert "13 files" in gone.out
    assert gone.out.endswith("No folder is indexed now. To index one: anyseek index FOLDER\n")
    for command in (("index",), ("watch", "--every", "1")):
        ran = here(*command, cwd=media)
        assert (ran.code, ran.out) == (2, ""), command
        assert ran.err == "anyseek: No folder is indexed.\n  Name one: anyseek index FOLDER\n"
    drawn = here("map", "map.png", cwd=media)
    assert drawn.err.splitlines() == [
        "anyseek: The index has 0 segments, too few for a map: it takes 3.",
        "  Index more: anyseek index FOLDER",
    ]
    assert "anyseek index FOLDER" in here("search", "red", cwd=media).err


def test_what_a_decoder_says_is_for_programs(media: Path, here: Run) -> None:
    for name, content in (
        ("a.flac", b"fLaC" + bytes(300)),
        ("a.npy", b"\x93NUMPY\x01\x00\x76\x00{'descr'"),
        ("a.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(500)),
    ):
        (media / name).write_bytes(content)
    ran = here("index", media)
    skipped = sorted(line for line in ran.err.splitlines() if "skipped" in line)
    assert len(skipped) == 3
    assert all(line.endswith(" file: it cannot be decoded.") for line in skipped), skipped
    records = [
        record for record in lines(here("index", media, "--retry-failed", "--json").out) if "reason" in record
    ]
    assert len(records) == 3
    assert all(record["detail"] not in record["reason"] and record["detail"] for record in records), records


@pytest.mark.thorough
def test_a_report_counts_media_only_and_known_problems_apart(media: Path, here: Run) -> None:
    (media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (media / "program.bin").write_bytes(bytes(range(256)))
    assert here("index", media).out.startswith("nothing new, 13 unchanged, 1 skipped (broken 1); ")
    assert here("index", media).out.startswith("nothing new, 13 unchanged, 1 skipped before; ")
    again = here("index", media, "--retry-failed").out
    assert again.startswith("nothing new, 13 unchanged, 1 skipped (broken 1); ")
    here("forget", media, cwd=media)
    assert here("index", media).out.startswith("13 new, 0 unchanged, 1 skipped (broken 1); ")


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_a_folder_that_cannot_be_read_is_named_once(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch, is_dry_run: bool
) -> None:
    from anyseek.indexer import scan

    opened = scan.open_folder

    def refuse(base: str, path: str) -> int:
        if path.rstrip("/") == "notes":
            raise PermissionError(13, "Permission denied")
        return opened(base, path)

    monkeypatch.setattr(scan, "open_folder", refuse)
    err = here("index", media, *["--dry-run"] * is_dry_run, cwd=media).err
    assert [line for line in err.splitlines() if "notes" in line] == [
        "skipped: notes cannot be read: Permission denied."
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("as_json", [False, True])
def test_a_run_with_a_folder_away_says_what_it_did_with_the_others(
    tmp_path: Path, media: Path, here: Run, as_json: bool
) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    sample_files.text(drive / "far.txt", "blue")
    assert here("index", media, drive, "--index", media / ".anyseek", "--workers", "1").code == 0
    drive.rename(tmp_path / "away")
    sample_files.text(media / "new.txt", "red")
    (media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    ran = here("index", "--workers", "1", *(["--json"] if as_json else []), cwd=media)
    assert ran.code == 41
    if as_json:
        report = lines(ran.out)[-1]
        assert (report["type"], report["new"], report["skipped"]) == ("report", 1, {"broken": 1})
        assert lines(ran.err)[-1]["code"] == "root-unavailable"
    else:
        assert ran.out.startswith("1 new, 13 unchanged, 1 skipped (broken 1); ")
        assert str(drive) in ran.err


def test_an_index_that_left_all_out_takes_an_export_in(tmp_path: Path, media: Path, here: Run) -> None:
    """The recipe of docs/stores.md."""
    exported, new = tmp_path / "vectors.npy", tmp_path / "new"
    assert here("export", exported, cwd=media).code == 0
    empty = here("index", media, "--index", new, "--model", "words", "--exclude", "*")
    assert (empty.code, empty.out.startswith("nothing new, 0 unchanged")) == (0, True)
    assert here("import", exported, "--index", new).code == 0
    again = here("index", "--index", new)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("nothing new, 13 unchanged; ")


def test_an_exclusion_holds_for_one_run_and_an_ignore_file_for_all(media: Path, here: Run) -> None:
    """As docs/cli.md says."""
    assert here("index", media, "--exclude", "*.wav").out.startswith("4 gone, 9 unchanged")
    assert here("index", media).out.startswith("4 new, 9 unchanged")
    (media / ".anyseekignore").write_text("*.wav\n")
    assert here("index", media).out.startswith("4 gone, 9 unchanged")
    assert here("index", media).out.startswith("nothing new, 9 unchanged")
