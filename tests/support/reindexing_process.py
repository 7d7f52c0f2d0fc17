"""A process that moves an index to another model, to be killed: `python reindexing_process.py INDEX VERSION`."""

from __future__ import annotations

import sys
from pathlib import Path

from fakes import WordEmbedder

from anyseek.indexer import IndexOptions, reindex


def main() -> None:
    options = IndexOptions(workers=1, batch=4, commit_s=0.0)
    print("started", flush=True)
    done = reindex(Path(sys.argv[1]), WordEmbedder(version=sys.argv[2]), options=options)
    print("done", done.is_done, flush=True)


if __name__ == "__main__":
    main()
