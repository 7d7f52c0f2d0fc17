"""How long ImageBind's towers take to open, and the memory that costs, beside torch.load of the whole file.

    python benchmarks/imagebind_loading.py [--towers text,vision,audio,depth,thermal,imu] [--precisions float32,int8]

A checkpoint of random numbers in the official format and size (4.8 GB) is made in a temporary folder. Every line is a
process of its own. Pages of a mapped file count as memory once they are read; *own* leaves them out, as the system does
when it needs room.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from anyseek.embedders.imagebind.checkpoint import load
from anyseek.embedders.imagebind.config import HUGE, tensors


def make(path: Path) -> None:
    """All six towers, random."""
    generator = torch.Generator().manual_seed(0)
    found = {
        key: torch.randn(shape, generator=generator) * 0.02
        for name in HUGE.towers
        for key, shape in tensors(HUGE, name).items()
    }
    torch.save(found, path)


def memory_mb() -> dict[str, float]:
    """Of this process: the most it held at once, and what of its memory now is no file's."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(lines[key].split()[0]) / 1024 for name, key in (("peak", "VmHWM"), ("own", "RssAnon"))}


def opened(path: str, tower: str, precision: str) -> None:
    """One tower, or the whole file as a plain program reads it; prints what it took."""
    before, start = memory_mb(), time.perf_counter()
    kept = torch.load(path, weights_only=True) if tower == "all" else load(path, tower, precision)  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    told = memory_mb()
    print(
        json.dumps(
            {"tower": tower, "precision": precision, "seconds": round(seconds, 2)}
            | {f"{name}_mb": round(told[name] - before["own"]) for name in told}
        ),
        flush=True,
    )
    del kept


def main() -> None:
    """Prints one JSON object a tower and precision."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--towers", default="text,vision,audio,depth,thermal,imu")
    parser.add_argument("--precisions", default="float32,bfloat16,int8")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        opened(*options.one)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "imagebind_huge.pth"
        make(path)
        print(json.dumps({"file_mb": round(path.stat().st_size / 2**20)}), flush=True)
        asked = [(tower, one) for tower in options.towers.split(",") for one in options.precisions.split(",")]
        for tower, precision in (("all", "float32"), *asked):
            command = [sys.executable, __file__, "--one", str(path), tower, precision]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
