"""What `anyseek models`, `pull` and `reindex` say: `python docs/models_session.py SAMPLES` prints such a session.

The hub that weights come from is played on this machine (tests/support/played_hub.py) and breaks its first answer off;
the weights it has are none. The index that is moved to another model is killed on the way, with signal 9.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from anyseek.embedders.mini.towers import WEIGHTS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from played_hub import played_hub

COPIES = 100
"""Of every picture among the samples, so that a run is long enough to be killed."""


class Terminal:
    """Commands in a folder, and what they print."""

    def __init__(self, home: Path, hub: str) -> None:
        places = {
            "HF_HOME": str(home / "hub"),
            "HF_ENDPOINT": hub,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "COLUMNS": "110",
        }
        self.home, self.environment = home, {**os.environ, **places}

    def started(self, line: str) -> subprocess.Popen[str]:
        """A command that goes on by itself."""
        command = [sys.executable, "-m", *line.split()]
        out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.home, env=self.environment, start_new_session=True, **out)

    def say(self, line: str) -> None:
        """Run a command and print the session."""
        output, _ = self.started(line).communicate()
        tell(f"$ {line}\n{output.replace(str(self.home), '~').strip()}".strip() + "\n")


def tell(text: str) -> None:
    """Print."""
    sys.stdout.write(text + "\n")


def library(home: Path, samples: Path) -> None:
    """Pictures, and heads of one's own: those of mini without the one for depth."""
    pictures = [
        path for path in sorted((samples / "pictures").rglob("*")) if path.suffix in {".webp", ".jpg"}
    ]
    for copy in range(COPIES):
        for path in pictures:
            place = home / "Media" / str(copy) / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    towers = home / "towers"
    shutil.copytree(WEIGHTS / "mini", towers)
    (towers / "depth.onnx").unlink()
    from anyseek.embedders.mini.card_writer import write_card

    write_card(towers)


def killed(terminal: Terminal, line: str) -> None:
    """Start a command; kill it once the new index has vectors."""
    tell(f"$ {line} &")
    process = terminal.started(line)
    building = terminal.home / "Media" / ".anyseek.next"
    while process.poll() is None and not any(building.rglob("*.f16")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    tell(f"$ kill -9 {process.pid}; ls -a Media | grep anyseek")
    tell("\n".join(sorted(path.name for path in (terminal.home / "Media").glob(".any*"))) + "\n")


def main() -> None:
    """The session."""
    with tempfile.TemporaryDirectory() as folder, played_hub() as hub:
        home = Path(folder).resolve()
        library(home, Path(sys.argv[1]))
        terminal = Terminal(home, hub)
        terminal.say("anyseek models")
        terminal.say("anyseek models pull pe-av-small")
        terminal.say("anyseek models show pe-av-small")
        terminal.say("anyseek index Media --quiet")
        killed(terminal, "anyseek reindex --index Media/.anyseek --model mini:towers --quiet")
        terminal.say("anyseek search --index Media/.anyseek boat -k 2")
        terminal.say("anyseek reindex --index Media/.anyseek --model mini:towers --quiet")
        terminal.say("anyseek status --index Media/.anyseek")


if __name__ == "__main__":
    main()
