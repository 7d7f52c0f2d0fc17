"""What ImageBind is and what may be done with it, without torch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from anyseek import atomic
from anyseek.contracts import Embedder, Modality, ModelCard
from anyseek.embedders import hub
from anyseek.embedders.entry import Entry
from anyseek.embedders.fingerprint import digest, fingerprint
from anyseek.embedders.hub import Weights

NAME = "imagebind"
REVISION = 1  # of our preparation and forward pass: a change that moves vectors raises it
DIM = 1024
SIZE_BYTES = 4_803_659_507
LICENCE = "CC-BY-NC-SA-4.0"
SOURCE = "https://github.com/facebookresearch/ImageBind"
MODALITIES = (
    Modality.TEXT,
    Modality.IMAGE,
    Modality.AUDIO,
    Modality.DEPTH,
    Modality.VIDEO,
    Modality.THERMAL,
    Modality.IMU,
)


WEIGHTS = Weights(
    "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth", "imagebind_huge.pth", SIZE_BYTES
)


def card(digest: str = "", dim: int = DIM, size_bytes: int = SIZE_BYTES) -> ModelCard:
    """The card of the model whose checkpoint has this digest ("" for none at hand)."""
    return ModelCard(
        name=NAME,
        fingerprint=fingerprint(NAME, [REVISION, digest, dim]),
        dim=dim,
        modalities=MODALITIES,
        licence=LICENCE,
        commercial_use="no",
        size_bytes=size_bytes,
        source=SOURCE,
        base="OpenCLIP ViT-H/14 (MIT)",
    )


def entry() -> Entry:
    """For the registry. Its `load` raises ModelNotFound, naming the command that downloads the weights."""
    checkpoint = hub.on_disk(NAME, WEIGHTS)
    own = card(_digest(checkpoint), size_bytes=checkpoint.stat().st_size) if checkpoint else card()

    def load() -> Embedder:
        path = hub.find(NAME, WEIGHTS)
        from anyseek.embedders.imagebind.checkpoint import Checkpoint
        from anyseek.embedders.imagebind.model import ImageBindEmbedder

        return ImageBindEmbedder(Checkpoint(path), own)

    return Entry(own, load, WEIGHTS)


def _digest(path: Path) -> str:
    """The file's digest, kept beside it so that listing models reads nothing large."""
    beside, stat = path.with_name(path.name + ".digest"), path.stat()
    facts = f"{stat.st_size} {stat.st_mtime_ns}"
    with suppress(OSError, ValueError):
        facts_then, digest_then = beside.read_text(encoding="utf-8").split(" = ")
        if facts_then == facts:
            return digest_then
    computed = digest(path)
    with suppress(OSError):  # a read-only place: it is computed again next time
        atomic.write(beside, f"{facts} = {computed}")
    return computed
