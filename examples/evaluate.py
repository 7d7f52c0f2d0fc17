"""Recall@k on your own pairs: python examples/evaluate.py FOLDER PAIRS.tsv [MODALITY]

PAIRS.tsv has one query a line: words, a tab, then the paths of the right answers, tab-separated, relative to FOLDER.
The command `anyseek eval` adds further measures and confidence intervals.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyseek

CUTOFFS = (1, 5, 10)


def recall(ranking: list[str], relevant: set[str], k: int) -> float:
    """The share of the relevant files that are among the first k."""
    return len(relevant.intersection(ranking[:k])) / len(relevant)


def main(folder: str, pairs: str, modality: str = "image") -> None:
    """Print the mean recall over all queries, for each cutoff."""
    recalls: dict[int, list[float]] = {k: [] for k in CUTOFFS}
    with anyseek.open(folder) as index:
        for line in Path(pairs).read_text(encoding="utf-8").splitlines():
            query, *paths = line.split("\t")
            if not paths:
                continue  # an empty line, or a query without an answer
            relevant = {str(Path(folder, path).resolve()) for path in paths}
            ranking = [hit.path for hit in index.search(query, to=modality, k=max(CUTOFFS))]
            for k in CUTOFFS:
                recalls[k].append(recall(ranking, relevant, k))
    if not recalls[CUTOFFS[0]]:
        sys.exit(f"There is no query with its answers in {pairs}.")
    for k, values in recalls.items():
        print(f"recall@{k:<3} {sum(values) / len(values):.3f}  ({len(values)} queries)")


if __name__ == "__main__":
    main(*sys.argv[1:])
