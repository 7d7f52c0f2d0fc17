"""How long the program takes to start: `anyseek --help`, and a cold text search over 10,000 segments.

Every figure stands beside its floor, measured in the same run in turns: the help page beside a bare Python,
the search beside `python -c "import numpy, onnxruntime"`. A cold process each; the median of --runs.

    python benchmarks/startup.py [--runs 9] [--segments 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ANYSEEK = str(Path(sys.executable).with_name("anyseek"))
SUBJECTS = "a dog|two children|an old man|a red car|the storm|a small boat|my sister|the last train".split(
    "|"
)
VERBS = "runs along|waits beside|sings near|sleeps under|looks across|paints|remembers|crosses".split("|")
PLACES = "the beach|a busy street|the frozen lake|our kitchen|the mountain pass|a quiet library".split("|")


def write_notes(folder: Path, n_segments: int, per_file: int = 20) -> None:
    """Text files of `per_file` passages each; a passage is cut at some 600 characters."""
    rng = random.Random(0)
    for number in range(n_segments // per_file):
        sentences: list[str] = []
        while sum(len(sentence) + 1 for sentence in sentences) < 560 * per_file:
            words = (rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(PLACES), rng.randrange(10_000))
            sentences.append("{} {} {}, number {}.".format(*words).capitalize())
        (folder / f"note{number:05}.txt").write_text(" ".join(sentences))


def run(command: list[str], cwd: Path) -> tuple[float, int]:
    """(wall time in seconds, peak memory in MB) of one process; a failure of the command stops the benchmark."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss // 1024


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--segments", type=int, default=10_000)
    options = parser.parse_args()
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "import anyseek": [sys.executable, "-c", "import anyseek"],
        "help": [ANYSEEK, "--help"],
        "import numpy, onnxruntime": [sys.executable, "-c", "import numpy, onnxruntime"],
        "search": [ANYSEEK, "search", "a dog on the beach", "-k", "5"],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_notes(folder, options.segments)
        subprocess.run([ANYSEEK, "index", str(folder), "--quiet"], check=True, cwd=folder)
        status = json.loads(subprocess.check_output([ANYSEEK, "status", "--json"], cwd=folder))
        times: dict[str, list[float]] = {label: [] for label in commands}
        memory = dict.fromkeys(commands, 0)
        for _ in range(options.runs):  # in turns, so that a slow moment hits all of them
            for label, command in commands.items():
                wall_s, peak_mb = run(command, folder)
                times[label].append(wall_s)
                memory[label] = max(memory[label], peak_mb)
    median = {label: round(statistics.median(runs), 3) for label, runs in times.items()}
    print(
        json.dumps(
            {
                "command": " ".join(sys.argv),
                "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
                "segments": status["segments"],
                "median_s": median,
                "minimum_s": {label: round(min(runs), 3) for label, runs in times.items()},
                "search_over_imports": round(median["search"] / median["import numpy, onnxruntime"], 2),
                "peak_memory_mb": memory,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
