"""How well a model's texts compare with each other: graded pairs (STS-B), and captions of the same photograph.

    python benchmarks/text_quality.py [--model NAME] [--pairs TSV] [--media PACK ...]

A line of TSV has a grade from 0 to 5 and two sentences as its fifth to seventh fields, as STS-B's test set; the figure
is Spearman's rank correlation of cosines and grades, in percent. Of each photograph of the packs' `val` split the first
caption asks for the second among all second ones: recall at 1 and 10. Passages are measured by benchmarks/fusion.py.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from anyseek.embedders import registry

sys.path.append(str(Path(__file__).resolve().parents[1]))  # training/ is no part of the package
sys.path.append(str(Path(__file__).resolve().parent))
from mini_quality import Model

from training import data, measure
from training.measure import Floats


def graded(model: Model, path: Path) -> float:
    """Spearman's correlation, in percent."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
    grades = np.array([float(row[4]) for row in rows])
    first, second = (model.texts([row[column] for row in rows]) for column in (5, 6))
    return 100 * float(np.corrcoef(_ranks((first * second).sum(1)), _ranks(grades))[0, 1])


def _ranks(values: Floats | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """From 0 on; equal values share their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    ranks: np.ndarray[Any, Any] = (ends - (count + 1) / 2)[place]
    return ranks


def siblings(model: Model, packs: list[Path]) -> dict[str, float]:
    """Recall of the second caption by the first."""
    said = [r.captions for r in data.read_records(packs, "image") if r.captions and r.split == "val"]
    asked, given = (model.texts([captions[number] for captions in said]) for number in (0, 1))
    ranks = measure.first_right(asked @ given.T, np.eye(len(said), dtype=bool))
    return {
        "photographs": len(said),
        **dict(zip(("R@1", "R@10"), measure.recall(ranks, (1, 10)), strict=True)),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mini")
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--media", type=Path, nargs="+")
    given = parser.parse_args()
    model = Model(registry.load(given.model))
    out: dict[str, Any] = {"model": model.embedder.card.fingerprint}
    if given.pairs:
        out["graded pairs, Spearman"] = round(graded(model, given.pairs), 1)
    if given.media:
        out["captions of the same photograph"] = siblings(model, given.media)
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
