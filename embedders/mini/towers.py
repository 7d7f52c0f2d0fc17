"""Which files make a tower of `mini`: a pretrained body, shared by all sets of heads, and a learned head."""

from __future__ import annotations

from pathlib import Path

from anyseek.contracts import Modality

WEIGHTS = Path(__file__).with_name("weights")
BODIES = WEIGHTS / "bodies"
HEADS = WEIGHTS / "mini"
LANGUAGES = WEIGHTS / "mini-languages"
VOCABULARY = BODIES / "vocabulary.txt"
MODALITIES = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.DEPTH)


def present(heads: Path) -> tuple[Modality, ...]:
    """The modalities of the model whose heads lie in `heads`."""
    return tuple(modality for modality in MODALITIES if (heads / f"{modality}.onnx").exists())


def files(heads: Path, modality: Modality) -> tuple[Path, ...]:
    """The ONNX files that an item passes through, in order: the body's outputs are the head's inputs, by name.

    Depth has no body: nothing pretrained of that kind is openly to be had.
    """
    body, head = BODIES / f"{modality}.onnx", heads / f"{modality}.onnx"
    return (head,) if modality is Modality.DEPTH else (body, head)


def languages_files(modality: Modality) -> tuple[Path, ...]:
    """The same for `mini-languages`: `mini`'s own, but for texts, whose body lies in another package. Its vectors pass
    through a map to those of `mini`'s text body.
    """
    body, *rest = files(HEADS, modality)
    return (LANGUAGES / body.name, *rest) if modality is Modality.TEXT else (body, *rest)
