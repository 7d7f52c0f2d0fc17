"""All SQL is in catalog/: no other room knows the tables, so they can change in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = ("catalog", "tests", "build", "demo")
SQL = re.compile(
    r"\bSELECT\b|\bINSERT\s+(OR\s+\w+\s+)?INTO\b|\bUPDATE\s+\w+\s+SET\b|\bDELETE\s+FROM\b|\bCREATE\s+TABLE\b|\bPRAGMA\b"
)


def product_files() -> list[Path]:
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    return [path for path in paths if path.parts[0] not in ELSEWHERE and not path.parts[0].startswith(".")]


def offences(source: str) -> Iterator[str]:
    """SQL in strings, connections of a snapshot or writer, and imports of SQLite."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in docstrings and SQL.search(node.value):
                yield f"line {node.lineno}: SQL"
        elif isinstance(node, ast.Attribute) and node.attr in ("database", "_database"):
            yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Import) and any(alias.name == "sqlite3" for alias in node.names):
            yield f"line {node.lineno}: sqlite3"


def test_no_other_room_knows_sql() -> None:
    files = product_files()
    assert len(files) > 100, "the search finds the rooms"
    assert {
        f"{path}: {offence}" for path in files for offence in offences((ROOT / path).read_text("utf-8"))
    } == set()


@pytest.mark.parametrize(
    "source",
    [
        "rows = f'SELECT {column} FROM files'",
        "run('INSERT OR IGNORE INTO tags VALUES (?)')",
        "snapshot.database.rows(sql)",
        "writer.database",
        "import sqlite3",
        "sql = 'DELETE FROM files'",
        "sql = 'UPDATE files SET state = ?'",
    ],
)
def test_what_the_guard_sees(source: str) -> None:
    assert list(offences(source))


def test_the_catalog_itself_is_full_of_it() -> None:
    assert all(
        list(offences(path.read_text("utf-8")))
        for path in [ROOT / "catalog/snapshot.py", ROOT / "catalog/tags.py"]
    )
