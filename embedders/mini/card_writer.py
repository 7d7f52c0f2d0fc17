"""The card of `mini` computed from its weights: written when they have been trained, and compared with them later."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from anyseek import atomic
from anyseek.contracts import ModelCard
from anyseek.embedders.fingerprint import fingerprint
from anyseek.embedders.mini import preparers, towers

REVISION = 2  # of the code from prepared items to vectors: raised when vectors change without the weights
DIM = 384
BASE = "EfficientNet-Lite2 (Apache-2.0), mn04_as (MIT), all-MiniLM-L6-v2 (Apache-2.0)"


def write_card(heads: Path, *, open_only: bool = False) -> Path:
    """Write `card.json` beside the heads and return its path. open_only: what they learned from has open licences,
    some of which ask for credit or for the same licence. Raises OSError."""
    path = heads / "card.json"
    atomic.write(path, json.dumps(asdict(current_card(heads, open_only=open_only)), indent=1) + "\n")
    return path


def current_card(heads: Path, *, open_only: bool) -> ModelCard:
    """The card of the files as they are now. Raises OSError."""
    name = "mini-open" if open_only else "mini"
    present = towers.present(heads)
    files = {path for modality in present for path in towers.files(heads, modality)}
    terms = (
        "heads that learned from openly licensed media alone"
        if open_only
        else "heads for research and private use"
    )
    return ModelCard(
        name=name,
        fingerprint=current_fingerprint(heads, name),
        dim=DIM,
        modalities=present,
        licence=f"Apache-2.0 (code); {terms}, see MODEL_CARD.md",
        commercial_use="check" if open_only else "no",
        size_bytes=sum(path.stat().st_size for path in [*files, towers.VOCABULARY]),
        source="built in",
        base=BASE,
    )


def current_fingerprint(heads: Path, name: str) -> str:
    """The fingerprint of bodies and heads together with today's preparation. Raises OSError."""
    present = towers.present(heads)
    facts = [(modality, preparers.of(modality), preparers.of(modality).hint) for modality in present]
    files = [path for modality in present for path in towers.files(heads, modality)]
    return fingerprint(name, [REVISION, DIM, *facts], [*files, towers.VOCABULARY])
