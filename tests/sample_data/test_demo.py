"""The demo's questions can be answered from the samples, and its picture is drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


def test_questions_and_answers_are_samples(samples: Path) -> None:
    from questions import QUESTIONS

    assert len({asked.direction for asked in QUESTIONS}) >= 6
    assert len({asked.query for asked in QUESTIONS}) == len(QUESTIONS)
    for asked in QUESTIONS:
        assert asked.right
        assert all((samples / path).is_file() for path in asked.right), asked
        assert asked.source == "text" or (samples / asked.query).is_file(), asked


def test_the_answer_of_a_question_is_never_its_query(samples: Path) -> None:
    from questions import QUESTIONS

    for asked in QUESTIONS:
        assert asked.query not in asked.right
        assert asked.source != asked.target or asked.source == "text"


def test_rank_is_of_the_first_right_hit() -> None:
    from questions import question
    from sheet import Answer, Found

    asked = question("text", "image", "a cat", "cat.png", "kitten.png")
    hits = (Found("dog.png", 0.3), Found("kitten.png", 0.2), Found("cat.png", 0.1))
    assert Answer(asked, hits).rank == 2
    assert Answer(asked, hits[:1]).rank is None


def test_the_contact_sheet_shows_every_modality(samples: Path, tmp_path: Path) -> None:
    from questions import QUESTIONS
    from sheet import WIDTH, Answer, Found, draw_sheet, save_sheet

    answers = [Answer(asked, tuple(Found(path, 0.5) for path in sorted(asked.right))) for asked in QUESTIONS]
    target = tmp_path / "sheet.png"
    save_sheet(draw_sheet(answers, samples, "all right"), target)
    with Image.open(target) as sheet:
        assert sheet.width == WIDTH == 1400
        assert len(sheet.convert("RGB").resize((140, 100)).getcolors(14_000) or []) > 500
    assert target.stat().st_size <= 1_000_000


@pytest.mark.slow
def test_the_demo_runs_and_says_what_it_found(tmp_path: Path) -> None:
    from demo_files import SCRIPTS

    command = [sys.executable, str(SCRIPTS / "demo.py"), "--quick", "--folder", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "right at rank 1" in done.stdout
    assert "Try next" in done.stdout
    assert (tmp_path / "demo/contact-sheet.png").is_file()
