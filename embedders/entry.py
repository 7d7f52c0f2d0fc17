"""What a family of models hands to the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.contracts import Embedder, ModelCard

if TYPE_CHECKING:
    from anyseek.embedders.hub import Weights


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: its card, cheap to have, the function that loads it, and what else it needs: a file of weights or a
    repository of a model hub, which are downloaded, or a Python package with weights in it."""

    card: ModelCard
    load: Callable[[], Embedder]
    weights: Weights | None = None
    repository: str = ""
    package: str = ""
