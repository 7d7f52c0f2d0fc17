"""The public names: importable, described, documented, and the three lists of __init__.py agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import anyseek

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for name in anyseek.__all__ if name != "__version__"]


def typed_imports() -> dict[str, str]:
    """By name, the module that a type checker takes it from: the imports under TYPE_CHECKING."""
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_three_lists_agree() -> None:
    homes = {name: f"anyseek.{home}" for name, home in anyseek._HOMES.items()}
    assert homes == typed_imports()
    assert sorted(homes) == sorted(NAMES)
    assert anyseek.__all__ == sorted(anyseek.__all__)
    assert dir(anyseek) == anyseek.__all__


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_described_and_documented(name: str) -> None:
    value = getattr(anyseek, name)
    assert value.__name__ == name
    docstring = value.__doc__ or ""
    assert docstring.strip()
    assert not docstring.startswith(f"{name}("), "a dataclass's own docstring is its signature"
    reference = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert re.search(rf"^::: anyseek\.{name}$", reference, re.MULTILINE), "docs/reference.md lacks it"


def test_the_reference_names_no_other_names_of_the_package() -> None:
    reference = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^::: anyseek\.(\w+)$", reference, re.MULTILINE)) == sorted(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(getattr(anyseek, name), type)])
def test_public_methods_are_described(name: str) -> None:
    kind = getattr(anyseek, name)
    for method in dir(kind):
        defined = next((vars(one)[method] for one in kind.__mro__ if method in vars(one)), None)
        is_ours = str(getattr(getattr(defined, "fget", defined), "__module__", "")).startswith("anyseek")
        if is_ours and not method.startswith("_") and (callable(defined) or isinstance(defined, property)):
            assert (defined.__doc__ or "").strip(), f"{name}.{method} has no docstring"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        anyseek.nothing  # noqa: B018
