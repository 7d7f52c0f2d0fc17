"""A world in which texts, pictures and sounds mean the same in ways of their own, and libraries of it, measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from indexes import card, put

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Hit, Modality
from anyseek.options import SearchOptions
from anyseek.search import calibration
from anyseek.search.answer import answer
from anyseek.search.background import texts
from anyseek.search.embedding import EmbeddedQuery

DIM = 128
WORLD = np.random.default_rng(8)
CENTRES = {kind: WORLD.normal(size=DIM) for kind in (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)}
SPREAD = {Modality.TEXT: 1.0, Modality.IMAGE: 0.5, Modality.AUDIO: 2.0}


def rows(kind: Modality, meaning: np.ndarray, seed: int) -> np.ndarray:
    """Unit rows around the modality's own centre, in its own spread; `meaning` is shared by all modalities."""
    noise = np.random.default_rng(seed).normal(size=meaning.shape)
    vectors = 1.5 * CENTRES[kind] + SPREAD[kind] * (meaning + 0.3 * noise)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def meanings(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, DIM))


def measure(catalog: Catalog) -> None:
    with catalog.read() as snapshot:
        calibration.refresh(
            snapshot, snapshot.spaces()[0], lambda: rows(Modality.TEXT, meanings(len(texts()), 5), 6)[None]
        )


def ask(snapshot: Snapshot, query: np.ndarray, **how: object) -> tuple[Hit, ...]:
    options = SearchOptions.of(**{"to": "image,audio", "k": 5, **how})  # type: ignore[typeddict-item]
    embedded = EmbeddedQuery(dict.fromkeys(Modality, query), "")
    return answer(snapshot, snapshot.spaces()[0], embedded, options).hits


def library(folder: Path, shown: np.ndarray, kind: Modality = Modality.IMAGE) -> Catalog:
    """A measured library of rows with these meanings."""
    catalog = Catalog.create(folder / "index", [folder])
    with catalog.begin() as writer:
        space = writer.ensure_space(dataclasses.replace(card(dim=DIM), modalities=tuple(CENTRES)))
        for i, row in enumerate(rows(kind, shown, 53)):
            put(writer, space, f"{i:03}", row[None], kind)
    measure(catalog)
    return catalog
