"""Vectors of everything that is written about pictures and rooms: captions, labels and class names in their prompts."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from anyseek.embedders.mini.prepare_text import PrepareText
from training import data, features, rooms
from training.measure import Floats
from training.paths import BODIES
from training.words import prompts

LOG = logging.getLogger(__name__)
DIM, BATCH = 384, 64


class Texts:
    """Unit rows (n, 384) float32 by the text body, found by their text; as `run` left them."""

    def __init__(self, work: Path) -> None:
        with np.load(work / "texts.npz") as saved:
            self.vectors: Floats = np.asarray(saved["vectors"], np.float32)
            self.row = {str(text): row for row, text in enumerate(saved["texts"])}

    def of(self, texts: Sequence[str]) -> Floats:
        """(len(texts), 384) unit rows."""
        return self.vectors[[self.row[text] for text in texts]]

    def of_names(self, names: Sequence[str]) -> Floats:
        """The mean over the prompts of every name, (len(names), 384), not brought to unit length."""
        return np.stack([self.of(prompts(name)).mean(0) for name in names])


def class_names(teachers: Path) -> list[str]:
    """The picture body's thousand, in the order of its logits."""
    names: list[str] = json.loads((teachers / "imagenet_classnames.json").read_text())
    return names


def embed(texts: Sequence[str]) -> Floats:
    """Unit rows (n, 384) float32 of the shipped text body, texts of like length together."""
    session = onnxruntime.InferenceSession(BODIES / "text.onnx")
    prepare = PrepareText()
    rows = [prepare(text) for text in texts]
    out = np.empty((len(rows), DIM), np.float32)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        batch = np.zeros((len(part), len(rows[part[-1]])), np.int64)
        for line, i in zip(batch, part, strict=True):
            line[: len(rows[i])] = rows[i]
        out[part] = session.run(["vectors"], {"tokens": batch})[0]
    return out


def run(places: data.Places) -> None:
    """Write `texts.npz`: texts (n,) and vectors (n, 384)."""
    records = features.all_pictures(places.packs)
    labels = {label for record in records for label in record.labels}
    names = {*class_names(places.teachers), *rooms.vocabulary(), *labels}
    said = {caption for record in records for caption in record.captions}
    texts = sorted(said | {prompt for name in names for prompt in prompts(name)})
    LOG.info("%d texts", len(texts))
    np.savez(places.work / "texts.npz", texts=np.array(texts), vectors=embed(texts))
