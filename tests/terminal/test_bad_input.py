"""What can be wrong with a command: one sentence, what to do, the right exit code, no traceback."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sample_files
import typer
from ran import Ran
from ran import objects as lines

from anyseek.catalog.catalog import Catalog

Run = Callable[..., Ran]


def refused(ran: Ran, code: int, *facts: str) -> None:
    """One sentence with these facts and a hint, on stderr, and nothing else."""
    assert ran.code == code, ran.err
    told = ran.err.splitlines()
    assert told[0].startswith("anyseek: ")
    assert len(told) <= 2
    assert "Traceback" not in ran.err
    assert not ran.out
    for fact in facts:
        assert fact in ran.err


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "code", "facts"),
    [
        (("search",), 2, ["nothing to search for"]),
        (("search", ""), 2, ["empty"]),
        (("search", "  "), 2, ["empty"]),
        (("search", "--words", ""), 2, ["empty"]),
        (("search", "--not", "snow"), 2, ["subtracted"]),
        (("search", "red", "-k", "0"), 2, ["0", "-k"]),
        (("search", "red", "-k", "-3"), 2, ["-3"]),
        (("search", "red", "-k", "many"), 2, ["-k", "'many' is not a whole number."]),
        (("index", "--depth-unit", "deep"), 2, ["--depth-unit", "'deep' is not a number."]),
        (("bench", "model", "--batch", "0"), 2, ["--batch", "0 is less than 1."]),
        (("search", "red", "--to", "smell"), 2, ["smell", "text, image, audio, depth"]),
        (("search", "red", "--to", "all,"), 0, []),
        (("search", "red", "--to", ","), 2, ["text, image, audio, depth"]),
        (("search", "red", "--to", "video"), 23, ["video", "text, image, audio, depth"]),
        (("search", "red", "--in", "pictures/red.png"), 2, ["red.png is a file"]),
        (("search", "red", "--in", "/"), 0, []),
        (("search", "red", "--in", "nowhere"), 2, ["There is no folder", "nowhere"]),
        (("search", "red", "--in", "/nowhere"), 2, ["/nowhere", "outside"]),
        (("search", "red", "--index", "/nowhere"), 10, ["/nowhere"]),
        (("search", "red", "--index", "pictures"), 10, ["pictures"]),
        (("search", "red", "--in", "pictures", "--in", "sounds"), 2, ["--in is given more than once"]),
        (("search", "red", "--to=image", "--to", "audio"), 2, ["--to is given more than once"]),
        (("search", "red", "-k3", "-k", "4"), 2, ["-k is given more than once"]),
        (("status", "--index", "a", "--index", "b"), 2, ["--index is given more than once"]),
        (("search", "red", "--where", "name ~ '[z-a]*'"), 2, ["[z-a]*", "ranges rise"]),
        (("search", "red@0"), 2, ["weight"]),
        (("search", "red", "--not", "red"), 2, ["cancel"]),
        (("search", "pictures/"), 2, ["folder", "--in"]),
        (("search", "dog.jpg"), 40, ["dog.jpg", "--words"]),
        (("search", "--image", "dog.jpg"), 40, ["dog.jpg"]),
        (("search", "--image", "pictures"), 40, ["pictures", "folder"]),
        (("search", "--image", "sounds/red.wav"), 40, ["red.wav is a sound, not a picture", "--audio"]),
        (("search", "--text", "empty.txt"), 40, ["empty.txt"]),
        (("search", "./broken.jpg"), 40, ["broken.jpg"]),
        (("search", "archive.jpg"), 40, ["archive.jpg"]),
        (
            ("search", "--image", "../media/broken.jpg"),
            40,
            ["anyseek: ../media/broken.jpg is a damaged JPEG"],
        ),
        (("search", "./program.xyz"), 40, ["program.xyz"]),
        (("search", "--audio", "pipe"), 40, ["pipe"]),
        (("search", "./pipe"), 40, ["pipe"]),
        (("search", "./nowhere"), 40, ["./nowhere", "--words"]),
        (("search", "red", "--bogus"), 2, ["--bogus", "anyseek search --help"]),
        (("similar",), 2, ["FILE"]),
        (("similar", "nowhere.png"), 40, ["nowhere.png"]),
        (("similar", "pictures"), 40, ["pictures is a folder"]),
        (("search", "--like", "pictures"), 40, ["pictures is a folder"]),
        (("search", "--like", "999999"), 42, ["no segment 999999"]),
        (("eval", "nowhere.tsv"), 40, ["no file nowhere.tsv"]),
        (("import", "nowhere.npy"), 2, ["no file nowhere.npy"]),
        (("similar", "outside.png"), 40, ["outside.png", "not in the index"]),
        (("similar", "pictures/red.png", "-k", "0"), 2, ["-k"]),
        (("index", "/nowhere"), 2, ["/nowhere"]),
        (("index", "pictures/red.png"), 2, ["red.png is a file"]),
        (("index", ".", "--model", "nonesuch"), 20, ["nonesuch", "words"]),
        (("index", ".", "--index", "pictures/red.png"), 2, ["red.png"]),
        (("index", ".", "--index", "pictures"), 2, ["pictures"]),
        (("index", "--workers", "some"), 2, ["some", "--workers"]),
        (("index", "--workers", "0"), 2, ["0", "--workers"]),
        (("reindex", "--model", "mini", "--workers", "-1"), 2, ["-1", "--workers"]),
        (("index", "--depth-unit", "-1"), 2, ["-1", "--depth-unit"]),
        (("index", "--depth-unit", "nan"), 2, ["nan", "--depth-unit"]),
        (("status", "nowhere"), 2, ["no folder nowhere"]),
        (("doctor", "nowhere"), 2, ["no folder nowhere"]),
        (("bogus",), 2, ["bogus", "anyseek --help"]),
        (("--bogus", "search"), 2, ["--bogus", "anyseek --help"]),
        (("store", "bogus"), 2, ["bogus", "anyseek store --help"]),
        (("search", "red", "--offset", "-1"), 2, ["--offset", "-1"]),
        (("search", "red", "--by", "smell"), 2, ["--by", "smell", "vectors"]),
        (("search", "red", "--words-only", "--by", "vectors"), 2, ["--words-only", "--by vectors"]),
        (("search", "red", "--vectors-only", "--by", "words"), 2, ["--vectors-only", "--by words"]),
        (("search", "red", "--type", ","), 2, ["--type"]),
        (("search", "--like", "9" * 23), 42, ["no segment"]),
        (("similar", "pictures/red.png", "--by", "words"), 2, ["no words"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_calls(
    odd_media: Path, here: Run, arguments: tuple[str, ...], code: int, facts: list[str]
) -> None:
    ran = here(*arguments, cwd=odd_media)
    if code == 0:
        assert (ran.code, ran.err) == (0, "")
        return
    refused(ran, code, *facts)
    as_json = here(*arguments, "--json")
    (record,) = lines(as_json.err)
    assert as_json.code == code
    assert (record["type"], record["exit"]) == ("error", code)
    assert set(record) == {"type", "code", "exit", "message", "hint"}
    assert not as_json.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("index", ""),
        ("index", ".", ""),
        ("index", "", "--index", "elsewhere"),
        ("status", ""),
        ("doctor", ""),
        ("forget", ""),
        ("tag", "best", ""),
        ("tag", "best", "pictures", ""),
        ("tag", "best", "", "--remove"),
        ("similar", ""),
        ("export", ""),
        ("import", ""),
        ("map", ""),
        ("eval", ""),
        ("models", "path", "imagebind", ""),
        ("classify", "", "--labels", "a dog,a cat"),
    ],
    ids=" ".join,
)
def test_an_empty_path_is_not_the_current_folder(made: Path, here: Run, arguments: tuple[str, ...]) -> None:
    """`anyseek tag best --remove "$FILE"` where FILE is not set."""
    with Catalog.open(made / ".anyseek") as catalog, catalog.read() as snapshot:
        before = snapshot.change
        refused(here(*arguments, cwd=made), 2, "The path is empty.")
    with Catalog.open(made / ".anyseek") as catalog, catalog.read() as snapshot:
        assert snapshot.change == before


def options_that_take_text() -> Iterator[tuple[str, ...]]:
    """The command and the first name of every option of the program whose value is a text."""
    from anyseek.terminal.program import build

    def each(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, below in getattr(command, "commands", {}).items():
            yield from each(below, (*path, name))
        for one in command.params:
            if one.param_type_name == "option" and one.type.name in ("text", "str") and not one.is_flag:
                yield (*path, one.opts[0])

    yield from each(typer.main.get_command(build()), ())


@pytest.mark.parametrize("option", list(options_that_take_text()), ids=" ".join)
def test_an_option_that_is_given_as_nothing_is_not_left_out(
    made: Path, here: Run, option: tuple[str, ...]
) -> None:
    """`anyseek search dog --in "$FOLDER"` where FOLDER is not set."""
    *command, flag = option
    arguments = {
        "search": ["red"],
        "similar": ["x"],
        "forget": ["x"],
        "classify": ["x"],
        "map": ["x.png"],
        "eval": ["x"],
        "export": ["x.npy"],
        "import": ["x.npy"],
        "pull": ["imagebind"],
        "set": ["exact"],
    }.get(command[-1], [])
    refused(here(*command, *arguments, flag, "", cwd=made), 2, f"{flag} is empty.")


@pytest.mark.parametrize("flag", ["--where", "--type", "--after", "--before", "--tag", "--words"])
def test_a_blank_is_no_value_but_of_a_path(made: Path, here: Run, flag: str) -> None:
    refused(here("search", "red", flag, " ", cwd=made), 2, f"{flag} is empty.")
    refused(here("search", "red", "--in", " "), 2, "There is no folder", f"{made}/ .")


@pytest.mark.parametrize(
    "arguments",
    [
        ("tag", "--export", "."),
        ("tag", "--export", ".."),
        ("tag", "--export", "/"),
        ("tag", "--export", "pictures/"),
        ("tag", "--import", "."),
        ("export", "."),
        ("export", "pictures.npy"),
        ("import", "."),
        ("map", "."),
        ("map", "pictures.png"),
        ("index", "--index", "pictures"),
        ("models", "path", "imagebind", "."),
    ],
    ids=" ".join,
)
def test_a_folder_in_the_place_of_a_file_is_named(
    odd_media: Path, here: Run, arguments: tuple[str, ...]
) -> None:
    ran = here(*arguments, cwd=odd_media)
    assert ran.code in (2, 10)
    refused(ran, ran.code, arguments[-1].rstrip("/") or "/")


def test_a_number_out_of_its_range_is_told_the_range(here: Run) -> None:
    refused(here("serve", "--port", "65536"), 2, "--port", "65536 is not from 0 to 65535.")


def test_an_option_without_its_value_points_to_the_help_of_its_command(here: Run) -> None:
    refused(here("index", "--exclude"), 2, "--exclude", "anyseek index --help")


@pytest.fixture(scope="module")
def odd_media(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The indexed folder, and beside what is indexed some files that nobody should ask with."""
    import shutil

    folder = Path(shutil.copytree(made, tmp_path_factory.mktemp("odd") / "media"))
    (folder / "empty.txt").touch()
    (folder / "pictures.npy").mkdir()
    (folder / "pictures.png").mkdir()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(99))
    (folder / "archive.jpg").write_bytes(b"PK\x03\x04" + bytes(200))
    (folder / "program.xyz").write_bytes(bytes(range(256)))
    os.mkfifo(folder / "pipe")
    sample_files.picture(folder / "outside.png", "red")
    return folder


@pytest.mark.parametrize(
    "command", [("search", "red"), ("similar", "x"), ("status",), ("doctor",), ("index",)]
)
def test_no_index_here_says_how_to_make_one(tmp_path: Path, here: Run, command: tuple[str, ...]) -> None:
    refused(here(*command, cwd=tmp_path), 10, str(tmp_path), "anyseek index")


def test_an_index_of_another_version_of_the_model(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDS_VERSION", "2")
    for command in (("search", "red"), ("index",)):
        refused(here(*command, cwd=media), 12, "words-1", "words-2")
    assert here("similar", "pictures/red.png").code == 0


def test_status_and_doctor_say_of_an_index_of_an_older_model_what_a_search_says(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "version" not in here("status", cwd=media).out
    (media / "notes/red.txt").unlink()
    monkeypatch.setenv("WORDS_VERSION", "2")
    said = here("search", "red").err
    message, hint = (line.strip() for line in said.removeprefix("anyseek: ").splitlines())
    status = here("status")
    assert message in status.out
    assert hint in status.out
    assert "anyseek reindex --model words" in hint
    assert "anyseek index" not in status.out.replace("Index ", "")
    assert lines(here("status", "--json").out)[0]["older_model"] == [message, hint]
    doctor = here("doctor")
    assert doctor.code == 14
    assert f"model-older: {message}" in doctor.out
    assert hint in doctor.out


@pytest.mark.parametrize("model", ["mini", "imagebind", "pe-av-small", "onnx:nobody/nothing"])
def test_insisting_on_another_model(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """Also on one whose weights are not here: fetching them would not help."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("ANYSEEK_MODELS", str(media.parent / "no models"))
    with Catalog.open(media / ".anyseek") as catalog, catalog.read() as snapshot:
        before = snapshot.change
    refused(here("index", media, "--model", model), 12, "by the model words", f"reindex --model {model}")
    with Catalog.open(media / ".anyseek") as catalog, catalog.read() as snapshot:
        assert snapshot.change == before


def test_an_index_of_a_newer_format(media: Path, here: Run) -> None:
    with sqlite3.connect(media / ".anyseek/catalog.sqlite") as catalog:
        catalog.execute("UPDATE index_info SET value = '99' WHERE name = 'format'")
        catalog.execute("PRAGMA user_version = 99")
    catalog.close()
    for command in (("search", "red"), ("status",), ("doctor",), ("index",)):
        refused(here(*command, cwd=media), 13)


def test_a_damaged_index(media: Path, here: Run) -> None:
    (media / ".anyseek/catalog.sqlite").write_bytes(b"nonsense" * 999)
    for command in (("search", "red"), ("status",), ("index",)):
        refused(here(*command, cwd=media), 14)
    doctor = here("doctor")
    assert doctor.code == 14
    assert doctor.out


def test_a_locked_index_is_searched_and_not_written(media: Path, here: Run) -> None:
    with Catalog.open(media / ".anyseek") as catalog, catalog.lock("a long run"):
        refused(here("index", media), 11, str(os.getpid()), "a long run")
        assert here("search", "red", cwd=media).code == 0
        assert "a long run" in here("status").out


def test_an_unplugged_folder(media: Path, tmp_path: Path, here: Run) -> None:
    options = ("--index", tmp_path / "elsewhere")
    assert here("index", media, *options, "--model", "words", "--workers", "1").code == 0
    media.rename(tmp_path / "unplugged")
    ran = here("index", *options)
    assert ran.code == 41
    assert str(media) in ran.err
    assert len(here("search", "red", "-k", "9", "--paths", *options).out.split()) == 13
    assert "not there now" in here("status", *options).out


def test_an_unexpected_error_is_a_sentence_and_with_debug_a_traceback(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDS_FAIL", "1")
    refused(here("search", "red", cwd=media), 1, "ZeroDivisionError", "the model fell over", "--debug")
    shown = here("search", "red", "--debug")
    assert shown.code == 1
    assert "Traceback" in shown.err
    monkeypatch.setenv("ANYSEEK_DEBUG", "1")
    assert "Traceback" in here("search", "red").err
    last = here("search", "red", "--json").err.splitlines()[-1]
    assert lines(last)[0]["code"] == "error"


def test_a_message_cannot_command_the_terminal(media: Path, here: Run) -> None:
    ran = here("search", "--image", "\x1b[2J\nx.png", cwd=media)
    refused(ran, 40, "\\x1b[2J\\nx.png")
    assert "\x1b" not in ran.err
