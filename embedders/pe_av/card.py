"""What the PE-AV models are and where they come from, without torch."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from anyseek.contracts import Embedder, Modality, ModelCard
from anyseek.embedders import repositories
from anyseek.embedders.entry import Entry
from anyseek.embedders.fingerprint import digest, fingerprint
from anyseek.errors import MissingExtra, ModelNotFound

PREFIX = "pe-av:"
REVISION = 1  # of our preparation: a change that moves vectors raises it
DIM = 1024
LICENCE = "Apache-2.0"
MODALITIES = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.VIDEO)
PARAMETERS = {"pe-av-small": 850_000_000, "pe-av-base": 1_030_000_000, "pe-av-large": 2_230_000_000}


def small() -> Entry:
    """pe-av-small, for the registry."""
    return _published("pe-av-small")


def base() -> Entry:
    """pe-av-base, for the registry."""
    return _published("pe-av-base")


def large() -> Entry:
    """pe-av-large, for the registry."""
    return _published("pe-av-large")


def entry(name: str) -> Entry:
    """`pe-av:FOLDER`, a model in PE-AV's format that is on this disk. Raises ModelNotFound."""
    folder = Path(name.removeprefix(PREFIX)).expanduser().resolve()
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise ModelNotFound(
            f"{folder} is not a PE-AV model.",
            "Such a folder has config.json and *.safetensors, as on the hub.",
        )
    size = sum(one.stat().st_size for one in weights)
    dim = int(repositories.config(folder).get("text_config", {}).get("hidden_size", DIM))
    card = _card(f"{PREFIX}{folder}", " ".join(digest(one) for one in weights), str(folder), dim, size)
    return Entry(card, partial(_load, folder, card))


def _published(name: str) -> Entry:
    repository = f"facebook/{name}"
    card = _card(name, repositories.commit(repository), f"https://huggingface.co/{repository}")

    def load() -> Embedder:
        return _load(repositories.find(name, repository), card)

    return Entry(card, load, repository=repository)


def _card(name: str, identity: str, source: str, dim: int = DIM, size_bytes: int = 0) -> ModelCard:
    return ModelCard(
        name=name,
        fingerprint=fingerprint("pe-av", [REVISION, identity, dim]),
        dim=dim,
        modalities=MODALITIES,
        licence=LICENCE,
        commercial_use="yes",
        size_bytes=size_bytes or 4 * PARAMETERS[name],
        source=source,
        base="ModernBERT (Apache-2.0), PE core (Apache-2.0)",
    )


def _load(folder: Path, card: ModelCard) -> Embedder:
    try:
        from anyseek.embedders.pe_av.model import PeAvEmbedder

        return PeAvEmbedder(folder, card)
    except ImportError as error:
        raise MissingExtra(
            f"PE-AV cannot be loaded: {str(error).splitlines()[0]}", "pip install 'anyseek[pe-av]'"
        ) from error
    except (OSError, ValueError, KeyError, AttributeError) as error:
        reason = str(error).split("\n")[0][:200]
        raise ModelNotFound(
            f"{folder} is not a PE-AV model that can be read: {reason}", "Download it again."
        ) from error
