"""The one door to the models: their cards, and the models themselves by name.

A family registers through the entry point group `anyseek.embedders`: a name, and a function without arguments that
returns an `Entry`. The built-in family is declared there too; it is also listed here, because a cold search must not
read the metadata of every installed package (a test holds the two equal).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from anyseek.contracts import Embedder, ModelCard
from anyseek.errors import AnyseekError, ModelNotFound

if TYPE_CHECKING:
    from anyseek.embedders.hub import Weights
    from anyseek.embedders.sentence_tf.reranker import CrossReranker

LOG = logging.getLogger(__name__)

GROUP = "anyseek.embedders"
BUILT_IN = {
    "imagebind": "anyseek.embedders.imagebind.card:entry",
    "mini": "anyseek.embedders.mini.card:entry",
    "pe-av-base": "anyseek.embedders.pe_av.card:base",
    "pe-av-large": "anyseek.embedders.pe_av.card:large",
    "pe-av-small": "anyseek.embedders.pe_av.card:small",
}

# Families whose members are too many to list: `prefix:name`, and the function that takes the whole name.
FAMILIES = {
    "mini": "anyseek.embedders.mini.card:entry_in",
    "onnx": "anyseek.embedders.sentence_tf.card:onnx_entry",
    "pe-av": "anyseek.embedders.pe_av.card:entry",
    "st": "anyseek.embedders.sentence_tf.card:entry",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: its card, cheap to have, the function that loads it, and what is fetched for it: a file of weights, or
    a repository of a model hub."""

    card: ModelCard
    load: Callable[[], Embedder]
    weights: Weights | None = None
    repository: str = ""


def load(name: str) -> Embedder:
    """The model called `name`. Raises ModelNotFound, naming those that exist."""
    return entry(name).load()


def cards() -> Iterator[ModelCard]:
    """The cards of all models that are whole, by name; no weights are read."""
    return (found.card for found in entries())


def entries() -> Iterator[Entry]:
    """All models that are whole, by name.

    A family whose package is broken is logged and left out, so that one bad plugin does not hide the others.
    """
    for name in sorted(_declared()):
        try:
            yield entry(name)
        except (ImportError, AttributeError, AnyseekError) as error:
            LOG.warning("The model %s cannot be used: %s", name, error)


def entry(name: str) -> Entry:
    """The model called `name`, not loaded. Raises ModelNotFound, naming those that exist."""
    prefix, colon, _ = name.partition(":")
    if colon and prefix in FAMILIES:
        module, _, function = FAMILIES[prefix].partition(":")
        family: Callable[[str], Entry] = getattr(import_module(module), function)
        return family(name)
    place = BUILT_IN.get(name) or _declared().get(name)
    if place is None:
        known = ", ".join(sorted(_declared()))
        raise ModelNotFound(
            f"There is no model called {name!r}.", f"Models here: {known}. See `anyseek models`."
        )
    module, _, function = place.partition(":")
    found: Entry = getattr(import_module(module), function)()
    return found


def reranker(name: str) -> CrossReranker:
    """The model `st:NAME` that reads query and hit together. Raises ModelNotFound, MissingExtra, DownloadFailed."""
    if not name.startswith("st:"):
        raise ModelNotFound(
            f"There is no reranker called {name!r}.", "As in: --rerank st:BAAI/bge-reranker-v2-m3"
        )
    from anyseek.embedders.sentence_tf import card

    return card.reranker(name)


def _declared() -> dict[str, str]:
    """Name -> `module:function` of everything that installed packages declare."""
    from importlib.metadata import entry_points

    return BUILT_IN | {point.name: point.value for point in entry_points(group=GROUP)}
