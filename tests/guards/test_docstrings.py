"""Files and names that docstrings and comments mention exist."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_PACKAGE = {"benchmarks", "build", "demo", "dist", "docs", "examples", "sample_data", "tests", "training"}
SOURCES = sorted(
    path
    for path in ROOT.rglob("*.py")
    if (parts := path.relative_to(ROOT).parts)[0] not in NOT_PACKAGE and not parts[0].startswith(".")
)
FILE = re.compile(r"(?<![\w./*-])(?:[\w-]+/)*[\w-]+\.(?:py|md)\b")
FILE_SUFFIXES = (".json", ".md", ".py", ".sqlite")
DOTTED = re.compile(r"(?<![\w./-])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def prose(path: Path) -> list[str]:
    """The docstrings of a file, those of its constants too, and its comments."""
    code = path.read_text(encoding="utf-8")
    strings = [
        node.value.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return strings + [token.string for token in tokens if token.type == tokenize.COMMENT]


def module_file(parts: list[str]) -> Path | None:
    """The file of a module, by its names below the package."""
    path = ROOT.joinpath(*parts)
    candidates = (path.with_suffix(".py"), path / "__init__.py") if parts else ()
    return next((one for one in candidates if one.is_file()), None)


def names_in(module: Path) -> set[str]:
    """What a module defines or imports, at any level; of a package what its modules do, and their names."""
    if module.name == "__init__.py":
        files = set(module.parent.glob("*.py"))
        return {one.stem for one in files}.union(*map(names_in, files - {module}))
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def is_there(dotted: str, beside: Path) -> bool:
    """Whether a dotted name exists; True where it begins with no module of the package, nor one beside the file."""
    first, *others = dotted.removeprefix("anyseek.").split(".")
    answers = []
    for folder in ([], list(beside.relative_to(ROOT).parent.parts)):
        used, rest = [*folder, first], others
        if module := module_file(used):
            while rest and (deeper := module_file([*used, rest[0]])):
                module, used, rest = deeper, [*used, rest[0]], rest[1:]
            answers.append(not rest or rest[0] in names_in(module))
    return any(answers) or not answers


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_mentioned_exist(path: Path) -> None:
    for text in prose(path):
        for name in FILE.findall(text):
            assert (ROOT / name).is_file() or (path.parent / name).is_file(), name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_of_modules_that_are_mentioned_exist(path: Path) -> None:
    for text in prose(path):
        for name in DOTTED.findall(text):
            assert name.endswith(FILE_SUFFIXES) or is_there(name, path), name
