"""Following folders: the real command, real changes, and what happens when the system cannot tell."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sample_files
from fakes import WordEmbedder
from processes import running

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
    for report in watching.follow(index.add, index.roots, stop=lambda: False, notify=print):
        print("run", report.new, report.changed, report.gone, flush=True)
"""


@contextmanager
def following(index: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that follows an index; a line of its standard output for each run and each notice."""
    support = Path(__file__).parents[1] / "support"
    environment = {**os.environ, "PYTHONPATH": str(support)}
    with running([sys.executable, "-u", "-c", SCRIPT, index], env=environment, stderr=None) as process:
        yield process
        process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def line_of_run(process: subprocess.Popen[str]) -> str:
    """The next run's line: where it meets the writer whose changes it follows, a notice comes first."""
    while "Tried again until it is done" in (told := line(process)):
        pass
    return told


def wait_for_new(process: subprocess.Popen[str], n: int) -> None:
    """Until so many files are new, in one run or in several."""
    while n > 0:
        kind, new, *_ = line(process).split()
        assert kind == "run"
        n -= int(new)
    assert n == 0


@pytest.mark.thorough
def test_changes_are_followed_and_bursts_are_one_run(tmp_path: Path) -> None:
    folder = tmp_path / ".hidden/media"  # where a root lies is nobody's business
    folder.mkdir(parents=True)
    sample_files.text(folder / "first.txt", "red")
    with anyseek.create(folder, model=WordEmbedder()):
        pass
    with following(folder) as process:
        assert line(process) == "run 1 0 0\n"
        new, runs = 0, 0
        process.send_signal(
            signal.SIGSTOP
        )  # so that it meets all changes at once, however slowly they are made
        for i in range(300):
            sample_files.text(folder / f"{i}.txt", f"green {i}")
        process.send_signal(signal.SIGCONT)
        while new < 300:
            new += int(line(process).split()[1])
            runs += 1
        assert runs < 10
        (folder / "first.txt").unlink()
        assert line(process) == "run 0 0 1\n"


def removed(root: Path) -> None:
    shutil.rmtree(root)
    root.parent.joinpath("away").mkdir()


@pytest.mark.thorough
@pytest.mark.parametrize("was_there", [True, False], ids=["there at first", "away at first"])
@pytest.mark.parametrize(
    "take_away", [lambda root: root.rename(root.parent / "away"), removed], ids=["moved", "deleted"]
)
def test_a_root_that_was_away_is_indexed_and_watched_when_it_is_back(
    tmp_path: Path, was_there: bool, take_away: Callable[[Path], object]
) -> None:
    stays, drive = tmp_path / "stays", tmp_path / "drive"
    stays.mkdir()
    drive.mkdir()
    sample_files.text(stays / "a.txt", "red")
    sample_files.text(drive / "b.txt", "green")
    with anyseek.create(stays, drive, index=tmp_path / "index", model=WordEmbedder()) as index:
        index.add()
    if not was_there:
        take_away(drive)
    with following(tmp_path / "index") as process:
        if was_there:
            assert line(process) == "run 0 0 0\n"
            take_away(drive)
        notice = line(process)
        assert f"{drive} is not there" in notice
        assert "Tried again with the next change." in notice
        sample_files.text(tmp_path / "away/new.txt", "blue")
        (tmp_path / "away").rename(drive)
        wait_for_new(process, 1)
        sample_files.text(drive / "another.txt", "blue red")
        wait_for_new(process, 1)


@pytest.mark.thorough
def test_a_root_that_another_process_adds_is_watched(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    sample_files.text(tmp_path / "one/a.txt", "red")
    sample_files.text(tmp_path / "two/b.txt", "green")
    index = anyseek.create(tmp_path / "one", index=tmp_path / "index", model=WordEmbedder())
    with index, following(tmp_path / "index") as process:
        assert line(process) == "run 1 0 0\n"
        index.add(tmp_path / "two")
        assert line_of_run(process) == "run 0 0 0\n"
        sample_files.text(tmp_path / "two/c.txt", "blue")
        wait_for_new(process, 1)


@pytest.mark.thorough
def test_a_drive_that_is_mounted_below_a_root_is_watched(tmp_path: Path) -> None:
    place = tmp_path / "media/a place"
    place.mkdir(parents=True)
    sample_files.text(tmp_path / "media/a.txt", "red")
    with anyseek.create(tmp_path / "media", index=tmp_path / "index", model=WordEmbedder()):
        pass
    with following(tmp_path / "index") as process:
        assert line(process) == "run 1 0 0\n"
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", place]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("nothing may be mounted here")
        try:
            assert line(process) == "run 0 0 0\n"
            sample_files.text(place / "b.txt", "green")
            wait_for_new(process, 1)
        finally:
            process.kill()
            process.wait()
            subprocess.run(["umount", place], check=True)


def test_what_is_no_content_keeps_nobody_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hidden file changes until the watch has ended."""
    monkeypatch.setattr(watching, "QUIET_MS", 50)
    monkeypatch.setattr(watching, "LONGEST_MS", 200)
    ran, ended = threading.Event(), threading.Event()

    def change() -> None:
        while not ended.wait(0.001):
            sample_files.text(tmp_path / ".hidden", "red")

    def add(stop: Any) -> Report:
        ran.set()
        return REPORT

    changes = threading.Thread(target=change)
    changes.start()
    try:
        runs = watching.follow(add, lambda: [tmp_path], stop=ran.is_set, notify=print)
        assert list(runs) == [REPORT]
    finally:
        ended.set()
        changes.join()


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
    runs = watching.follow(lambda stop: REPORT, lambda: [tmp_path], stop=lambda: False, notify=told.append)
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
    runs = watching.follow(add, lambda: [tmp_path], stop=lambda: False, notify=told.append)
    assert list(runs) == [REPORT]
    assert told == ["The index is being written by somebody. Tried again until it is done."]


def test_waiting_for_another_writer_can_be_stopped(tmp_path: Path) -> None:
    told: list[str] = []

    def add(stop: Any) -> Report:
        raise IndexLocked("Locked.")

    runs = watching.follow(add, lambda: [tmp_path], stop=lambda: bool(told), every_s=1, notify=told.append)
    assert list(runs) == []
    assert len(told) == 1


@pytest.mark.parametrize(
    ("root", "path", "is_content"),
    [
        ("/media", "/media/a.txt", True),
        ("/media", "/media/.anyseek/catalog.sqlite-wal", False),
        ("/media", "/media/.cache/x", False),
        ("/media", "/media/sub/.hidden", False),
        ("/media", "/media/.anyseekignore", True),
        ("/media", "/media/sub/.anyseekignore", True),
        ("/media", "/media/.cache/.anyseekignore", False),
        ("/media", "/media/.anyseekignore/x", False),
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
