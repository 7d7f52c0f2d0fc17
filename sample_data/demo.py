"""`make demo`: make the samples, index them, ask in every direction, and say honestly what came back.

Everything goes through the command line that a user has; nothing here knows how a model works.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from make import make
from photos import credits_table
from questions import BLIND, CHOSEN, PHOTOGRAPHS, QUESTIONS, Question
from sheet import Answer, Found, draw_sheet, save_sheet

HERE = Path(__file__).resolve().parent
AT_ONCE = 2
EXIT_OK, EXIT_NEW_PROBLEMS = 0, 3
TRY_NEXT = (
    'anyseek search "a red car on a road"',
    "anyseek search --image pictures/table/break.png --to text",
    "anyseek search --audio recordings/weather/rain.flac --to audio",
    'anyseek search --image pictures/sea/beach.jpg "in the evening" --to image',
    "anyseek similar pictures/home/kitchen.jpg",
    "anyseek status",
)


class DemoError(Exception):
    """Something in the demo did not work; the message says which command."""


def fingerprint() -> str:
    """Changes when the scripts that make the samples change."""
    digest = hashlib.sha256()
    for path in sorted([*HERE.glob("*.py"), *HERE.glob("*.toml")]):
        if path.stem not in ("demo", "questions", "cards", "sheet"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def ensure_samples(samples: Path, height: int) -> None:
    """Make the samples unless these very ones are there already."""
    note = samples.parent / "samples-made-by"
    wanted = f"{fingerprint()} {height}\n"
    if samples.is_dir() and note.is_file() and note.read_text() == wanted:
        print(f"The samples are there already: {samples}")
        return
    if samples.is_dir():
        shutil.rmtree(samples)
    started = time.monotonic()
    print("Drawing, rendering and synthesising the samples (about a minute) ...")
    made = make(samples, height)
    note.write_text(wanted)
    print(f"{len(made)} files in {samples}, {time.monotonic() - started:.0f} s")


def anyseek(arguments: Sequence[str], folder: Path, capture: bool) -> subprocess.CompletedProcess[str]:
    """The `anyseek` command, run in `folder`."""
    command = [sys.executable, "-m", "anyseek", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=capture, text=True, check=False)


def index(samples: Path) -> None:
    """Index the samples; unreadable files are expected, and end with the exit code that says so."""
    shutil.rmtree(samples / ".anyseek", ignore_errors=True)  # perhaps made by an older model
    print("\n$ anyseek index .", flush=True)
    done = anyseek(["index", "."], samples, capture=False)
    if done.returncode not in (EXIT_OK, EXIT_NEW_PROBLEMS):
        raise DemoError(f"anyseek index ended with exit code {done.returncode}")


def as_found(record: dict[str, Any], samples: Path) -> Found:
    """One line of `anyseek search --json`."""
    path = os.path.relpath(record["path"], samples)
    span = record["span"]
    if span["unit"] != "s":
        return Found(path, record["score"])
    times = "-".join(f"{int(at // 60)}:{int(at % 60):02d}" for at in (span["start"], span["end"]))
    return Found(path, record["score"], " " + times, span["start"])


def ask(question: Question, samples: Path) -> Answer:
    """The hits of one question, through `anyseek search --json`."""
    # The names of the samples tell what is in them; only the model is to be asked.
    done = anyseek(["search", *question.arguments, "--vectors-only", "--json"], samples, capture=True)
    if done.returncode != EXIT_OK:
        raise DemoError(f"anyseek search ended with exit code {done.returncode}:\n{done.stderr}")
    records = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    hits = [as_found(record, samples) for record in records]
    return Answer(question, tuple(hits[:3]))


def report(answer: Answer) -> None:
    """Print a question as a command, its hits, and whether the first is right."""
    command = shlex.join(["anyseek", "search", *answer.question.arguments, "--vectors-only"])
    print(f"\n{answer.question.direction}\n$ {command}")
    for number, hit in enumerate(answer.hits, 1):
        mark = "*" if hit.path in answer.question.right else " "
        print(f"  {number}. {hit.score:6.3f} {mark} {hit.path}{hit.span}")
    if answer.rank is None:
        print(f"  wrong: not among the first {len(answer.hits)}: {', '.join(sorted(answer.question.right))}")
    elif answer.rank > 1:
        print(f"  right at rank {answer.rank}")
    else:
        print("  right at rank 1")


def summary(answers: Sequence[Answer]) -> str:
    """How many were right, blind questions and chosen ones apart, and in how many directions."""
    parts = []
    for when, questions in (("written beforehand", BLIND + PHOTOGRAPHS), ("chosen afterwards", CHOSEN)):
        ranks = [answer.rank for answer in answers if answer.question in questions]
        within = sum(rank is not None for rank in ranks)
        parts.append(f"{when}: {ranks.count(1)} of {len(ranks)} right at rank 1, {within} in the first three")
    right = {answer.question.direction for answer in answers if answer.rank == 1}
    asked = {answer.question.direction for answer in answers}
    return f"Questions {'; '.join(parts)}; right answers at rank 1 in {len(right)} of {len(asked)} directions"


def run(folder: Path, height: int) -> None:
    """The whole demo, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = folder / "samples"
    ensure_samples(samples, height)
    index(samples)
    answers = []
    with ThreadPoolExecutor(
        AT_ONCE
    ) as pool:  # each question is a program of its own, which starts and reads the model
        for answer in pool.map(partial(ask, samples=samples), QUESTIONS):
            answers.append(answer)
            report(answer)
    print(f"\n{summary(answers)}.")
    if not all(answer.rank == 1 for answer in answers):
        print("The built-in model is small; what it got wrong is shown as it is.")
    picture = folder / "contact-sheet.png"
    save_sheet(draw_sheet(answers, samples, summary(answers)), picture)
    print(f"\nContact sheet: {picture}")
    (folder / "photographs.md").write_text(credits_table(), encoding="utf-8")
    print(f"Whose the photographs are: {folder / 'photographs.md'}")
    print(f"\nTry next, in {samples} (`anyseek` is in .venv/bin after `make demo`):")
    for line in TRY_NEXT:
        print(f"  {line}")
    print("\nIn a browser: make serve-demo")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Index sample files and ask in every direction.")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where everything is written")
    parser.add_argument("--quick", action="store_true", help="render smaller pictures, quicker")
    arguments = parser.parse_args()
    try:
        run(arguments.folder.resolve(), 120 if arguments.quick else 240)
    except DemoError as error:
        print(f"The demo stopped: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
