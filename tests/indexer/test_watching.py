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
    sample_files.text(tmp_path / "first.txt", "red")
    with anyseek.create(tmp_path, model=WordEmbedder()):
        pass
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
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
            sample_files.text(tmp_path / f"{i}.txt", f"green {i}")
        process.send_signal(signal.SIGCONT)
        while new < 300:
            new += int(process.stdout.readline().split()[1])
            runs += 1
        assert runs < 10
        (tmp_path / "first.txt").unlink()
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


def test_another_writer_is_waited_for(tmp_path: Path) -> None:
    answers: list[Any] = [IndexLocked("The index is being written by somebody."), REPORT]

    def add(stop: Any) -> Report:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return REPORT

    told: list[str] = []
    runs = watching.follow(add, [tmp_path], stop=lambda: False, every_s=0.01, notify=told.append)
    assert next(runs) == REPORT
    assert told == ["The index is being written by somebody. Tried again with the next change."]


def test_the_index_itself_and_hidden_files_are_no_change() -> None:
    assert watching._is_content(None, "/media/a.txt")
    assert not watching._is_content(None, "/media/.anyseek/catalog.sqlite-wal")
    assert not watching._is_content(None, "/media/.cache/x")
