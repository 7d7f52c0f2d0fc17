"""The one door to the models: their cards, and the models themselves by name.

Packages add models through entry points, in three groups:

    anyseek.embedders        a model's name -> a function without arguments that returns an `Entry`
    anyseek.model_families   a prefix -> a function of the whole name, `prefix:anything`, that returns an `Entry`
    anyseek.rerankers        a prefix -> a function of the whole name that returns a reranker

What is built in is declared there too; it is also listed here, because a cold search must not read the metadata of
every installed package (a test holds the two equal).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Embedder, ModelCard
from anyseek.embedders.entry import Entry as Entry
from anyseek.errors import ModelNotFound
from anyseek.plugins import Group

if TYPE_CHECKING:
    from anyseek.embedders.sentence_tf.reranker import CrossReranker

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

_MODELS = Group(MODELS, "model", BUILT_IN[MODELS])
_FAMILIES = Group(FAMILIES, "family of models", BUILT_IN[FAMILIES])
_RERANKERS = Group(RERANKERS, "reranker", BUILT_IN[RERANKERS])


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
    for name in sorted(_MODELS.names()):
        if (model := _MODELS.guarded(name, entry, name)) is not None:
            yield model


def entry(name: str) -> Entry:
    """The model called `name`, not loaded. Raises ModelNotFound, naming those that exist."""
    prefix, colon, _ = name.partition(":")
    if colon and _FAMILIES.has(prefix):
        member: Entry = _function(_FAMILIES, prefix)(name)
        return member
    if _MODELS.has(name):
        model: Entry = _function(_MODELS, name)()
        return model
    names = ", ".join(sorted(_MODELS.names()))
    raise ModelNotFound(f"There is no model called {name!r}.", f"Models here: {names}. See `anyseek models`.")


def reranker(name: str) -> CrossReranker:
    """The model `PREFIX:NAME` that reads query and hit together. Raises ModelNotFound, MissingExtra, DownloadFailed."""
    prefix, colon, _ = name.partition(":")
    if not colon or not _RERANKERS.has(prefix):
        raise ModelNotFound(
            f"There is no reranker called {name!r}.", "As in: --rerank st:BAAI/bge-reranker-v2-m3"
        )
    model: CrossReranker = _function(_RERANKERS, prefix)(name)
    return model


def _function(group: Group, name: str) -> Any:
    """What makes the model of a declared name or prefix. Raises ModelNotFound for a broken package."""
    try:
        return group.load(name)
    except ImportError as error:
        raise ModelNotFound(
            f"The {group.noun} {name} cannot be loaded ({error}).", "Install its package again."
        ) from error
