"""The mutations themselves are tried apart (tests/mutations.py, an hour); here, that each still has its place."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_mutation_has_its_place() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        from mutations import TABLE
    finally:
        sys.path.pop(0)
    wrong = [row.why for row in TABLE if (ROOT / row[0]).read_text("utf-8").count(row[1]) != 1]
    assert wrong == []
