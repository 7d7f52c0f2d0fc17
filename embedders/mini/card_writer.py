"""The last stage: the card beside the weights, with the fingerprint that their vectors will carry."""

from __future__ import annotations

import json
from pathlib import Path

from anyseek.contracts import Modality
from anyseek.embedders.fingerprint import fingerprint
from anyseek.embedders.mini import preparers

NAME = "mini"
REVISION = (
    1  # of the code that turns prepared items into vectors; raise it when vectors change without the weights
)
DIM = 384
_TERMS = {
    False: "weights for research and private use",
    True: "weights that learned from openly licensed media alone",
}
MODALITIES = (Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.DEPTH)


def towers(weights: Path) -> list[Modality]:
    """The modalities whose towers are there."""
    return [modality for modality in MODALITIES if (weights / f"{modality}.onnx").exists()]


def current_fingerprint(weights: Path) -> str:
    """The fingerprint of the files in `weights` together with today's preparation."""
    found = [(modality, preparers.of(modality), preparers.of(modality).hint) for modality in towers(weights)]
    files = [weights / f"{modality}.onnx" for modality in towers(weights)]
    return fingerprint(NAME, [REVISION, DIM, *found], [*files, weights / "vocabulary.txt"])


def write_card(weights: Path, *, open_only: bool = False) -> Path:
    """Write `card.json` beside the weights. open_only: what they learned from has open licences, some of which ask for
    credit or for the same licence."""
    files = [path for path in sorted(weights.iterdir()) if path.name != "card.json"]
    card = {
        "name": NAME,
        "fingerprint": current_fingerprint(weights),
        "dim": DIM,
        "modalities": [str(modality) for modality in towers(weights)],
        "licence": f"Apache-2.0 (code); {_TERMS[open_only]}, see MODEL_CARD.md",
        "commercial_use": "check" if open_only else "no",
        "size_bytes": sum(path.stat().st_size for path in files),
        "source": "built in",
    }
    path = weights / "card.json"
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return path
