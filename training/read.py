"""The stage `read`: the text teacher's vectors of everything written."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from training import corpus, data, depth
from training.minilm import MiniLM
from training.words import prompts

PLACES = (
    "bathroom|bedroom|bookstore|cafe|classroom|computer lab|conference room|corridor|dining room|furniture store|"
    "home office|kitchen|lab|lecture theatre|library|living room|office|rest space|study|playroom|laundry room|"
    "reception room|gym|lobby|hallway|staircase|stairs|meeting room|shop interior|buildings|forest|glacier|mountain|"
    "sea|street|mountains|suburban house|open countryside|tall building|sea coast|highway|inside of a city|store|"
    "a city street|ocean|beach"
).split("|")


def run(media: Path, teachers: Path, wordnet: Path, work: Path, open_only: bool = False) -> None:
    """Write `visual_texts.npz` (captions and prompted names) and `corpus.npz` (the rest), each texts and vectors."""
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
