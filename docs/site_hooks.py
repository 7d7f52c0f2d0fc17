"""What MkDocs does here beside its own (named in mkdocs.yml)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+([^)#]+)(?:#[^)]*)?\)")


def on_config(config: Any) -> Any:
    """Recipes and decision records stand in the navigation without being listed there, each by its own heading."""
    docs = Path(config["docs_dir"])
    recipes = sorted(path.name for path in docs.glob("extend-*.md"))
    decisions = sorted(f"decisions/{path.name}" for path in docs.glob("decisions/[0-9]*.md"))
    (build,) = (section["Build"] for section in config["nav"] if "Build" in section)
    build += [*recipes, {"Decisions": ["decisions/index.md", *decisions]}]
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A link out of docs/ becomes the name of the file that it means: the site holds the pages of docs/ alone."""
    return OUTSIDE.sub(r"\1 (`\2`)", markdown)
