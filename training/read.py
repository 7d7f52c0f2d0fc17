"""The stages `read` and `text`: the text teacher's vectors of everything written, and the tower taught with them."""

from __future__ import annotations

import csv
import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from training import corpus, data, depth, text
from training.export import export
from training.measure import Floats, unit
from training.minilm import MiniLM
from training.words import prompts

LOG = logging.getLogger(__name__)
HELD = 3_000  # texts of the corpus that the tower is measured on and never trained on
PLACES = (
    "bathroom|bedroom|bookstore|cafe|classroom|computer lab|conference room|corridor|dining room|furniture store|"
    "home office|kitchen|lab|lecture theatre|library|living room|office|rest space|study|playroom|laundry room|"
    "reception room|gym|lobby|hallway|staircase|stairs|meeting room|shop interior|buildings|forest|glacier|mountain|"
    "sea|street|mountains|suburban house|open countryside|tall building|sea coast|highway|inside of a city|store|"
    "a city street|ocean|beach"
).split("|")


def run(
    media: Path, teachers: Path, wordnet: Path, work: Path, weights: Path, open_only: bool = False
) -> None:
    """Write `visual_texts.npz` (captions and prompted names) and `corpus.npz` (the rest), each texts and vectors.

    Also the vocabulary of the text tower, if it is not there: MiniLM's tokens that are ASCII.
    """
    pictures = data.read_records(media, "image", open_only) + data.read_records(media, "rgbd", open_only)
    classes = json.loads((teachers / "imagenet_classnames.json").read_text())
    with np.load(teachers / "clip_text_anchors.npz") as anchors:
        things = [str(name) for name in anchors["names"]]
    labels = {label for record in pictures for label in record.labels}
    names = {*classes, *things, *PLACES, *depth.vocabulary(), *labels}
    seen = {caption for record in pictures for caption in record.captions}
    visual = sorted(seen | {prompt for name in names for prompt in prompts(name)})
    sounds = data.read_records(media, "sound", open_only)
    with (teachers / "audioset_class_labels.csv").open(newline="", encoding="utf-8") as lines:
        heard = [row["display_name"] for row in csv.DictReader(lines)]
    heard += sorted({label for record in sounds for label in record.labels})
    captions = [caption for record in pictures if record.split == "train" for caption in record.captions]
    others = [t for t in corpus.compose(wordnet, captions, heard) if t not in set(visual)]
    teacher = MiniLM()
    for name, texts in (("visual_texts.npz", visual), ("corpus.npz", others)):
        if not (work / name).exists():
            np.savez(work / name, texts=np.array(texts), vectors=teacher(texts))
    if not (weights / "vocabulary.txt").exists():
        tokens = teacher.tokenizer.get_vocab()
        known = [t for t in sorted(tokens, key=tokens.__getitem__) if t.isascii() and not t.startswith("[")]
        listed = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *known])
        (weights / "vocabulary.txt").write_text(listed, encoding="utf-8")
    held = [caption for record in pictures if record.split == "val" for caption in record.captions]
    (work / "held_captions.json").write_text(json.dumps(held))


def train_tower(work: Path, weights: Path, seconds: float) -> None:
    """The static tower (an eighth of the time), then the transformer from it; export, and log how near both came."""
    with np.load(work / "bind.npz") as bound:
        project = bound["P"]
    held = set(json.loads((work / "held_captions.json").read_text()))
    texts, vectors = [], []
    for name in ("visual_texts.npz", "corpus.npz"):
        with np.load(work / name) as saved:
            texts += [str(found) for found in saved["texts"]]
            vectors.append(np.asarray(saved["vectors"], np.float32))
    wanted = unit(np.concatenate(vectors) @ project.T)
    captions = [row for row, found in enumerate(texts) if found in held]
    others = random.Random(1).sample([row for row, found in enumerate(texts) if found not in held], HELD)
    learned = np.setdiff1d(np.arange(len(texts)), captions + others)
    vocabulary = weights / "vocabulary.txt"
    rows = text.tokenise(texts, vocabulary)
    size = len(vocabulary.read_text(encoding="utf-8").split("\n"))

    def taught(config: text.TextConfig, net: torch.nn.Module, name: str) -> torch.nn.Module:
        net = text.train(config, net, [rows[i] for i in learned], wanted[learned], work / f"{name}.pt")
        for what, part in (("held captions", captions), ("held corpus", others)):
            if part:  # the open part has no captions
                got = text.embed(net, [rows[i] for i in part])
                LOG.info("%s, %s: %s", name, what, _nearness(got, wanted[part]))
        return net

    config = text.TextConfig(seconds=seconds / 8, batch=512, token_rate=1e-2)
    static = taught(config, text.StaticTower(config, size, wanted.shape[1]), "static")
    assert isinstance(static, text.StaticTower)
    config = text.TextConfig(seconds=seconds * 7 / 8)
    tower = taught(config, text.TextTower(config, static), "tower")
    example = text.padded([rows[0], rows[1], rows[2]])
    export(tower, example, (0, 1), weights / "text.onnx", "tokens")


def _nearness(got: Floats, wanted: Floats, most: int = 2_000) -> str:
    """Mean cosine to the teacher, and how much of the ten nearest neighbours agrees."""
    cosine = float((got * wanted).sum(1).mean())
    mine, theirs = (_neighbours(rows[:most]) for rows in (got, wanted))
    agree = float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(mine, theirs, strict=True)]))
    return f"cosine {cosine:.4f}, ten nearest agree {agree:.3f}"


def _neighbours(rows: Floats) -> Sequence[Sequence[int]]:
    scores = rows @ rows.T
    np.fill_diagonal(scores, -2.0)
    found: list[list[int]] = np.argsort(-scores, axis=1)[:, :10].tolist()
    return found
