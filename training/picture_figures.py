"""Figures of a picture head on what it did not learn from, while it is trained; the card's come from `benchmarks/`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from training import data, measure
from training.texts import Texts

if TYPE_CHECKING:
    from training.picture import Space
    from training.picture_views import Views


def lines(
    space: Space, views: Views, records: Sequence[data.Record], texts: Texts, allowed: data.Allowed
) -> Iterator[str]:
    """A line for each source: recall of photographs by captions, or of names by pictures."""
    judged = [
        row
        for row, record in enumerate(records)
        if record.kind == "image" and (record.split == "val" or record.source in allowed.hold_out)
    ]
    vectors = np.concatenate(
        [
            space.pictures(views.batch(rows := judged[start : start + 256], [0] * len(rows)))
            for start in range(0, len(judged), 256)
        ]
    )
    for source in sorted({records[row].source for row in judged}):
        places = [place for place, row in enumerate(judged) if records[row].source == source]
        own = [records[judged[place]] for place in places]
        how = _captions if own[0].captions else _names
        yield f"{source}, {len(own)} pictures: {how(space, vectors[places], own, texts)}"


def _captions(space: Space, vectors: measure.Floats, records: Sequence[data.Record], texts: Texts) -> str:
    said = [caption for record in records for caption in record.captions]
    owner = np.array([row for row, record in enumerate(records) for _ in record.captions])
    scores = space.texts(texts.of(said)) @ vectors.T
    ranks = measure.first_right(scores, owner[:, None] == np.arange(len(records)))
    return "captions to photographs R@1, 5, 10 " + ", ".join(f"{x:.1f}" for x in measure.recall(ranks))


def _names(space: Space, vectors: measure.Floats, records: Sequence[data.Record], texts: Texts) -> str:
    names = sorted({record.labels[0] for record in records})
    answer = np.array([names.index(record.labels[0]) for record in records])
    known = space.texts(texts.of_names(names))
    return f"among {len(names)} names top-1 {measure.zero_shot(vectors, known, answer):.1f}"
