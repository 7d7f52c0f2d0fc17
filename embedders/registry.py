"""The one door to the models: their cards, and the models themselves by name.

Packages add models through entry points, in three groups:

    anyseek.embedders        a model's name -> a function without arguments that returns an `Entry`
    anyseek.model_families   a prefix -> a function of the whole name, `prefix:anything`, that returns an `Entry`
    anyseek.rerankers        a prefix -> a function of the whole name that returns a reranker

What is built in is declared there too; it is also listed here, because a cold search must not read the metadata of
every installed package (a test holds the two equal).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Embedder, ModelCard
from anyseek.embedders.entry import Entry as Entry
from anyseek.errors import AnyseekError, ModelNotFound
from anyseek.plugins import Group, described, without_stdout

if TYPE_CHECKING:
    from anyseek.embedders.sentence_tf.reranker import CrossReranker

MODELS, FAMILIES, RERANKERS = "anyseek.embedders", "anyseek.model_families", "anyseek.rerankers"

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    MODELS: {
        "imagebind": "anyseek.embedders.imagebind.card:entry",
        "mini": "anyseek.embedders.mini.card:entry",
        "mini-languages": "anyseek.embedders.mini.card:languages_entry",
        "mini-open": "anyseek.embedders.mini.card:open_entry",
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
    group, declared = _declaration(name)
    model: Embedder = _made(group, declared, entry(name).load, _is_model)
    return model


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
    group, declared = _declaration(name)
    make = _function(group, declared)
    arguments = () if group is _MODELS else (name,)
    with without_stdout():
        declared_entry: Entry = _made(group, declared, lambda: make(*arguments), _is_entry)
    return declared_entry


def card_here(name: str) -> ModelCard | None:
    """The card of the model as it is here now; None for one whose card is in weights that are not here, or that have to
    be loaded for it. Raises ModelNotFound."""
    from anyseek.embedders import repositories

    if ":" in name and not name.startswith("mini:"):
        return None
    known = entry(name)
    return known.card if not known.repository or repositories.commit(known.repository) else None


def _declaration(name: str) -> tuple[Group, str]:
    """Where a model is declared, and as what: its name, or the prefix of its family. Raises ModelNotFound."""
    prefix, colon, _ = name.partition(":")
    if colon and _FAMILIES.has(prefix):
        return _FAMILIES, prefix
    if _MODELS.has(name):
        return _MODELS, name
    names = ", ".join(sorted(_MODELS.names()))
    raise ModelNotFound(f"There is no model called {name!r}.", f"Models here: {names}. See `anyseek models`.")


def reranker(name: str) -> CrossReranker:
    """The model `PREFIX:NAME` that reads query and hit together. Raises ModelNotFound, MissingExtra, DownloadFailed."""
    prefix, colon, _ = name.partition(":")
    if not colon or not _RERANKERS.has(prefix):
        raise ModelNotFound(
            f"There is no reranker called {name!r}.", "As in: --rerank st:BAAI/bge-reranker-v2-m3"
        )
    make = _function(_RERANKERS, prefix)
    model: CrossReranker = _made(_RERANKERS, prefix, lambda: make(name), _is_reranker)
    return model


def _function(group: Group, name: str) -> Any:
    """What makes the model of a declared name or prefix. Raises ModelNotFound for a broken package."""
    try:
        return group.load(name)
    except ImportError as error:
        raise ModelNotFound(
            f"The {group.noun} {name} cannot be loaded ({error}).", "Install its package again."
        ) from error


def _made(group: Group, name: str, make: Callable[[], Any], is_right: Callable[[Any], bool]) -> Any:
    """What `make` returns. Raises ModelNotFound where a package's function fails, or returns something else."""
    if name in group.built_in:
        return make()
    try:
        made = make()
        problem = "" if is_right(made) else f"its function returned {type(made).__name__}"
    except AnyseekError:
        raise
    except (Exception, SystemExit) as error:
        raise _unusable(group, name, described(error)) from error
    if problem:
        raise _unusable(group, name, problem)
    return made


def _unusable(group: Group, name: str, problem: str) -> ModelNotFound:
    return ModelNotFound(
        f"The {group.noun} {name} cannot be used ({problem}).", "Update its package, or choose another."
    )


def _is_entry(made: Any) -> bool:
    return isinstance(made, Entry) and isinstance(made.card, ModelCard)


def _is_model(made: Any) -> bool:
    return isinstance(getattr(made, "card", None), ModelCard) and callable(getattr(made, "embed", None))


def _is_reranker(made: Any) -> bool:
    return all(hasattr(made, name) for name in ("modalities", "preparer", "scores"))
