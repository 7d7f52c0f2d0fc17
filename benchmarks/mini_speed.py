"""How fast `mini` is: pictures, sounds, depth maps and texts a second, preparation and towers apart, and loading.

The peer in the same run is ONNX Runtime alone on the same prepared batch: what our batching adds to it.

    python benchmarks/mini_speed.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

from anyseek.contracts import Modality
from anyseek.embedders import registry
from anyseek.embedders.mini import towers

COUNT = {Modality.TEXT: 512, Modality.IMAGE: 512, Modality.AUDIO: 64, Modality.DEPTH: 256}


def items(modality: Modality, count: int) -> list[Any]:
    """Decoded media as the decoders hand it out: 320 x 240 pictures, 10 s windows, short sentences."""
    rng = np.random.default_rng(0)
    if modality is Modality.TEXT:
        words = "a dog cat boat runs sleeps on the beach in town near some old trees at night".split()
        return [" ".join(rng.choice(words, 9)) for _ in range(count)]
    if modality is Modality.IMAGE:
        return [rng.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(count)]
    if modality is Modality.AUDIO:
        return [rng.uniform(-1, 1, 320_000).astype(np.float32) for _ in range(count)]
    return [rng.uniform(0.5, 8, (240, 320)).astype(np.float32) for _ in range(count)]


def median(runs: int, work: Callable[[], object]) -> float:
    """Median seconds of `runs` calls, after one that is not counted."""
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def alone(sessions: list[onnxruntime.InferenceSession], batch: Any) -> None:
    """ONNX Runtime alone: one batch through body and head."""
    feed = {sessions[0].get_inputs()[0].name: batch}
    for session in sessions:
        names = [output.name for output in session.get_outputs()]
        feed = dict(zip(names, session.run(names, feed), strict=True))


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    mini = registry.load("mini")
    found: dict[str, object] = {
        "command": " ".join(sys.argv),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
    }
    for modality, count in COUNT.items():
        prepare = mini.preparer(modality)
        raw = items(modality, count)
        prepared = [prepare(item) for item in raw]
        started = time.perf_counter()
        sessions = [
            onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            for path in towers.files(towers.WEIGHTS / "mini", modality)
        ]
        load_s = time.perf_counter() - started
        same = [item for item in prepared if len(item) == len(prepared[0])][:32]
        batch = np.stack(same)
        alone_s = median(runs, lambda: alone(sessions, batch)) / len(same)  # noqa: B023
        tower_s = median(runs, lambda: mini.embed(modality, prepared)) / count  # noqa: B023
        prepare_s = median(1, lambda: [prepare(item) for item in raw]) / count  # noqa: B023
        found[str(modality)] = {
            "load_s": round(load_s, 3),
            "tower_per_s": round(1 / tower_s),
            "tower_over_onnxruntime_alone": round(tower_s / alone_s, 2),
            "prepare_per_s_one_core": round(1 / prepare_s),
        }
        if modality is Modality.AUDIO:
            found["audio_times_real_time"] = round(10 / (tower_s + prepare_s / (os.cpu_count() or 1)))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
