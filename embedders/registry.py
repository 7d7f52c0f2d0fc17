"""The one door to the models: their cards, and the models themselves by name.

Packages add models through entry points, in three groups:

    anyseek.embedders        a model's name -> a function without arguments that returns an `Entry`
    anyseek.model_families   a prefix -> a function of the whole name, `prefix:anything`, that returns an `Entry`
    anyseek.rerankers        a prefix -> a function of the whole name that returns a reranker

What is built in is declared there too; it is also listed here, because a cold search must not read the metadata of
every installed package (a test holds the two equal).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Embedder, ModelCard
from anyseek.embedders.entry import Entry as Entry
from anyseek.errors import AnyseekError, ModelNotFound

if TYPE_CHECKING:
    from anyseek.embedders.sentence_tf.reranker import CrossReranker

LOG = logging.getLogger(__name__)

MODELS, FAMILIES, RERANKERS = "anyseek.embedders", "anyseek.model_families", "anyseek.rerankers"

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    MODELS: {
        "imagebind": "anyseek.embedders.imagebind.card:entry",
        "mini": "anyseek.embedders.mini.card:entry",
        "pe-av-base": "anyseek.embedders.pe_av.card:base",
        "pe-av-large": "anyseek.embedders.pe_av.card:large",
        "pe-av-small": "anyseek.embedders.pe_av.card:small",
    },
    FAMILIES: {
        "mini": "anyseek.embedders.mini.card:entry_in",
        "onnx": "anyseek.embedders.sentence_tf.card:onnx_entry",
        "pe-av": "anyseek.embedders.pe_av.card:entry",
        "st": "anyseek.embedders.sentence_tf.card:entry",
    },
    RERANKERS: {
        "st": "anyseek.embedders.sentence_tf.card:reranker",
    },
}
"""By entry-point group: a name or prefix, and the `module:function` that makes the model."""


def load(name: str) -> Embedder:
    """The model called `name`. Raises ModelNotFound, naming those that exist."""
    return entry(name).load()


def cards() -> Iterator[ModelCard]:
    """The cards of all models that can be listed, by name; no weights are read."""
    return (entry.card for entry in entries())


def entries() -> Iterator[Entry]:
    """All models that can be listed, by name; members of families are too many.

    A model whose package is broken is logged and left out, so that one bad plugin does not hide the others.
    """
    for name in sorted(_declared(MODELS)):
        try:
            yield entry(name)
        except (ImportError, AttributeError, AnyseekError) as error:
            LOG.warning("The model %s cannot be used: %s", name, error)


def entry(name: str) -> Entry:
    """The model called `name`, not loaded. Raises ModelNotFound, naming those that exist."""
    prefix, colon, _ = name.partition(":")
    if colon and (place := _place(FAMILIES, prefix)):
        member: Entry = _function(place)(name)
        return member
    if place := _place(MODELS, name):
        model: Entry = _function(place)()
        return model
    names = ", ".join(sorted(_declared(MODELS)))
    raise ModelNotFound(f"There is no model called {name!r}.", f"Models here: {names}. See `anyseek models`.")


def reranker(name: str) -> CrossReranker:
    """The model `PREFIX:NAME` that reads query and hit together. Raises ModelNotFound, MissingExtra, DownloadFailed."""
    prefix, colon, _ = name.partition(":")
    place = _place(RERANKERS, prefix) if colon else None
    if place is None:
        raise ModelNotFound(
            f"There is no reranker called {name!r}.", "As in: --rerank st:BAAI/bge-reranker-v2-m3"
        )
    model: CrossReranker = _function(place)(name)
    return model


def _function(place: str) -> Any:
    """The function at `module:function`."""
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)


def _place(group: str, name: str) -> str | None:
    """Where a name is made; the metadata of packages is read only for one that is not built in."""
    return BUILT_IN[group].get(name) or _declared(group).get(name)


def _declared(group: str) -> dict[str, str]:
    """Name -> `module:function` of everything in a group that installed packages declare."""
    from importlib.metadata import entry_points

    return {**{point.name: point.value for point in entry_points(group=group)}, **BUILT_IN[group]}
