"""A process that updates an index, to be killed or interrupted: `python indexing_process.py INDEX FOLDER`.

Small batches and a commit after each, so that there are many moments to die at. Says "started" before the
first file is read, and at the end what the run did, as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from fakes import WordEmbedder

from anyseek import indexer
from anyseek.catalog.catalog import Catalog
from anyseek.indexer import IndexOptions, Progress


def tell(event: Progress) -> None:
    if event.stage == "index":
        print(f"done {event.done}", flush=True)


def main() -> None:
    index, folder = Path(sys.argv[1]), Path(sys.argv[2])
    if not (index / "catalog.sqlite").exists():
        Catalog.create(index, [folder]).close()
    options = IndexOptions(workers=2, batch=4, commit_s=0.0)
    with Catalog.open(index) as catalog:
        print("started", flush=True)
        report = indexer.update(catalog, WordEmbedder(), options=options, progress=tell)
    print(json.dumps(asdict(report)), flush=True)


if __name__ == "__main__":
    main()
