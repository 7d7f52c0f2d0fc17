"""How fast indexing is, beside what it is made of; and how much memory it takes. Prints one JSON object.

    python benchmarks/indexing.py [--files 300] [--unchanged 20000] [--runs 3]

modalities: files per second from end to end, beside the model alone and decoding alone, measured in turns in
this run, without the start of the model and of the workers. `slowest_stage` is the rate of the slower of the
two. `shared_cores` is what the cores allow when both stages need all of them: 1 / (1/model + 1/decoding);
the first is the limit where decoding has cores to itself, the second where it has not.
unchanged: a run over files that have not changed, beside `find -printf` of the same facts.
memory: the peak of this process and of its largest worker, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from anyseek import indexer
from anyseek.catalog.catalog import Catalog
from anyseek.contracts import Embedder, Modality
from anyseek.embedders import registry
from anyseek.indexer import IndexOptions, Progress
from anyseek.media.worker import DecodePool, PreparedFile

WORKERS = len(os.sched_getaffinity(0))
BATCH = IndexOptions().batch
WORDS = "a the dog cat river storm red small old runs sleeps under over beside house music wind".split()

# ---------------------------------------------------------------- files like people's


def write_picture(path: Path, rng: np.random.Generator) -> None:
    """A JPEG of 1024 x 768 with some structure, about 150 kB."""
    coarse = rng.integers(0, 256, (48, 64, 3), np.uint8)
    large = Image.fromarray(coarse).resize((1024, 768), Image.Resampling.BICUBIC)
    grain = rng.integers(0, 24, (768, 1024, 1), np.uint8)
    Image.fromarray(np.asarray(large) // 2 + grain).save(path.with_suffix(".jpg"), quality=88)


def write_sound(path: Path, rng: np.random.Generator) -> None:
    """Ten seconds at 44.1 kHz, stereo, FLAC."""
    t = np.arange(441_000) / 44_100
    tone = np.sin(2 * np.pi * rng.uniform(100, 4000) * t) * 0.3
    samples = np.stack([tone, tone * 0.5], 1) + rng.standard_normal((441_000, 2)) * 0.02
    soundfile.write(path.with_suffix(".flac"), samples, 44_100)


def write_text(path: Path, rng: np.random.Generator) -> None:
    """One passage of some 400 characters."""
    words = " ".join(WORDS[i] for i in rng.integers(0, len(WORDS), 80))
    path.with_suffix(".txt").write_text(f"{words} {rng.integers(1 << 40)}.")


def write_depth(path: Path, rng: np.random.Generator) -> None:
    """A 16-bit PNG of 640 x 480, in millimetres."""
    coarse = Image.fromarray(rng.uniform(500, 8000, (6, 8)).astype(np.float32))
    metres = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC))
    Image.fromarray(metres.astype(np.uint16)).save(path.with_suffix(".png"))


WRITERS: dict[Modality, Callable[[Path, np.random.Generator], None]] = {
    Modality.IMAGE: write_picture,
    Modality.AUDIO: write_sound,
    Modality.TEXT: write_text,
    Modality.DEPTH: write_depth,
}


def fill(folder: Path, n_files: int, write: Callable[[Path, np.random.Generator], None]) -> None:
    """Files in folders of 200."""
    rng = np.random.default_rng(0)
    for i in range(n_files):
        place = folder / f"{i // 200:04}"
        place.mkdir(parents=True, exist_ok=True)
        write(place / f"{i:06}", rng)


def write_small(path: Path, rng: np.random.Generator) -> None:
    """A short text, or a small picture every fourth time: many files at little cost."""
    if int(path.name) % 4:
        write_text(path, rng)
    else:
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(path.with_suffix(".png"))


def paths_below(folder: Path) -> list[str]:
    return sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)


# ---------------------------------------------------------------- stages


def new_pool(embedder: Embedder) -> DecodePool:
    preparers = {modality: embedder.preparer(modality) for modality in embedder.card.modalities}
    return DecodePool(preparers, WORKERS, segments_per_task=BATCH)


def decoded(pool: DecodePool, paths: list[str]) -> Iterator[PreparedFile]:
    """As many ahead as the indexer has."""
    ahead = deque(pool.submit(path) for path in paths[: BATCH + 2 * WORKERS])
    for path in paths[BATCH + 2 * WORKERS :]:
        yield ahead.popleft().result()
        ahead.append(pool.submit(path))
    while ahead:
        yield ahead.popleft().result()


def decoding_rate(embedder: Embedder, paths: list[str]) -> float:
    """Files per second."""
    with new_pool(embedder) as pool:
        for _ in decoded(pool, paths[: 4 * WORKERS]):
            pass  # the workers are up now
        started = time.perf_counter()
        for _ in decoded(pool, paths):
            pass
        return len(paths) / (time.perf_counter() - started)


def model_rate(embedder: Embedder, modality: Modality, items: list[Any], n_files: int) -> float:
    """Files per second: `items` are segments of one file each."""
    embedder.embed(modality, items[:BATCH])
    stream = cycle(items)
    batches = [list(islice(stream, BATCH)) for _ in range(max(1, n_files // BATCH))]
    started = time.perf_counter()
    for batch in batches:
        embedder.embed(modality, batch)
    return len(batches) * BATCH / (time.perf_counter() - started)


def end_to_end(embedder: Embedder, folder: Path) -> tuple[float, float]:
    """Files per second: of the whole run, and between its first and its last tenth."""
    moments: list[float] = []

    def note(event: Progress) -> None:
        if event.stage == "index" and event.done > len(moments):
            moments.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as index, Catalog.create(Path(index) / "index", [folder]) as catalog:
        started = time.perf_counter()
        report = indexer.update(catalog, embedder, progress=note)
        whole = report.embedded / (time.perf_counter() - started)
    first, last = len(moments) // 10, len(moments) - 1
    return whole, (last - first) / (moments[last] - moments[first])


def measure_modality(embedder: Embedder, modality: Modality, n_files: int, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, n_files, WRITERS[modality])
        paths = paths_below(folder)
        with new_pool(embedder) as pool:
            items = [part.data for file in decoded(pool, paths[: 4 * BATCH]) for part in file.segments]
        rates: dict[str, list[float]] = {"model": [], "decoding": [], "end_to_end": [], "whole_run": []}
        for _ in range(runs):
            rates["model"].append(model_rate(embedder, modality, items, n_files))
            rates["decoding"].append(decoding_rate(embedder, paths))
            whole, steady = end_to_end(embedder, folder)
            rates["end_to_end"].append(steady)
            rates["whole_run"].append(whole)
    median = {name: statistics.median(values) for name, values in rates.items()}
    slowest = min(median["model"], median["decoding"])
    shared = 1 / (1 / median["model"] + 1 / median["decoding"])
    return {
        **{f"{name}_files_per_s": round(rate, 1) for name, rate in median.items()},
        "of_slowest_stage": round(median["end_to_end"] / slowest, 2),
        "of_shared_cores": round(median["end_to_end"] / shared, 2),
    }


# ---------------------------------------------------------------- many files


def many_files(folder: Path, index: Path) -> dict[str, Any]:
    """Run in a process of its own, twice over the same folder: the first time it makes the index."""
    is_new = not index.exists()
    embedder = registry.load("mini")
    with Catalog.create(index, [folder]) if is_new else Catalog.open(index) as catalog:
        started = time.perf_counter()
        report = indexer.update(catalog, embedder)
        seconds = time.perf_counter() - started
    return {
        "seen": report.seen,
        "unchanged": report.unchanged,
        "seconds": round(seconds, 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "largest_worker_peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }


def child(folder: Path, index: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(folder), str(index)]
    told: dict[str, Any] = json.loads(subprocess.check_output(command))
    return told


def measure_many(n_files: int, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder, index = Path(name) / "media", Path(name) / "index"
        fill(folder, n_files, write_small)
        long_ago = time.time() - 3600
        for path in paths_below(folder):
            os.utime(path, (long_ago, long_ago))
        first = child(folder, index)
        again, find = [], []
        for _ in range(runs):
            again.append(child(folder, index))
            started = time.perf_counter()
            subprocess.run(
                ["find", folder, "-type", "f", "-printf", "%P %s %T@ %i\n"],
                stdout=subprocess.DEVNULL,
                check=True,
            )
            find.append(time.perf_counter() - started)
    seconds = statistics.median(run["seconds"] for run in again)
    return {
        "files": n_files,
        "first_run": first,
        "unchanged_s": seconds,
        "find_s": round(statistics.median(find), 3),
        "over_find": round(seconds / statistics.median(find), 1),
        "unchanged_peak_mb": max(run["peak_mb"] for run in again),
    }


def machine() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    cpu = names[0].partition(":")[2].strip() if names else platform.machine()
    return f"{cpu}, {WORKERS} cores, Python {platform.python_version()}, load before: {load}"


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=300, help="files of each modality; 0: leave that out")
    parser.add_argument(
        "--unchanged", type=int, default=20_000, help="files of the large folder; 0: leave out"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(many_files(*options.child)))
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    result: dict[str, Any] = {
        "command": " ".join(["python", *sys.argv]),
        "commit": commit.stdout.strip(),
        "machine": machine(),
        "workers": WORKERS,
    }
    if options.files:
        embedder = registry.load("mini")
        result["model"] = f"{embedder.card.name} {embedder.card.fingerprint}"
        result["modalities"] = {
            str(modality): measure_modality(embedder, modality, options.files, options.runs)
            for modality in WRITERS
            if modality in embedder.card.modalities
        }
    if options.unchanged:
        result["small_folder"] = measure_many(min(1000, options.unchanged), options.runs)
        result["large_folder"] = measure_many(options.unchanged, options.runs)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
