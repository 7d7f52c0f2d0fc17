"""Small parts of what people see, and the screen of an indexing run by a clock of our own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseek.contracts import Modality, Problem, Report, Span, Unit
from anyseek.indexer import Progress
from anyseek.stores.backend import State
from anyseek.terminal import output
from anyseek.terminal.progress import IndexingScreen


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (Span(), ""),
        (Span(20, 30, Unit.SECONDS), "0:20-0:30"),
        (Span(0, 0.1, Unit.SECONDS), "0:00-0:01"),
        (Span(59.9, 3661.2, Unit.SECONDS), "0:59-1:01:02"),
        (Span(600, 1190, Unit.CHARACTERS), "characters 600-1190"),
    ],
)
def test_spans(span: Span, text: str) -> None:
    assert output.span_text(span) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(0, "0 bytes"), (999, "999 bytes"), (3_400_000, "3.4 MB"), (5e12, "5000.0 GB")]
)
def test_sizes(n_bytes: float, text: str) -> None:
    assert output.size_text(n_bytes) == text


def test_paths_are_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "a/b/c/d"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert output.shown_path(str(here / "x.png")) == "x.png"
    assert output.shown_path(str(here / "-x.png")) == "./-x.png"
    assert output.shown_path(str(tmp_path / "a/b/c/x.png")) == "../x.png"
    assert output.shown_path("/x.png") == "/x.png"
    here.rmdir()
    assert output.shown_path("/x.png") == "/x.png"


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_no_name_commands_a_terminal_or_fails(name: bytes) -> None:
    shown = output.printable(os.fsdecode(name))
    assert shown.isprintable()
    shown.encode()


@given(st.text(st.characters(exclude_categories=())))
def test_json_lines_are_one_line_of_ascii(text: str) -> None:
    line = output.json_line({"text": text})
    assert line.isascii()
    assert "\n" not in line


def test_a_reason_names_the_path_once() -> None:
    assert output.problem_text("/x/a.jpg", "a.jpg is cut short.") == "/x/a.jpg is cut short."
    assert output.problem_text("/x/a.jpg", "It is cut short.") == "/x/a.jpg: It is cut short."


# ---------------------------------------------------------------- an indexing run


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def report(**changes: object) -> Report:
    plain = dict.fromkeys(("seen", "new", "changed", "moved", "gone", "unchanged", "embedded", "segments"), 0)
    return Report(**{**plain, "skipped": {}, "seconds": 1.25, "interrupted": False, **changes})  # type: ignore[arg-type]


def test_a_log_has_a_line_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with IndexingScreen(as_json=False, is_quiet=False, clock=clock) as screen:
        screen.show(Progress("scan", 10, None))
        clock.now = 6
        screen.show(Progress("scan", 2000, None, seconds=6))
        for second in range(7, 20):
            clock.now = second
            screen.show(Progress("index", second, 100, skipped=2, seconds=float(second)))
        screen.finish(report(new=19), Path("/x"), is_dry_run=False, is_empty=False)
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        "looking for files: 2,000 found",
        "11 of 100 files, 2 skipped",
        "16 of 100 files, 1.0 files/s, 1:24 left, 2 skipped",
    ]
    assert out.splitlines() == ["19 new, 0 unchanged; 1.2 s", "Index: /x"]


@pytest.mark.parametrize("n_known", [0, 90_000])
def test_no_time_is_told_before_there_is_a_basis_for_it(
    capsys: pytest.CaptureFixture[str], n_known: int
) -> None:
    """The first file takes as long as the model takes to load, and what is known already takes no time."""
    clock = Clock()
    with IndexingScreen(as_json=False, is_quiet=False, clock=clock) as screen:
        screen.show(Progress("scan", 100_000, None, seconds=1.0))
        for second, n_files in [(0, 0), (20, 1), (20, 32), (26, 64), (32, 120)]:
            clock.now = second
            screen.show(Progress("index", n_known + n_files, 100_000, seconds=float(second)))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{n_known + 1:,} of 100,000 files"
    left = {0: "2:38:38", 90_000: "15:47"}[n_known]
    assert lines[1:] == [
        f"{n_known + 64:,} of 100,000 files, 10.5 files/s, {left} left",
        lines[2],
    ]
    assert lines[2].startswith(f"{n_known + 120:,} of 100,000 files, 9.9 files/s")


def test_every_problem_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("broken", "decode", "a\x1b.jpg is a damaged JPEG file.")
    progress = Progress("index", 1, 2, 1, modality=Modality.IMAGE, problems=(("/x/a\x1b.jpg", problem),))
    with IndexingScreen(as_json=False, is_quiet=False) as screen:
        screen.show(progress)
    assert capsys.readouterr().err.startswith("skipped: /x/a\\x1b.jpg")
    with IndexingScreen(as_json=False, is_quiet=True) as screen:
        screen.show(progress)
        screen.finish(report(), Path("/x"), is_dry_run=False, is_empty=True)
    assert capsys.readouterr() == ("", "")


def test_what_a_run_remarks_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    with IndexingScreen(as_json=False, is_quiet=False) as screen:
        screen.show(Progress("scan", 1, None, remarks=("A drive is away.",)))
        screen.finish(
            report(remarks=("A drive is away.", "The store is gone.")),
            Path("/x"),
            is_dry_run=False,
            is_empty=False,
        )
    assert capsys.readouterr().err == "A drive is away.\nThe store is gone.\n"


def test_an_interrupted_run_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with IndexingScreen(as_json=False, is_quiet=False) as screen:
        screen.finish(report(new=3, interrupted=True), Path("/x"), is_dry_run=False, is_empty=True)
    out, err = capsys.readouterr()
    assert "stopped early" in out
    assert "the same command again" in out
    assert err == ""


def test_recall_is_told_by_what_is_found_and_by_what(capsys: pytest.CaptureFixture[str]) -> None:
    state = State("faiss ivf", 10, 20, 0.95, {"image": {"text": 0.97, "image": 1.0}}, "a remark")
    output.store(state, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "faiss ivf, 10 of 20 vectors, recall 0.95 promised",
        "  image found by text 0.970, image 1.000",
        "a remark",
    ]
