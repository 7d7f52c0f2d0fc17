"""`anyseek search` and `similar`, seen from outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from PIL import Image
from ran import Ran
from ran import objects as lines

Run = Callable[..., Ran]


def test_the_table_shows_rank_score_modality_path_span_and_excerpt(media: Path, here: Run) -> None:
    ran = here("search", "green", "-k", "2", cwd=media / "sounds")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0] == ["Searching", "for", '"green"']
    assert ["1", "1.000", "image", "../pictures/green.png", "words", "in", "name"] in rows
    assert ["2", "0.987", "audio", "tour.wav", "0:10-0:20"] in rows
    assert [
        "1",
        "1.000",
        "text",
        "../notes/green.txt",
        "characters",
        "0-11",
        "words",
        "in",
        "name,",
        "text",
    ] in rows
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
        "has_words", "lift", "alike", "relevance", "words_in",
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


def test_a_filter_that_makes_no_sense_is_told_in_a_sentence(media: Path, here: Run) -> None:
    ran = here("search", "green", "--where", "colour = red", cwd=media)
    assert ran.code == 2
    assert ran.err.startswith("anyseek: A filter has no field 'colour'.")
    assert here("tag", "holiday", "nowhere.jpg", cwd=media).code == 40


def test_a_missing_argument_has_nothing_to_do_with_dashes(media: Path, here: Run) -> None:
    ran = here("map", cwd=media)
    assert (ran.code, ran.err) == (2, "anyseek: Missing argument 'FILE'.\n  See: anyseek map --help\n")
