"""The table of errors: what scripts rely on."""

from __future__ import annotations

import errno
import pickle
import re
from collections.abc import Iterator

import pytest

from anyseek import errors
from anyseek.contracts import Report
from anyseek.errors import AnyseekError, MediaError, RootUnavailable
from anyseek.system_errors import as_anyseek


def family(parent: type[AnyseekError] = AnyseekError) -> Iterator[type[AnyseekError]]:
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from family(child)


CLASSES = sorted(family(), key=lambda cls: cls.__name__)


def test_the_table_in_the_docstring_equals_the_classes() -> None:
    rows = re.findall(r"^      (\w+) +(\d+|-)  ", errors.__doc__ or "", re.M)
    table = {name: None if code == "-" else int(code) for name, code in rows}
    actual: dict[str, int | None] = {cls.__name__: cls.exit_code for cls in CLASSES}
    actual["MediaError"] = None  # becomes a Problem or a QueryFileError, and ends no program
    assert table == actual


def test_codes_and_exit_codes_are_unique() -> None:
    codes = [cls.code for cls in CLASSES]
    exits = [cls.exit_code for cls in CLASSES if cls is not MediaError]
    assert len(set(codes)) == len(codes)
    assert len(set(exits)) == len(exits)
    of_no_class = {errors.EXIT_OK, errors.EXIT_BUG, errors.EXIT_NEW_PROBLEMS, 130, 143}
    assert not of_no_class & set(exits)


@pytest.mark.parametrize("cls", [AnyseekError, *CLASSES])
def test_every_error_has_its_words_and_survives_a_process_boundary(cls: type[AnyseekError]) -> None:
    assert cls.__doc__
    error = pickle.loads(pickle.dumps(cls("What went wrong.", hint="What to do.")))
    assert (type(error), str(error), error.message, error.hint) == (
        cls,
        "What went wrong.",
        "What went wrong.",
        "What to do.",
    )


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_the_name_of_a_file_keeps_its_letters(number: int) -> None:
    message = as_anyseek(OSError(number, "reason"), "xxx.png").message
    assert "xxx.png" in message
    assert not message[0].islower()


def test_an_error_of_a_root_keeps_its_report() -> None:
    report = Report(1, 1, 0, 0, 0, 0, 1, 1, {}, 0.5, interrupted=False)
    error = pickle.loads(pickle.dumps(RootUnavailable("It is gone.", "Connect it.", report)))
    assert (error.hint, error.report) == ("Connect it.", report)


def test_a_media_error_keeps_its_reason() -> None:
    error = pickle.loads(pickle.dumps(MediaError("It is cut short.", "truncated", "Copy it again.")))
    assert (error.reason, error.hint) == ("truncated", "Copy it again.")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("It is wrong: no end..", "It is wrong: no end."),
        ("Wait...", "Wait..."),
        ("It is wrong.", "It is wrong."),
    ],
)
def test_a_sentence_that_ends_with_another_one_has_one_full_stop(message: str, shown: str) -> None:
    for error in (AnyseekError(message), MediaError(message)):
        assert (error.message, str(error)) == (shown, shown)


@pytest.mark.parametrize(
    ("it", "filename", "message"),
    [
        ("/photos/a.jsonl", "/photos/a.jsonl", "This user has no permission for /photos/a.jsonl."),
        ("the index in /photos", b"/photos", "This user has no permission for the index in /photos."),
        (
            "the index in /photos",
            "/photos/lock",
            "This user has no permission for the index in /photos (/photos/lock).",
        ),
        (
            "the index in /my/photos",
            "photos",
            "This user has no permission for the index in /my/photos (photos).",
        ),
        ("the file", None, "This user has no permission for the file."),
    ],
)
def test_a_path_is_said_once(it: str, filename: str | bytes | None, message: str) -> None:
    assert as_anyseek(PermissionError(errno.EACCES, "denied", filename), it).message == message
