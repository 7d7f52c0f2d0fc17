"""The card of `mini` computed from its weights: written when they have been trained, and compared with them later."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from anyseek import atomic
from anyseek.contracts import Modality, ModelCard
from anyseek.embedders.fingerprint import fingerprint
from anyseek.embedders.mini import preparers

NAME = "mini"
REVISION = 1  # of the code from prepared items to vectors: raised when vectors change without the weights
DIM = 384
MODALITIES = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.DEPTH)


def write_card(weights: Path, *, open_only: bool = False) -> Path:
    """Write `card.json` beside the weights and return its path. open_only: what they learned from has open licences,
    some of which ask for credit or for the same licence. Raises OSError."""
    fields = asdict(current_card(weights, open_only=open_only))
    del fields["base"]  # these weights stand on nothing
    path = weights / "card.json"
    atomic.write(path, json.dumps(fields, indent=1) + "\n")
    return path


def current_card(weights: Path, *, open_only: bool) -> ModelCard:
    """The card of the files in `weights` as they are now. Raises OSError."""
    terms = (
        "weights that learned from openly licensed media alone"
        if open_only
        else "weights for research and private use"
    )
    return ModelCard(
        name=NAME,
        fingerprint=current_fingerprint(weights),
        dim=DIM,
        modalities=towers(weights),
        licence=f"Apache-2.0 (code); {terms}, see MODEL_CARD.md",
        commercial_use="check" if open_only else "no",
        size_bytes=sum(path.stat().st_size for path in weights.iterdir() if path.name != "card.json"),
        source="built in",
    )


def current_fingerprint(weights: Path) -> str:
    """The fingerprint of the files in `weights` together with today's preparation. Raises OSError."""
    present = towers(weights)
    facts = [(modality, preparers.of(modality), preparers.of(modality).hint) for modality in present]
    files = [weights / f"{modality}.onnx" for modality in present]
    return fingerprint(NAME, [REVISION, DIM, *facts], [*files, weights / "vocabulary.txt"])


def towers(weights: Path) -> tuple[Modality, ...]:
    """The modalities whose towers are there."""
    return tuple(modality for modality in MODALITIES if (weights / f"{modality}.onnx").exists())
