"""A process that writes an index until it is killed: `python crash_writer.py INDEX SPACE SEED [MOMENT]`.

Step i of a seed is always the same transaction; each committed step is told on stdout ("5\n") after its
commit. MOMENT names where it kills itself: NAME:N is the N-th time that NAME happens (see `die_at`).
Without one it dies at a line, as `dying` says.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dying
from indexes import put, seen, unit_rows

from anyseek.catalog import vectors
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.database import Database
from anyseek.contracts import Modality, Problem, Span

STEPS = 60


def step(catalog: Catalog, space: int, seed: int, i: int) -> None:
    """One committed change: adds, replaces, deletes, moves, a file over two transactions, a compaction."""
    luck = random.Random(seed * 1000 + i)
    if i % 7 == 6:
        catalog.compact(space)
        return
    with catalog.read() as snapshot:
        known = [record.path for record in snapshot.files()]
        ids = {record.path: record.file_id for record in snapshot.files()}
    with catalog.begin() as writer:
        if i % 10 == 0:
            writer.start_run(f"step {i}")
        for path in luck.sample(known, min(len(known), 2)):
            writer.delete([ids.pop(path)])
        if ids:
            writer.move(ids[max(ids)], seen(f"moved{i}"))
        for j in range(luck.randrange(1, 6)):
            put(writer, space, f"f{luck.randrange(40)}", unit_rows(luck.randrange(1, 30), 100 * i + j))
        writer.put_failed(seen(f"bad{i % 5}"), b"x", None, Problem("broken", "decode", str(i)))
        if i % 5 == 0:
            number = writer.put_file(seen(f"long{i}"), b"l", Modality.AUDIO, complete=False)
            writer.add_segments(number, space, Modality.AUDIO, [(Span(), "")] * 9, unit_rows(9, i))


def die_at(moment: str) -> None:
    """Kill ourselves at the N-th write, fsync, commit or rename of the catalog's own code."""
    name, number = moment.split(":")
    left = [int(number)]

    def counted(
        what: Callable[..., Any], *, before: bool, when: Callable[..., bool] = lambda *_: True
    ) -> Any:
        def wrapper(*values: Any, **named: Any) -> Any:
            if not when(*values):
                return what(*values, **named)
            left[0] -= 1
            if left[0] == 0 and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = what(*values, **named)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    def is_commit(database: Database, sql: str, *_: Any) -> bool:
        return sql == "COMMIT"

    if name == "half-written":
        real = os.pwrite

        def half(descriptor: int, data: bytes, offset: int) -> int:
            left[0] -= 1
            if left[0] == 0:
                real(descriptor, data[: len(data) // 2], offset)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(descriptor, data, offset)

        os.pwrite = half  # type: ignore[assignment]
    elif name == "before-sync":
        vectors.VectorAppender.sync = counted(vectors.VectorAppender.sync, before=True)  # type: ignore[method-assign]
    elif name in ("before-commit", "after-commit"):
        is_before = name == "before-commit"
        Database.run = counted(Database.run, before=is_before, when=is_commit)  # type: ignore[method-assign]
    elif name == "in-transaction":
        Database.run_many = counted(Database.run_many, before=False)  # type: ignore[method-assign]
    elif name == "before-unlink":
        os.unlink = Path.unlink = counted(Path.unlink, before=True)  # type: ignore[method-assign, assignment]
    else:
        raise ValueError(name)


def main(folder: str, space: str, seed: str, moment: str = "") -> None:
    with Catalog.open(Path(folder)) as catalog, catalog.lock("crash test"):
        if moment:
            die_at(moment)
        else:
            dying.begin("catalog", "atomic.py")
        for i in range(STEPS):
            step(catalog, int(space), int(seed), i)
            sys.stdout.write(f"{i}\n")
            sys.stdout.flush()
        sys.stdout.write(f"lines {dying.lines()}\n")
        sys.stdout.flush()
        while True:  # whoever started us ends us
            signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
