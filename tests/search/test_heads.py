"""A model with a head for each target: every target is asked, and calibrated, with the vector that is meant for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.contracts import Modality, Role
from anyseek.search import background
from anyseek.search.embedding import query_vectors
from anyseek.search.query import QueryPart
from anyseek.search.query_reader import QueryReader

if TYPE_CHECKING:
    from anyseek.contracts import Floats


class Headed(WordEmbedder):
    """Queries of words for sounds are the mirror of those for everything else."""

    query_heads = frozenset({Modality.TEXT})

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        rows = super().embed(modality, prepared, role=role, target=target)
        return -rows if target is Modality.AUDIO and modality is Modality.TEXT else rows


def test_a_query_has_a_vector_for_each_target_only_where_heads_differ() -> None:
    model = Headed()
    reader = QueryReader(model)
    parts = reader.read([QueryPart("words", "a red car", Modality.TEXT)])
    found = query_vectors(parts, model, (Modality.IMAGE, Modality.AUDIO))
    np.testing.assert_array_equal(found[Modality.IMAGE], -found[Modality.AUDIO])
    plain = query_vectors(parts, WordEmbedder(), (Modality.IMAGE, Modality.AUDIO))
    assert plain[Modality.IMAGE] is plain[Modality.AUDIO]
    reader.close()


def test_the_bank_has_a_part_for_each_head() -> None:
    model = Headed()
    bank = background.embedded(model)
    assert bank.shape == (len(model.card.modalities), len(background.texts()), model.card.dim)
    sound = model.card.modalities.index(Modality.AUDIO)
    np.testing.assert_array_equal(bank[sound], -bank[0])
    assert background.embedded(WordEmbedder()).shape == (1, len(background.texts()), model.card.dim)


@pytest.mark.parametrize("model", [Headed(), WordEmbedder()], ids=["heads", "one"])
def test_a_library_is_searched_through_the_heads(tmp_path: Path, model: WordEmbedder) -> None:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=model) as index:
        index.add(workers=1)
        sounds = index.search("red", to="audio", k=1, by="vectors")
        texts = index.search("red", to="text", k=1, by="vectors")
        asked = model.embed(Modality.TEXT, ["red"], role="query", target=Modality.AUDIO)[0]
        with index._catalog.read() as snapshot:
            space = snapshot.spaces()[0].space_id
            row = snapshot.row_of_segment(space, sounds[0].segment_id)
            stored = snapshot.vectors_at(space, np.array([row]))[0]
    assert sounds[0].score == pytest.approx(float(asked @ stored), abs=1e-3)
    assert texts[0].score > 0
