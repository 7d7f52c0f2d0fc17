"""What the look at some vectors costs when an index is opened for search: 10,000 and 1,000,000 rows of 512 numbers.

Each figure is of a new snapshot and, with --cold, of a file that the system has forgotten (posix_fadvise). The vectors
are zeros, which cost what others do, in a file without blocks: the disk is not part of the cold figure on every system.

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
import zlib
from pathlib import Path

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.sampling import sample
from anyseek.contracts import Modality, ModelCard

DIM = 512


def make(folder: Path, n_rows: int) -> Catalog:
    """An index of one space with so many rows."""
    catalog = Catalog.create(folder)
    card = ModelCard("zeros", "zeros-1", DIM, (Modality.IMAGE,), "none", "yes", 0, "benchmarks")
    crc = zlib.crc32(bytes(2 * DIM))
    with catalog.begin() as writer:
        space_id = writer.ensure_space(card)
        writer.database.run_many(
            "INSERT INTO embeddings (space_id, row, segment_id, modality, visible, crc) VALUES (?, ?, ?, ?, 1, ?)",
            ((space_id, row, row + 1, "image", crc) for row in range(n_rows)),
        )
        writer.database.run("UPDATE spaces SET rows = ?, live = ?", [n_rows, n_rows])
    (folder / "vectors").mkdir()
    with (folder / f"vectors/{space_id}.0.f16").open("wb") as file:
        file.truncate(n_rows * DIM * 2)
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
