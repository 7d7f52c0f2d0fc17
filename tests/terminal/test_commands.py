"""What each command does, seen from outside."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from PIL import Image
from ran import Ran
from ran import objects as lines

from anyseek.contracts import ModelCard

Run = Callable[..., Ran]


# ---------------------------------------------------------------- index


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


# ---------------------------------------------------------------- search


def test_the_table_shows_rank_score_modality_path_span_and_excerpt(media: Path, here: Run) -> None:
    ran = here("search", "green", "-k", "2", cwd=media / "sounds")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0] == ["Searching", "for", '"green"']
    assert ["1", "1.000", "image", "../pictures/green.png", "words"] in rows
    assert ["2", "0.987", "audio", "tour.wav", "0:10-0:20"] in rows
    assert ["1", "1.000", "text", "../notes/green.txt", "characters", "0-11", "words"] in rows
    assert ["green", "green"] in rows


def test_what_was_understood_is_said(media: Path, here: Run) -> None:
    ran = here(
        "search", "a", "red", "pictures/blue.png", "car", "--not", "snow@0.5", "--audio",
        "sounds/red.wav@2", "--text", "notes/red.txt", "--depth", "rooms/red.npy", "--words", "blue.png",
        cwd=media,
    )  # fmt: skip
    assert ran.out.splitlines()[0] == (
        'Searching for "a red car" + image pictures/blue.png + "blue.png" + text notes/red.txt'
        ' + 2 x audio sounds/red.wav + depth rooms/red.npy - 0.5 x "snow"'
    )


def test_json_is_an_object_a_line_and_says_what_was_understood_on_stderr(media: Path, here: Run) -> None:
    ran = here("search", "pictures/green.png", "--to", "audio", "--json", "-k", "2", cwd=media)
    hits = lines(ran.out)
    assert [(hit["type"], hit["rank"], hit["path"]) for hit in hits] == [
        ("hit", 1, str(media / "sounds/green.wav")),
        ("hit", 2, str(media / "sounds/tour.wav")),
    ]
    assert hits[1]["span"] == {"start": 10.0, "end": 20.0, "unit": "s"}
    assert set(hits[0]) == {
        "type", "rank", "score", "modality", "path", "span", "file_id", "segment_id", "model", "excerpt", "match",
        "has_words", "lift", "alike", "relevance",
    }  # fmt: skip
    assert lines(ran.err) == [{"type": "query", "understood": "image pictures/green.png"}]


def test_segments_are_folded_unless_asked_for(media: Path, here: Run) -> None:
    command = ("search", "green", "--to", "audio", "-k", "3", "--json")
    folded = [Path(hit["path"]).name for hit in lines(here(*command, cwd=media).out)]
    assert len(set(folded)) == 3
    single = lines(here(*command, "--segments").out)
    assert [(Path(hit["path"]).name, hit["span"]["start"]) for hit in single] == [
        ("green.wav", 0), ("tour.wav", 10), ("tour.wav", 20),
    ]  # fmt: skip
    assert here(*command[:-1], "--segments", "--paths").out.split() == ["sounds/green.wav", "sounds/tour.wav"]


def test_paths_of_every_kind_reach_a_pipe_unharmed(tmp_path: Path, shell: Run) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    odd = [b"new\nline.png", b"bad\xff\xfe.png", "käse 🧀.png".encode(), b"\x1b[31mred.png", b"-k.png"]
    for name in odd:
        os.rename(sample_files.picture(folder / "x.png", "red"), os.path.join(os.fsencode(folder), name))
    assert shell("index", folder, "--model", "words", "--workers", "1").code == 0
    raw = shell("search", "red", "-0", cwd=folder).out
    paths = os.fsencode(raw).split(b"\0")
    assert paths.pop() == b""
    assert {os.path.normpath(path) for path in paths} == set(odd)
    assert b"./-k.png" in paths
    shown = shell("search", "red", cwd=folder, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert len(shown.out.splitlines()) == 2 + len(odd)
    assert "bad\\xff\\xfe.png" in shown.out
    hits = lines(shell("search", "red", "--json", cwd=folder).out)
    assert {os.fsencode(os.path.basename(hit["path"])) for hit in hits} == set(odd)


def test_commands_speak_in_a_locale_of_ascii(tmp_path: Path, shell: Run) -> None:
    folder = tmp_path / "käse →"
    folder.mkdir()
    sample_files.picture(folder / "ü🧀.png", "red")
    (folder / "ß.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert shell("index", folder, "--model", "words", "--workers", "1", **plain).code == 3
    for command, code in (
        (("index", ".", "--dry-run", "--retry-failed"), 0),
        (("status",), 0),
        (("tag", "ü", "."), 0),
        (("tag",), 0),
        (("search", "red →"), 0),
        (("duplicates",), 0),
        (("map", "ü.txt"), 2),
        (("forget", "→"), 2),
    ):
        ran = shell(*command, cwd=folder, **plain)
        assert (ran.code, "unexpected" in ran.err) == (code, False), (command, ran.err)
    (tagged,) = lines(shell("tag", "--json", cwd=folder).out)
    assert tagged["tag"] == "ü", "it is what was typed"


def test_a_modality_in_which_nothing_is_indexed(tmp_path: Path, here: Run) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    sample_files.text(folder / "a.txt", "red")
    sample_files.picture(folder / "b.png", "red")
    here("index", folder, "--model", "words", "--workers", "1")
    ran = here("search", "red", "--to", "audio", cwd=folder)
    assert ran.code == 0
    assert ran.err == "No audio is indexed. There is: text, image.\n"
    some = here("search", "red", "--to", "audio,image", "--json")
    assert [hit["modality"] for hit in lines(some.out)] == ["image"]
    assert lines(some.err)[-1] == {"type": "remark", "message": "No audio is indexed. There is: text, image."}
    assert here("search", "red", "--to", "audio", "--exit-code").code == 1
    assert here("search", "red", "--to", "image", "--exit-code").code == 0


def test_a_least_match_that_cannot_be_told_is_said_not_to_be_applied(media: Path, here: Run) -> None:
    said = "--min-match was not applied to text: too little is indexed to tell a match."
    ran = here("search", "red", "--to", "text", "--min-match", "0.9", cwd=media)
    assert "red" in ran.out
    assert ran.err == said + "\n"
    as_json = here("search", "red", "--to", "text", "--min-match", "0.9", "--json")
    assert {"type": "remark", "message": said} in lines(as_json.err)
    assert here("search", "red", "--to", "text").err == ""


@pytest.mark.parametrize("words", ["-5 degrees", "-kite", "-x", "--five"])
def test_words_that_begin_with_a_dash(media: Path, here: Run, words: str) -> None:
    refused = here("search", words, cwd=media)
    assert refused.code == 2
    assert 'anyseek search -- "-5 degrees"' in refused.err
    assert here("search", "--", words).out.startswith(f'Searching for "{words}"\n')


def test_a_modality_that_the_model_lacks_names_what_to_ask_for_instead(media: Path, here: Run) -> None:
    ran = here("search", "red", "--to", "video", cwd=media)
    assert ran.code == 23
    assert "Files of video are found by what is in them: --to image,audio." in ran.err


def test_a_search_without_hits_says_so_to_people(media: Path, here: Run) -> None:
    ran = here("search", "red", "--offset", "5000", cwd=media)
    after = 'Searching for "red"\n\nNo hits after the first 5,000.\n'
    assert (ran.code, ran.out, ran.err) == (0, after, "")
    filtered = here("search", "red", "--offset", "5000", "--where", "type = png")
    assert filtered.out == after
    phrase = here("search", '"no such phrase"', "--words-only")
    assert (phrase.out, phrase.err) == ('Searching for "no such phrase"\n\nNo hits.\n', "")
    nothing = here("search", "red", "--where", "name = nowhere")
    assert (nothing.out, nothing.err) == ('Searching for "red"\n\nNo hits.\n', "Nothing passes the filter.\n")
    for option in ("--paths", "-0"):
        assert here("search", "red", "--offset", "5000", option).err == ""
    assert [one["type"] for one in lines(here("search", "red", "--offset", "5000", "--json").err)] == [
        "query"
    ]


def test_in_narrows_to_a_folder(media: Path, here: Run) -> None:
    ran = here("search", "red", "--in", "sounds", "--paths", "-k", "9", cwd=media)
    assert len(ran.out.split()) == 4
    assert all(path.startswith("sounds/") for path in ran.out.split())
    nothing = here("search", "red", "--in", "sounds", "--to", "image")
    assert "below sounds" in nothing.err


def test_the_depth_unit_that_the_index_was_told_holds_for_queries_too(tmp_path: Path, here: Run) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    for name, metres in (("near_depth.png", 1.0), ("far_depth.png", 9.0)):
        Image.new("L", (8, 8), round(metres / 0.05)).save(folder / name)
    sample_files.text(folder / "blue.txt", "blue")
    query = tmp_path / "query_depth.png"
    Image.new("L", (8, 8), round(8 / 0.05)).save(query)
    assert here("index", folder, "--model", "words", "--workers", "1", cwd=folder).code == 3
    refused = here("search", query)
    assert refused.code == 40
    assert "anyseek index --depth-unit" in refused.err
    assert here("index", "--depth-unit", "0.05", "--workers", "1").code == 0
    ran = here("search", query, "--paths", "--to", "depth,text")
    assert (ran.code, ran.out.split()) == (0, ["far_depth.png", "near_depth.png", "blue.txt"])


def test_similar(media: Path, here: Run) -> None:
    ran = here("similar", "red.png", "--to", "audio,image", "--json", "-k", "2", cwd=media / "pictures")
    assert ran.code == 0
    hits = lines(ran.out)
    assert Path(hits[0]["path"]).name == "red.wav"
    assert "red.png" not in [Path(hit["path"]).name for hit in hits]


# ---------------------------------------------------------------- status, doctor, models


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


def test_models_lists_the_registered_ones(here: Run) -> None:
    records = {record["name"]: record for record in lines(here("models", "--json").out)}
    assert set(records["words"]) == {"type", *ModelCard.__slots__, "on_disk", "path"}
    assert (records["words"]["on_disk"], records["imagebind"]["on_disk"]) == (True, False)
    table = here("models").out.splitlines()
    assert table[0].split()[0] == "NAME"
    assert any(line.startswith("words ") for line in table)


# ---------------------------------------------------------------- help


COMMANDS = (
    "index",
    "search",
    "similar",
    "status",
    "doctor",
    "tag",
    "duplicates",
    "map",
    "eval",
    "watch",
    "forget",
    "classify",
    "reindex",
    "export",
    "import",
    "compact",
    "serve",
    "mcp",
    "models",
    "store",
    "bench",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, here: Run) -> None:
    ran = here(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"anyseek {command}" in ran.out.partition("Example")[2]
    assert here(command, "-h").out == ran.out


@pytest.mark.parametrize("group", [(), ("store",), ("bench",)])
def test_alone_a_group_prints_its_help(group: tuple[str, ...], here: Run) -> None:
    ran = here(*group)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == here(*group, "--help").out


def test_the_first_page_names_every_command_in_a_whole_sentence(here: Run) -> None:
    ran = here("--help")
    assert ran.code == 0
    assert here().out == ran.out
    listed = ran.out.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in listed if line.strip()] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed if line.strip())


def test_version(here: Run) -> None:
    import anyseek

    assert here("--version").out == f"anyseek {anyseek.__version__}\n"


# ---------------------------------------------------------------- reindex


def test_an_index_is_moved_to_another_version_of_its_model(media: Path, shell: Run) -> None:
    newer = {"WORDS_VERSION": "2"}
    refused = shell("search", "green", cwd=media, **newer)
    assert refused.code == 12
    assert "anyseek reindex --model words" in refused.err
    (media / "pictures/red.png").unlink()
    moved = shell("reindex", "--model", "words", "--keep", "--workers", "1", cwd=media, **newer)
    assert moved.code == 0
    assert "The old one: .anyseek.words" in moved.out
    assert "pictures/red.png" in moved.err
    assert shell("search", "green", "--paths", cwd=media, **newer).code == 0


# ---------------------------------------------------------------- filters and tags


def test_results_are_narrowed_by_filters_and_tags(media: Path, here: Run) -> None:
    os.utime(media / "pictures/red.png", (0, 0))
    here("index", media)

    def found(*options: str) -> list[str]:
        ran = here("search", "green", "--to", "image,audio", "--paths", *options, cwd=media)
        assert (ran.code, ran.err) == (0, "")
        return sorted(ran.out.split())

    assert found("--type", "png") == ["pictures/blue.png", "pictures/green.png", "pictures/red.png"]
    assert found("--type", "png", "--after", "1980") == ["pictures/blue.png", "pictures/green.png"]
    assert found("--before", "1980") == ["pictures/red.png"]
    assert found("--where", "duration > 20s") == ["sounds/tour.wav"]
    tagged = here("tag", "holiday", media / "pictures/red.png", media / "sounds", cwd=media)
    assert tagged.out == "Tagged 5 files.\n"
    assert here("tag", cwd=media).out == "holiday  5\n"
    assert found("--tag", "Holiday", "--type", "png") == ["pictures/red.png"]
    assert here("tag", "holiday", media, "--remove", cwd=media).out == "Removed the tag from 5 files.\n"
    none = here("tag", cwd=media)
    assert (none.code, none.out) == (0, "")
    assert "anyseek tag holiday beach.jpg" in none.err


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


def test_a_filter_that_makes_no_sense_is_told_in_a_sentence(media: Path, here: Run) -> None:
    ran = here("search", "green", "--where", "colour = red", cwd=media)
    assert ran.code == 2
    assert ran.err.startswith("anyseek: A filter has no field 'colour'.")
    assert here("tag", "holiday", "nowhere.jpg", cwd=media).code == 40


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


def test_a_missing_argument_has_nothing_to_do_with_dashes(media: Path, here: Run) -> None:
    ran = here("map", cwd=media)
    assert (ran.code, ran.err) == (2, "anyseek: Missing argument 'FILE'.\n  See: anyseek map --help\n")


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
