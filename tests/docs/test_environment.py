"""docs/environment.md lists the environment variables that the code reads, no more and no fewer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/environment.md"
NOT_SHIPPED = {"benchmarks", "build", "demo", "dist", "docs", "examples", "sample_data", "tests", "training"}
NAMED_BY_USER = {"options.api_key_env"}


def keys(tree: ast.AST) -> Iterator[ast.expr]:
    """What `os.environ` is asked for: environ[KEY], environ.get(KEY), KEY in environ, getenv(KEY) and the like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            yield node.slice
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]).endswith("environ"):
            yield node.left
        elif isinstance(node, ast.Call) and re.search(r"environ\.\w+$|\bgetenv$", ast.unparse(node.func)):
            yield from node.args[:1]


def variables(folder: Path) -> set[str]:
    """The names of the variables that the package's code reads."""
    names = set()
    for path in folder.rglob("*.py"):
        top = path.relative_to(folder).parts[0]
        if top in NOT_SHIPPED or top.startswith("."):
            continue
        for key in keys(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(key, ast.Constant):
                names.add(str(key.value))
            else:
                assert ast.unparse(key) in NAMED_BY_USER, f"{path}: which variable is {ast.unparse(key)}?"
    return names


def test_the_page_lists_what_the_code_reads() -> None:
    table = PAGE.read_text(encoding="utf-8").split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == sorted(variables(ROOT))


def test_every_way_of_reading_a_variable_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        "import os\nos.environ['A']\nos.environ.get('B')\nos.getenv('C', '')\n'D' in os.environ\n"
        "os.environ.setdefault('E', '')\n{**os.environ, 'SET': '1'}\n"
    )
    assert variables(tmp_path) == {"A", "B", "C", "D", "E"}
