"""Index a folder and search it: python examples/search.py FOLDER WORDS..."""

from __future__ import annotations

import sys
from pathlib import Path

import anyseek


def main(folder: str, words: str) -> None:
    """Print the best pictures and sounds for some words."""
    try:
        is_indexed = Path(folder, ".anyseek").is_dir()
        with anyseek.open(folder) if is_indexed else anyseek.create(folder) as index:
            report = index.add()  # reads what is new or changed, forgets what is gone
            print(f"{report.new} new files, {report.unchanged} as before", file=sys.stderr)
            results = index.search(words, to="image,audio", k=3)
            for hit in results:
                chance = "" if hit.match is None else f"{hit.match:.0%}"
                print(f"{hit.rank}  {hit.score:.3f}  {chance:>4}  {hit.modality:5}  {hit.path}")
            if results.is_nothing_like_it:
                print("Nothing here clearly matches.", file=sys.stderr)
    except anyseek.AnyseekError as error:
        sys.exit(f"{error.message} {error.hint}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], " ".join(sys.argv[2:]))
