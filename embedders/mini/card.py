"""What `mini` is, without loading it: its card is a small file beside the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from anyseek.contracts import Embedder, ModelCard
from anyseek.embedders.entry import Entry
from anyseek.errors import ModelNotFound
from anyseek.jsonable import from_json

WEIGHTS = Path(__file__).with_name("weights")


def read_card(weights: Path = WEIGHTS) -> ModelCard:
    """What `card_writer.write_card` wrote beside the weights. Raises ModelNotFound if it is not there."""
    path = weights / "card.json"
    try:
        return from_json(path.read_bytes(), ModelCard)
    except OSError:
        if weights == WEIGHTS:
            raise ModelNotFound(
                "The weights of `mini` are not installed.", "Install Anyseek again."
            ) from None
        raise ModelNotFound(
            f"There are no weights of `mini` in {weights}: card.json cannot be read.",
            "Train them: `python -m training --help`.",
        ) from None
    except ValueError:
        raise ModelNotFound(
            f"{path} is not a card of `mini`.", "Write it again: the `card` stage of the training."
        ) from None


def entry() -> Entry:
    """For the registry."""
    return _entry(read_card(), WEIGHTS)


def entry_in(name: str) -> Entry:
    """`mini:FOLDER`: towers of one's own, trained by `training --weights FOLDER`.

    Raises ModelNotFound.
    """
    from anyseek.embedders.mini.card_writer import current_fingerprint

    weights = Path(name.partition(":")[2]).expanduser().resolve()
    card = read_card(weights)
    try:
        is_current = card.fingerprint == current_fingerprint(weights)
    except OSError:
        is_current = False
    if not is_current:  # trained anew, or a file is missing: vectors of both kinds would be mixed
        raise ModelNotFound(
            f"{weights}/card.json is not the card of the towers beside it.",
            "Write it again: the `card` stage of the training.",
        )
    return _entry(replace(card, name=f"mini:{weights}", source=str(weights)), weights)


def _entry(card: ModelCard, weights: Path) -> Entry:
    def load() -> Embedder:
        from anyseek.embedders.mini.model import MiniEmbedder

        return MiniEmbedder(card, weights)

    return Entry(card, load)
