"""A process that updates an index, to be killed or interrupted: `python indexing_process.py INDEX FOLDER [options]`.

Small batches and a commit after each, so that there are many moments to die at. Prints each step of its progress, and
at the end what the run did, as JSON, with the number of calls that its main thread made.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from fakes import WordEmbedder
from moments import count_calls

from anyseek import indexer
from anyseek.catalog.catalog import Catalog
from anyseek.indexer import IndexOptions, Progress


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("index", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--say-at", type=int, default=0, help='print "here" at this call')
    parser.add_argument(
        "--wait-at", type=int, default=-1, help="wait for a line on stdin when so many files are done"
    )
    options = parser.parse_args()

    def show(event: Progress) -> None:
        if event.stage == "index":
            print(f"done {event.done}", flush=True)
            if event.done == options.wait_at:
                sys.stdin.readline()

    if not (options.index / "catalog.sqlite").exists():
        Catalog.create(options.index, [options.folder]).close()
    settings = IndexOptions(workers=2, batch=4, commit_s=0.0)
    with Catalog.open(options.index) as catalog:
        n_calls = count_calls(options.say_at)
        report = indexer.update(catalog, WordEmbedder(), options=settings, progress=show)
        sys.setprofile(None)
    print(json.dumps({**asdict(report), "calls": n_calls()}), flush=True)


if __name__ == "__main__":
    main()
