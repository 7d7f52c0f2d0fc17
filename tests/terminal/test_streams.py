"""What a caller closed, removed or cannot show: one sentence, and nothing written where it does not belong."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ran import ANYSEEK
from waiting import BRAKE_S


def run(environment: dict[str, str], folder: Path, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A line of the shell in which $A is the program."""
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={**environment, **env, "A": str(ANYSEEK)},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=BRAKE_S,
        check=False,
    )


def test_a_closed_standard_output_is_told(environment: dict[str, str], media: Path) -> None:
    ran = run(environment, media, '"$A" search rain --paths >&-')
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("anyseek: Standard output is closed")
    assert "Traceback" not in ran.stderr


def test_a_command_with_nothing_to_show_needs_no_output(environment: dict[str, str], media: Path) -> None:
    """And no file that it opens gets the number of a stream, for others to write into."""
    ran = run(environment, media, '"$A" index . --quiet <&- >&- 2>&-')
    assert ran.returncode == 0
    assert run(environment, media, '"$A" doctor').stdout == "The index is healthy.\n"
    assert run(environment, media, '"$A" search rain --paths 2>&-').returncode == 0


@pytest.mark.thorough
def test_a_current_folder_that_is_gone_is_told(environment: dict[str, str], media: Path) -> None:
    for command in ("search rain", "index", "status", "doctor"):
        ran = run(environment, media, f'mkdir gone; cd gone; rmdir ../gone; "$A" {command}')
        assert (ran.returncode, ran.stdout) == (2, ""), command
        assert ran.stderr.startswith("anyseek: The current folder is no longer there"), command
    gone = f'mkdir gone; cd gone; rmdir ../gone; "$A" search rain --index "{media}/.anyseek" --paths'
    assert run(environment, media, gone).returncode == 0


@pytest.mark.thorough
@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_names_that_the_output_cannot_show_are_escaped(
    environment: dict[str, str], media: Path, encoding: str
) -> None:
    (media / "雨.txt").write_text("rain 雨")
    assert run(environment, media, '"$A" index . --quiet').returncode == 0
    ran = run(environment, media, '"$A" search rain --to text', PYTHONIOENCODING=encoding)
    assert ran.returncode == 0
    assert "\\u96e8.txt" in ran.stdout


@pytest.mark.thorough
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("closed", [".anyseek", ".anyseek/vectors", ".anyseek/catalog.sqlite"])
def test_what_may_not_be_read_is_told_and_repaired_by_nobody(
    environment: dict[str, str], media: Path, open_to_all: Path, closed: str
) -> None:
    """As an ordinary user: root reads everything."""
    media = Path(shutil.move(media, open_to_all / "media"))
    code = (
        "import os, sys, numpy, onnxruntime, typer, msgspec\n"
        "from anyseek import cli, workspace, modalities\n"
        "from anyseek.library import doctor\n"
        "from anyseek.terminal import output\n"
        "import anyseek.catalog.vectors, anyseek.catalog.values, anyseek.search.answer, anyseek.stores.exact\n"
        "modalities.load_plugins()\n"
        "os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
        "sys.exit(cli.main(sys.argv[2:]))\n"
    )
    subprocess.run(["chown", "-R", "65534:65534", str(media)], check=True)
    before = {path: path.read_bytes() for path in (media / ".anyseek").rglob("*") if path.is_file()}
    mode = (media / closed).stat().st_mode
    (media / closed).chmod(0)
    (media / "as_nobody.py").write_text(code)
    python = ANYSEEK.parent / "python"
    for command in ("doctor", "doctor --repair", "store show"):
        ran = run(environment, media, f'"{python}" as_nobody.py "{media}" {command}')
        if command == "store show" and closed == ".anyseek/vectors":
            continue  # which needs none
        assert (ran.returncode, ran.stdout) == (51, ""), (command, ran.stderr)
        assert "permission" in ran.stderr
    (media / closed).chmod(mode)
    assert {path: path.read_bytes() for path in before} == before
