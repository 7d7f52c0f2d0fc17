"""`st:NAME` to an entry of the registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.errors import DownloadFailed, MissingExtra, ModelNotFound

if TYPE_CHECKING:
    from anyseek.embedders.registry import Entry

PREFIX = "st:"
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
    from anyseek.embedders import hub
    from anyseek.embedders.registry import Entry

    place, dim = _split(name.removeprefix(PREFIX))
    if not place:
        raise ModelNotFound("st: names no model.", "As in: st:google/embeddinggemma-2, or st:./folder")
    licence, commercial = LICENCES.get(place, ("see its page", "check"))
    is_folder = Path(place).expanduser().is_dir()
    if is_folder:  # an index remembers the name, and is asked from anywhere
        place = str(Path(place).expanduser().resolve())
        name = PREFIX + place + (f"@{dim}" if dim else "")
    if commercial == "no" and not is_folder:
        hub.demand_licence(PREFIX + place, licence, commercial)
    try:
        from anyseek.embedders.sentence_tf.model import SentenceEmbedder
    except ImportError as error:
        raise MissingExtra(
            "sentence-transformers is not installed.", "pip install 'anyseek[models]'"
        ) from error
    try:
        model = SentenceEmbedder(name, place, licence, commercial, dim)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).split("\n")[0][:200]
        if is_folder:
            raise ModelNotFound(
                f"{place} holds no sentence-transformers model: {reason}", "Look at the folder."
            ) from error
        raise DownloadFailed(
            f"{place} is not on this disk and could not be fetched: {reason}",
            "Look at the name, the network, HF_ENDPOINT and HF_HUB_OFFLINE.",
        ) from error
    return Entry(model.card, lambda: model)


def _split(place: str) -> tuple[str, int | None]:
    """NAME@DIM into its parts; a folder whose own name ends so is itself."""
    front, at, back = place.rpartition("@")
    if at and back.isdecimal() and int(back) and not Path(place).expanduser().is_dir():
        return front, int(back)
    return place, None
