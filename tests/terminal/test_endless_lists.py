"""Lists that a person gives in a file are read up to a bound, and may come through a pipe."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from anyseek import opening
from anyseek.errors import AnyseekError
from anyseek.library.evaluation import read
from anyseek.opening import read_lines
from anyseek.terminal.commands.classify import _labels


def test_a_list_without_an_end_is_refused() -> None:
    with pytest.raises(AnyseekError, match="/dev/zero cannot be read"):
        read(Path("/dev/zero"))
    with pytest.raises(AnyseekError, match="cannot be read from /dev/zero"):
        _labels(None, "/dev/zero")


def test_a_list_of_the_most_bytes_passes_and_one_more_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST_TEXT", 8)
    file = tmp_path / "labels.txt"
    file.write_bytes(b"a dog\r\nb")
    assert read_lines(file) == ["a dog", "b"]
    file.write_bytes(b"a dog\r\nbc")
    with pytest.raises(ValueError, match="more than 8 bytes"):
        read_lines(file)


def test_a_list_may_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a dog\na cat\n",))
    writer.start()
    assert _labels(None, str(pipe)) == ["a dog", "a cat"]
    writer.join()
