"""The program `anyseek` as a process whose files fail: with faults.so loaded, it runs a command for each line of stdin.

Each command runs in a fork of its own, so that the modules are loaded once. A line is a JSON object (see `faults.Job`);
the answer is another (see `faults.Outcome`).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import crash_writer

import anyseek.cli
from anyseek.catalog.catalog import Catalog

_LOADED = (
    "workspace",
    "indexer",
    "indexer.apply",
    "indexer.pipeline",
    "embedders.mini.model",
    "media.worker",
)
_LOADED += ("library.doctor", "library.exchange", "catalog.check", "catalog.repair", "terminal.progress")


def main() -> None:
    for name in _LOADED:
        importlib.import_module(f"anyseek.{name}")
    for name in ("onnxruntime", "faiss"):
        importlib.import_module(name)
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_run(library, json.loads(line))), flush=True)


def _run(library: ctypes.CDLL, job: dict[str, Any]) -> dict[str, Any]:
    place = Path(job["place"])
    counts = place / "counts"
    counts.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        try:
            _redirect(place)
            code = _command(library, job, counts)
        except BaseException:  # noqa: BLE001 - the parent must not go on as two
            traceback.print_exc()
            code = 99
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    steps, fired = json.loads(counts.read_text()) if counts.exists() else (0, 1)
    printed = {name: (place / name).read_text(errors="replace") for name in ("out", "err")}
    return {"code": code, "steps": steps, "fired": fired, **printed}


def _redirect(place: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, name, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, place / "out", flags),
        (2, place / "err", flags),
    ):
        os.dup2(os.open(name, how, 0o600), number)


def _command(library: ctypes.CDLL, job: dict[str, Any], counts: Path) -> int:
    os.chdir(job["place"])
    begin = library.faults_begin
    begin.argtypes = [
        ctypes.c_char_p,
        ctypes.c_long,
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_char_p,
    ]
    below, log = os.fsencode(job["below"]), os.fsencode(job["log"])
    begin(below, job["at"], job["times"], job["error"], job["kinds"], log)
    first, *others = job["arguments"]
    if first == "create":
        Catalog.create(Path(others[0]), [Path(job["place"])]).close()
        code = 0
    elif first == "steps":
        code = _steps(library, *others)
    else:
        code = anyseek.cli.main(job["arguments"])
    if code == 0:
        library.faults_mark(b"done")
    library.faults_end()
    counts.write_text(json.dumps([library.faults_steps(), library.faults_fired()]))
    return code


def _steps(library: ctypes.CDLL, index: str, space: str, seed: str, steps: str) -> int:
    """The transactions of crash_writer, each marked in the record when it was committed."""
    with Catalog.open(Path(index)) as catalog, catalog.lock("steps"):
        for i in range(int(steps)):
            crash_writer.step(catalog, int(space), int(seed), i)
            library.faults_mark(str(i).encode())
    return 0


if __name__ == "__main__":
    main()
