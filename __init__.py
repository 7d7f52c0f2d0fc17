"""Anyseek: semantic search over folders of mixed media, from any modality to any other.

    import anyseek

    index = anyseek.create("photos")
    index.add()
    for hit in index.search("a dog on the beach", to="image", k=5):
        print(hit.score, hit.path)

Importing this loads neither numpy nor a model: each name is fetched when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyseek.contracts import Embedder, Hit, Modality, ModelCard, Report, Span
    from anyseek.errors import AnyseekError
    from anyseek.index import Index
    from anyseek.library.status import Status
    from anyseek.options import SearchOptions
    from anyseek.search.results import Results
    from anyseek.workspace import check, create, models, open, reindex

__version__ = "0.1.0"

__all__ = [
    "AnyseekError",
    "Embedder",
    "Hit",
    "Index",
    "Modality",
    "ModelCard",
    "Report",
    "Results",
    "SearchOptions",
    "Span",
    "Status",
    "__version__",
    "check",
    "create",
    "models",
    "open",
    "reindex",
]

_HOMES = {
    "AnyseekError": "errors",
    "Embedder": "contracts",
    "Hit": "contracts",
    "Index": "index",
    "Modality": "contracts",
    "ModelCard": "contracts",
    "Report": "contracts",
    "Results": "search.results",
    "SearchOptions": "options",
    "Span": "contracts",
    "Status": "library.status",
    "check": "workspace",
    "create": "workspace",
    "models": "workspace",
    "open": "workspace",
    "reindex": "workspace",
}


def __getattr__(name: str) -> object:
    """PEP 562: the module that holds a public name is imported when the name is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'anyseek' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"anyseek.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
