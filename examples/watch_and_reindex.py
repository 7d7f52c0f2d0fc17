"""Keep an index up to date while files change: python examples/watch_and_reindex.py FOLDER (Ctrl-C ends it).

Needs watchfiles: pip install "anyseek[watch]". The command `anyseek watch` does the same with more care for
network drives.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import watchfiles

import anyseek


def is_content(change: watchfiles.Change, path: str) -> bool:
    """Leave out the index itself, whose changes are our own."""
    return ".anyseek" not in Path(path).parts


def update(index: anyseek.Index) -> None:
    """One run over what changed, and a line about it."""
    report = index.add()
    print(
        f"{report.new} new, {report.changed} changed, {report.gone} gone, {report.unchanged} as before",
        flush=True,
    )


def main(folder: str) -> None:
    """Update once, then after every burst of changes that is followed by a quiet second."""
    with anyseek.open(folder) as index:
        changes = watchfiles.watch(
            folder,
            watch_filter=is_content,
            step=1000,
            raise_interrupt=False,
            yield_on_timeout=True,
            rust_timeout=500,
        )
        next(changes)  # watching has begun: from here on no change is missed
        update(index)
        for burst in changes:
            if burst:
                update(index)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1])
