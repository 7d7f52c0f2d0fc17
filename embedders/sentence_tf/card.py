"""`st:NAME` and `onnx:NAME` to entries of the registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.embedders.entry import Entry
from anyseek.errors import DownloadFailed, MissingExtra, ModelNotFound

if TYPE_CHECKING:
    from anyseek.embedders.sentence_tf.reranker import CrossReranker

PREFIX, ONNX_PREFIX = "st:", "onnx:"
# Licences as their publishers state them; of any other model nobody knows: "check".
LICENCES = {
    "google/embeddinggemma-2": ("Apache-2.0", "yes"),
    "google/siglip2-base-patch16-224": ("Apache-2.0", "yes"),
    "google/siglip2-so400m-patch14-384": ("Apache-2.0", "yes"),
    "Qwen/Qwen3-VL-Embedding-2B": ("Apache-2.0", "yes"),
    "Qwen/Qwen3-VL-Embedding-8B": ("Apache-2.0", "yes"),
    "jinaai/jina-clip-v2": ("CC-BY-NC-4.0", "no"),
}


def entry(name: str) -> Entry:
    """The model `st:NAME`, or `st:NAME@DIM` for the first DIM numbers of its vectors (Kusupati et al. 2022:
    Matryoshka).

    It is opened at once: only the model itself tells what it is.

    Raises MissingExtra without the library, ModelNotFound for no such model or one that cannot be used,
    DownloadFailed when it is not on this disk and cannot be fetched, LicenceNotAccepted.
    """
    place, dim = _split(name.removeprefix(PREFIX))
    place, licence, commercial = _allowed(place)
    if Path(place).is_dir():  # an index remembers the name, and is asked from anywhere
        name = PREFIX + place + (f"@{dim}" if dim else "")
    with _translated(place):
        from anyseek.embedders.sentence_tf.model import SentenceEmbedder

        model = SentenceEmbedder(name, place, licence, commercial, dim)
    return Entry(model.card, lambda: model)


def onnx_entry(name: str) -> Entry:
    """The model of texts `onnx:NAME`, or `onnx:NAME@DIM`: st:NAME's own vectors, by ONNX Runtime in the place of torch.

    Raises what `entry` raises.
    """
    from anyseek.embedders import repositories

    place, dim = _split(name.removeprefix(ONNX_PREFIX))
    place, licence, commercial = _allowed(place)
    folder = Path(place)
    if folder.is_dir():
        name = ONNX_PREFIX + place + (f"@{dim}" if dim else "")
    else:
        folder = repositories.with_onnx(place)
    try:
        from anyseek.embedders.sentence_tf.onnx_text import OnnxTextEmbedder
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed.", "pip install 'anyseek[onnx]'") from error
    model = OnnxTextEmbedder(name, folder, place, licence, commercial, dim)
    return Entry(model.card, lambda: model)


def reranker(name: str) -> CrossReranker:
    """The cross-encoder `st:NAME`. Raises what `entry` raises."""
    place, _, _ = _allowed(name.removeprefix(PREFIX))
    with _translated(place):
        from anyseek.embedders.sentence_tf.reranker import CrossReranker

        return CrossReranker(place)


def _allowed(place: str) -> tuple[str, str, str]:
    """(place, licence, commercial use); folders absolute. Raises ModelNotFound, LicenceNotAccepted."""
    from anyseek.embedders import hub

    if not place:
        raise ModelNotFound(
            "A prefix alone does not name a model.", "As in: st:google/embeddinggemma-2, or st:./folder"
        )
    licence, commercial = LICENCES.get(place, ("see its page", "check"))
    if Path(place).expanduser().is_dir():
        place = str(Path(place).expanduser().resolve())
    elif commercial == "no":
        hub.demand_licence(PREFIX + place, licence, commercial)
    return place, licence, commercial


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """Errors of the library as our own."""
    try:
        yield
    except ImportError as error:
        if error.name == "sentence_transformers":
            message, hint = "sentence-transformers is not installed.", "pip install 'anyseek[models]'"
        else:  # some models need torchvision, timm or the like
            message, hint = (
                f"{place} needs a package that is not installed: {_first_line(error)}",
                "Install it with pip.",
            )
        raise MissingExtra(message, hint) from error
    except (OSError, ValueError, KeyError) as error:
        reason = _first_line(error)
        if Path(place).is_dir():
            raise ModelNotFound(
                f"{place} is not a sentence-transformers model: {reason}", "Check the folder."
            ) from error
        raise DownloadFailed(
            f"{place} is not on this disk and could not be downloaded: {reason}",
            "Check the name, the network, HF_ENDPOINT and HF_HUB_OFFLINE.",
        ) from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).strip().split("\n") if line.strip()), type(error).__name__)[:200]


def _split(place: str) -> tuple[str, int | None]:
    """NAME@DIM into its parts; a folder whose own name ends so is itself."""
    front, at, back = place.rpartition("@")
    if at and back.isdecimal() and int(back) and not Path(place).expanduser().is_dir():
        return front, int(back)
    return place, None
