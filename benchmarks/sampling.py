"""What the look at some vectors costs when an index is opened for search: 10,000 and 1,000,000 rows of 64 numbers.

Each figure is of a new snapshot and, with --cold, of files that the system was asked to forget. Rows are multiples of
10,000.

    python benchmarks/sampling.py [--rows 10000 1000000] [--runs 20] [--cold]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.sampling import sample
from anyseek.contracts import Modality, ModelCard, SeenFile, Span

DIM = 64
PER_FILE = 10_000


def make(folder: Path, n_rows: int) -> Catalog:
    """An index of one space with so many rows."""
    catalog = Catalog.create(folder)
    card = ModelCard("random", "random-1", DIM, (Modality.AUDIO,), "none", "yes", 0, "benchmarks")
    rows = np.random.default_rng(0).standard_normal((PER_FILE, DIM), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    parts = [(Span(i, i + 1), "") for i in range(PER_FILE)]
    for number in range(n_rows // PER_FILE):
        with catalog.begin() as writer:
            space_id = writer.ensure_space(card)
            file_id = writer.put_file(SeenFile(0, f"{number}.flac", 1, 1, number), bytes(16), Modality.AUDIO)
            writer.add_segments(file_id, space_id, Modality.AUDIO, parts, rows)
    return catalog


def forget(folder: Path) -> None:
    """Let the system drop what it keeps of these files."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measured(n_rows: int, runs: int, *, is_cold: bool) -> dict[str, float]:
    """Milliseconds of one look."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "index"
        times, n_looked = [], []
        with make(folder, n_rows) as catalog:
            for _ in range(runs):
                if is_cold:
                    forget(folder)
                with catalog.read() as snapshot:
                    started = time.perf_counter()
                    found = sample(snapshot, snapshot.spaces()[0])
                    times.append(1000 * (time.perf_counter() - started))
                    n_looked.append(found.n_rows)
    return {
        "rows": n_rows,
        "looked_at": statistics.median(n_looked),
        "median_ms": round(statistics.median(times), 2),
        "maximum_ms": round(max(times), 2),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    figures = [measured(n_rows, options.runs, is_cold=options.cold) for n_rows in options.rows]
    print(json.dumps({"command": " ".join(sys.argv), "looks": figures}, indent=1))


if __name__ == "__main__":
    main()
