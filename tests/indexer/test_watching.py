"""Following folders: the real command, real changes, and what happens when the system cannot tell."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.contracts import Report
from anyseek.errors import IndexLocked
from anyseek.indexer import watching

watchfiles = pytest.importorskip("watchfiles")

SCRIPT = """
import sys
from pathlib import Path
from fakes import WordEmbedder
import anyseek
from anyseek.indexer import watching
watching.QUIET_MS, watching.LONGEST_MS = 200, 1000
with anyseek.open(sys.argv[1], model=WordEmbedder()) as index:
    for report in watching.follow(index.add, index.roots(), stop=lambda: False, notify=print):
        print("run", report.new, report.changed, report.gone, flush=True)
"""


def test_changes_are_followed_and_bursts_are_one_run(tmp_path: Path) -> None:
    support = Path(__file__).parents[1] / "support"
    folder = tmp_path / ".hidden/media"  # where a root lies is nobody's business
    folder.mkdir(parents=True)
    sample_files.text(folder / "first.txt", "red")
    with anyseek.create(folder, model=WordEmbedder()):
        pass
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(support)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "run 1 0 0\n"
        new, runs = 0, 0
        process.send_signal(
            signal.SIGSTOP
        )  # so that it meets all changes at once, however slowly they are made
        for i in range(300):
            sample_files.text(folder / f"{i}.txt", f"green {i}")
        process.send_signal(signal.SIGCONT)
        while new < 300:
            new += int(process.stdout.readline().split()[1])
            runs += 1
        assert runs < 10
        (folder / "first.txt").unlink()
        assert process.stdout.readline() == "run 0 0 1\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


REPORT = Report(0, 0, 0, 0, 0, 0, 0, 0, {}, 0.0, interrupted=False)


def test_where_the_system_cannot_tell_folders_are_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Iterator[Any]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield

    monkeypatch.setattr(watchfiles, "watch", refuse)
    monkeypatch.setattr(watching, "SCAN_EVERY_S", 0.01)
    told: list[str] = []
    runs = watching.follow(lambda stop: REPORT, [tmp_path], stop=lambda: False, notify=told.append)
    assert [next(runs) for _ in range(3)] == [REPORT] * 3
    assert "cannot watch" in told[0]


def test_another_writer_is_waited_for_and_no_change_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else changes after the one change that met the other writer."""
    monkeypatch.setattr(watching, "RETRY_S", 0.0)
    monkeypatch.setattr(watching, "_bursts", lambda *_: iter([True]))
    locked = IndexLocked("The index is being written by somebody.")
    answers: list[Any] = [locked, locked, locked, REPORT]

    def add(stop: Any) -> Report:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return REPORT

    told: list[str] = []
    runs = watching.follow(add, [tmp_path], stop=lambda: False, notify=told.append)
    assert list(runs) == [REPORT]
    assert told == ["The index is being written by somebody. Tried again until it is done."]


def test_waiting_for_another_writer_can_be_stopped(tmp_path: Path) -> None:
    told: list[str] = []

    def add(stop: Any) -> Report:
        raise IndexLocked("Locked.")

    runs = watching.follow(add, [tmp_path], stop=lambda: bool(told), every_s=1, notify=told.append)
    assert list(runs) == []
    assert len(told) == 1


@pytest.mark.parametrize(
    ("root", "path", "is_content"),
    [
        ("/media", "/media/a.txt", True),
        ("/media", "/media/.anyseek/catalog.sqlite-wal", False),
        ("/media", "/media/.cache/x", False),
        ("/media", "/media/sub/.hidden", False),
        ("/home/me/.hidden/media", "/home/me/.hidden/media/a.txt", True),
        ("/home/me/.hidden/media", "/home/me/.hidden/media/.x", False),
        ("/.config", "/.config/a", True),
        ("/", "/a.txt", True),
        ("/", "/.x/a.txt", False),
        ("/media", "/media/own/catalog.sqlite-wal", False),
        ("/media", "/media/own", False),
        ("/media", "/media/owner.txt", True),
    ],
)
def test_the_index_and_what_is_hidden_below_a_root_are_no_change(
    root: str, path: str, is_content: bool
) -> None:
    assert watching.content_filter([Path(root)], Path("/media/own"))(None, path) is is_content


def test_a_root_in_a_hidden_folder_of_another_root_is_followed() -> None:
    is_content = watching.content_filter([Path("/a"), Path("/a/.b/c")], None)
    assert is_content(None, "/a/.b/c/x")
    assert not is_content(None, "/a/.b/x")
