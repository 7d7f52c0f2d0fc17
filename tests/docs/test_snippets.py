"""What README and docs show is what happens: every session and every Python block is run.

Which files are found, and scores, times and sizes, are not compared: they depend on the model's weights and
in near ties on the processor. All else is: the commands work, and print what the page shows in this form.
When a page is out of date: `python docs/generate.py`, then look at what changed.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from snippets import Session

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HIT = re.compile(r"^ +\d+\.? +(-?\d\.\d{3}) .*?(\w+/\S+\.\w+)", re.MULTILINE)


def pages_with(kind: str) -> list[Path]:
    return [path for path in PAGES if f"```{kind}\n" in path.read_text(encoding="utf-8")]


@pytest.mark.thorough
@pytest.mark.parametrize("path", pages_with("console"), ids=lambda path: path.name)
def test_sessions_print_what_the_page_shows(path: Path, session: Session) -> None:
    from snippets import blocks, comparable, refreshed

    page = path.read_text(encoding="utf-8")
    printed = refreshed(page, session)
    for shown, now in zip(blocks(page, "console"), blocks(printed, "console"), strict=True):
        assert comparable(shown) == comparable(now), "run python docs/generate.py"


@pytest.mark.thorough
@pytest.mark.parametrize("path", pages_with("python"), ids=lambda path: path.name)
def test_python_blocks_run(path: Path, session: Session) -> None:
    from snippets import python_script

    session.run_script(python_script(path.read_text(encoding="utf-8")))


def test_the_pages_that_teach_have_snippets() -> None:
    assert {"README.md", "cli.md"} <= {path.name for path in pages_with("console")}
    assert {"README.md", "python.md"} <= {path.name for path in pages_with("python")}


def test_readme_and_the_demo_show_the_same_scores() -> None:
    """Both are of the same samples: a file has one score for one query, on whichever page."""
    readme, demo = (_scores(path.read_text("utf-8")) for path in (ROOT / "README.md", ROOT / "docs/demo.md"))
    queries = readme.keys() & demo.keys()
    assert len(queries) >= 3
    for query in queries:
        both = readme[query].keys() & demo[query].keys()
        assert both, query
        assert {path: readme[query][path] for path in both} == {path: demo[query][path] for path in both}, (
            "run python docs/generate.py --demo"
        )


def _scores(page: str) -> dict[str, dict[str, str]]:
    """By query, then path: the scores that a page shows."""
    scores: dict[str, dict[str, str]] = {}
    for session in page.split("\n$ anyseek search ")[1:]:
        line, _, output = session.partition("\n$ ")[0].partition("\n")
        query = " ".join(shlex.split(line.removesuffix(" --vectors-only")))
        scores[query] = {path: score for score, path in HIT.findall(output)}
    return scores


def test_dates_and_durations_alone_do_not_change_a_page(tmp_path: Path) -> None:
    from snippets import Session, refreshed

    page = "```console\n$ echo 'Last run 2026-11-29 23:20, 3 new; 2.5 s'\nLast run 2020-01-31 09:00, {} new; 10 s\n```"
    session = Session(tmp_path, tmp_path)
    assert refreshed(page.format(3), session) == page.format(3)
    assert "23:20, 3 new; 2.5 s\n```" in refreshed(page.format(4), session)


def test_a_page_that_lies_is_found_out(tmp_path: Path) -> None:
    from snippets import Session, SnippetError, refreshed

    session = Session(tmp_path, tmp_path)
    rewritten = refreshed("```console\n$ echo 1 two\nthree\n```", session)
    assert rewritten == "```console\n$ echo 1 two\n1 two\n```"
    with pytest.raises(SnippetError):
        refreshed("```console\n$ false\n```", session)
    with pytest.raises(SnippetError):
        session.run_script("raise SystemExit(3)")
    refreshed("```console\n$ (exit 4) # exits with 4\n```", session)


def test_other_hits_compare_equal_and_other_words_do_not() -> None:
    from snippets import comparable

    shown = "Searching for “x”\n\n  1   0.191  text   notes/a.txt  characters 0-9\n          some words\n"
    now = "Searching for “x”\n\n  1  -0.201  text   notes/other.txt  characters 0-119\n          of its own\n"
    assert comparable(shown) == comparable(now)
    assert comparable(shown) != comparable(now.replace("Searching", "Looking"))
    assert comparable(shown) != comparable(now.replace("text ", "image"))
    assert comparable("  1   0.313   79%  image  sea/evening.webp\n") == comparable(
        "  1  0.3  8%  image  a.png\n"
    )
    assert comparable("pictures/a b.png\n") == comparable("notes/c.txt\n")
