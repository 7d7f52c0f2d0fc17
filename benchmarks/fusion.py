"""How well words, vectors, and both find texts, through `Index.search`, by kinds of query. Prints one JSON object.

    python benchmarks/fusion.py [--model NAME] --set cranfield=FILE [--set names=FILE ...]

A file is JSON: [{"number": "text", ...}, ["query", ...], {"place of the query": {"number": grade, ...}, ...}], with a
grade above 0 for what is relevant; all of these count the same. Figures are nDCG at 10 in percent, over the queries
that have an answer, and milliseconds a query. The sets of captions in
docs/decisions/0025-words-and-vectors-are-added.md: texts are the first captions of photographs; sentences, their second
captions; short words, one or two words of the others; names, what was put into some of the texts.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import anyseek
from anyseek.contracts import Modality

K = 10


def ndcg(found: Sequence[str], relevant: Collection[str]) -> float | None:
    """Of the first K; None where nothing is relevant."""
    n_relevant = len(relevant)
    if not n_relevant:
        return None
    gains = [1 / math.log2(rank + 1) for rank, one in enumerate(found[:K], 1) if one in relevant]
    return sum(gains) / sum(1 / math.log2(rank + 1) for rank in range(1, min(K, n_relevant) + 1))


def measured(path: Path, model: str, *, every_grade: bool) -> dict[str, Any]:
    """Words, vectors and both over one set."""
    texts, queries, grades = json.loads(path.read_text())
    relevant = {
        place: {number for number, grade in graded.items() if grade > 0 or every_grade}
        for place, graded in grades.items()
    }
    out: dict[str, Any] = {"texts": len(texts), "queries": len(queries)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, text in texts.items():
            (folder / f"{number}.txt").write_text(text + "\n")
        with anyseek.create(folder, model=model) as index:
            index.add()
            for by in ("words", "vectors", "both"):
                began = time.monotonic()
                found = [_found(index, query, by) for query in queries]
                seconds = time.monotonic() - began
                each = [ndcg(one, relevant.get(str(i), ())) for i, one in enumerate(found)]
                known = [value for value in each if value is not None]
                out[by] = round(100 * sum(known) / len(known), 1)
                out[f"{by}_ms"] = round(1000 * seconds / len(queries), 1)
    return out


def _found(index: anyseek.Index, query: str, by: str) -> list[str]:
    words = query.replace('"', " ")  # no phrases
    hits = index.search(words, to=(Modality.TEXT,), k=K, by=by)  # type: ignore[arg-type]
    return [Path(hit.path).stem for hit in hits]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mini")
    parser.add_argument("--set", action="append", required=True, metavar="NAME=FILE", dest="sets")
    parser.add_argument(
        "--every-grade", action="store_true", help="every judged text counts, as in older figures"
    )
    arguments = parser.parse_args()
    named = (one.partition("=") for one in arguments.sets)
    print(
        json.dumps(
            {
                name: measured(Path(path), arguments.model, every_grade=arguments.every_grade)
                for name, _, path in named
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
