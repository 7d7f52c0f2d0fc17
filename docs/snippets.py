"""The code blocks of a page, and how they are run: generate.py writes them with this, the tests check them.

A ```console block is a session: lines that begin with `$ ` are commands, the rest is what they print (output
and errors together). `cd` is remembered. A command that ends otherwise than well says so in a comment:
`$ anyseek search # exits with 2`. The ```python blocks of a page are one script, run after its sessions, in
the folder where the page begins. Blocks of any other kind (```sh, ```text) are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXITS = re.compile(r"# exits with (\d+)$")
HIT = re.compile(r"^ *\d+ +-?\d\.\d+ +(?:\d+% +)?([a-z]+) .*$")
EXCERPT = re.compile(r"^ {10,}\S")
BARE_PATH = re.compile(r"[\w./-]+/[\w. -]+\.\w+")
PATH_IN_JSON = re.compile(r'("(?:path|excerpt)"): "[^"]*"')
NUMBERS = re.compile(r"-?\d+(?:[.,:]\d+)*")
VARYING = re.compile(
    r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b|\b\d+(?:\.\d+)? s\b|(?<=127\.0\.0\.1:)\d+|(?<=kill -9 )\d+"
)
"""Differs from run to run: dates, durations, ports, process ids."""


class SnippetError(AssertionError):
    """A command of a page did not end as the page says."""


@dataclass(frozen=True)
class Command:
    """One `$ ` line and the output that a page shows below it."""

    line: str
    output: str

    @property
    def exit_code(self) -> int:
        """What the page says it ends with."""
        exits = EXITS.search(self.line)
        return int(exits[1]) if exits else 0


def blocks(page: str, kind: str) -> list[str]:
    """The contents of a page's fenced blocks of one kind, in order."""
    return [fence[2] for fence in FENCE.finditer(page) if fence[1] == kind]


def commands(block: str) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield Command(line, output)


@dataclass
class Session:
    """A terminal: where it stands, and what it finds there."""

    folder: Path
    home: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        tools = Path(sys.executable).parent
        self.environment = {
            "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }

    def run(self, command: Command) -> str:
        """What the command prints. Raises SnippetError."""
        change = re.fullmatch(r"cd (\S+)", command.line)
        if change:
            self.folder = (self.folder / change[1]).resolve(strict=True)
            return ""
        done = subprocess.run(
            ["bash", "-c", command.line],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != command.exit_code:
            raise SnippetError(f"$ {command.line}\nended with {done.returncode}:\n{done.stdout}")
        return done.stdout.replace(str(self.home), "/home/you")

    def run_script(self, script: str) -> str:
        """What a Python script prints. Raises SnippetError."""
        path = self.home / "snippets.py"
        path.write_text(script, encoding="utf-8")
        return self.run(Command(f"{sys.executable} {path}", ""))


def refreshed(page: str, session: Session) -> str:
    """The page with what its sessions print now."""

    def rewritten(fence: re.Match[str]) -> str:
        if fence[1] != "console":
            return fence[0]
        parts = [
            f"$ {command.line}\n{stable(command.output, session.run(command))}"
            for command in commands(fence[2])
        ]
        return f"```console\n{''.join(parts)}```"

    return FENCE.sub(rewritten, page)


def stable(shown: str, now: str) -> str:
    """What is printed now, or what the page shows when only what varies differs, or the order of lines.

    (Files are decoded by several processes, and a damaged one is named when it is met.)
    """

    def comparable_lines(text: str) -> list[str]:
        return sorted(VARYING.sub("X", text).splitlines())

    return shown if comparable_lines(shown) == comparable_lines(now) else now


def comparable(text: str) -> str:
    """What a session prints, without what depends on weights, processor and clock: files found, numbers."""
    lines = []
    for line in text.splitlines():
        if EXCERPT.match(line):
            continue
        line = HIT.sub(r"RANK SCORE \1 PATH", line)
        line = PATH_IN_JSON.sub(r"\1: ...", line)
        lines.append(NUMBERS.sub("#", "PATH" if BARE_PATH.fullmatch(line) else " ".join(line.split())))
    return "\n".join(lines)


def python_script(page: str) -> str:
    """All Python blocks of a page as one script."""
    return "\n".join(blocks(page, "python"))
