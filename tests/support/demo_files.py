"""The sample files of the demo, made once for all the tests that need them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "sample_data"


def demo_files(cache: Path, quick: bool = True) -> Path:
    """A folder with all samples. Made below `cache` unless these very ones are there.

    quick: smaller renders, in seconds; without it those of `make demo`, which take about a minute.
    """
    digest = hashlib.sha256()
    for path in sorted([*SCRIPTS.glob("*.py"), *SCRIPTS.glob("*.toml")]):
        if path.stem not in ("demo", "questions", "cards", "sheet"):
            digest.update(path.read_bytes())
    folder = cache / f"{digest.hexdigest()[:16]}{'' if quick else '-full'}"
    if not folder.is_dir():
        # Of one's own: two workers may make them at the same moment. Who is first has made them for both.
        with tempfile.TemporaryDirectory(dir=cache) as own:
            made = Path(own) / "samples"
            command = [sys.executable, str(SCRIPTS / "make.py"), str(made), *(["--quick"] if quick else [])]
            subprocess.run(command, check=True, capture_output=True)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    return folder
