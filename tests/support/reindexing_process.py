"""A process that moves an index to another model, to be killed: `python reindexing_process.py INDEX VERSION SAY_AT`.

Prints "here" at that call of its main thread, and at the end how many calls there were."""

from __future__ import annotations

import sys
from pathlib import Path

from fakes import WordEmbedder
from moments import count_calls

from anyseek.indexer import IndexOptions, reindex


def main() -> None:
    options = IndexOptions(workers=1, batch=4, commit_s=0.0)
    n_calls = count_calls(int(sys.argv[3]))
    reindex(Path(sys.argv[1]), WordEmbedder(version=sys.argv[2]), options=options)
    sys.setprofile(None)
    print(n_calls(), flush=True)


if __name__ == "__main__":
    main()
