"""How good `mini` is on pictures, sounds and depth maps that it did not learn from, with bootstrap intervals.

python benchmarks/mini_quality.py --media PACK PACK [--model mini:FOLDER] [--json OUT]

Only the packs' `val` split and the sources that training held out (`--held-out`, all of their items) are used.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anyseek.contracts import Embedder, Modality
from anyseek.embedders import registry

sys.path.append(str(Path(__file__).resolve().parents[1]))  # training/ is no part of the package
from training import data, measure
from training.measure import Floats
from training.words import prompts

Encoder = Callable[[Sequence[str]], Floats]
SIX = ("buildings", "forest", "glacier", "mountain", "sea", "street")
ROOMS = (
    "bathroom", "bedroom", "bookstore", "cafe", "classroom", "computer lab", "conference room", "corridor",
    "dining room", "furniture store", "home office", "kitchen", "library", "living room", "lecture theatre",
    "office", "shop interior",
)  # fmt: skip
SIX_ROOMS = ("bathroom", "bedroom", "dining room", "entrance hall", "kitchen", "living room")
SUN = ("kitchen", "auditorium", "desert", "campus", "sky", "bamboo forest", "airport", "football field")
OBJECTS = ("caltech101", "tiny-imagenet", "imagenette", "mini-imagenet", "grocery")
# What pictures, sounds and depth maps have in common, so that every pair of modalities can be asked about.
CONCEPTS = {
    "dog": ("dog",),
    "cat": ("cat",),
    "sea": ("sea", "sea waves", "sea coast"),
    "hen": ("hen", "hen clucking"),
    "street": ("street", "car horn", "siren", "street seen from a car", "street music", "engine idling"),
    "kitchen": ("kitchen", "kitchen table and chairs", "pouring water", "drinking, sipping"),
    "bathroom": ("bathroom", "toilet flushing", "brushing teeth"),
    "office": (
        "office",
        "office desk",
        "desk with a laptop",
        "typing on a keyboard",
        "mouse click",
        "office meeting room",
    ),
    "chainsaw": ("chainsaw",),
    "frog": ("bullfrog", "tailed frog", "frog croaking"),
    "airplane": ("airplane",),
    "church": ("church", "church bells"),
    "rooster": ("rooster", "rooster crowing"),
    "clock": ("clock ticking",),
}


class Model:
    """Vectors of texts and media, by the model under test."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder

    def of(self, modality: Modality, items: Sequence[Any]) -> Floats:
        """Decoded items -> unit rows."""
        prepare = self.embedder.preparer(modality)
        return self.embedder.embed(modality, [prepare(item) for item in items])

    def texts(self, texts: Sequence[str]) -> Floats:
        """Unit rows of texts."""
        return self.of(Modality.TEXT, texts)


def names(encode: Encoder, words: Sequence[str]) -> Floats:
    """One unit row for each name: the mean over its prompts."""
    rows = encode([prompt for word in words for prompt in prompts(word)])
    return measure.unit(rows.reshape(len(words), -1, rows.shape[1]).mean(1))


def captions(label: str, images: Floats, records: Sequence[data.Record], encode: Encoder) -> dict[str, Any]:
    """Recall of photographs by captions and of captions by photographs."""
    said = [caption for record in records for caption in record.captions]
    owner = np.array([row for row, record in enumerate(records) for _ in record.captions])
    scores = encode(said) @ images.T
    right = owner[:, None] == np.arange(len(records))
    out: dict[str, Any] = {"set": label, "photos": len(records), "captions": len(said)}
    for way, ranks, groups in (
        ("captions to photos", measure.first_right(scores, right), owner),
        ("photos to captions", measure.first_right(scores.T, right.T), None),
    ):
        out[way] = {
            f"R@{k}": (round(measure.recall(ranks, [k])[0], 1), _span(ranks, k, groups)) for k in (1, 5, 10)
        }
    return out


def classes(
    label: str, vectors: Floats, truth: Sequence[str], words: Sequence[str], encode: Encoder, k: int = 1
) -> dict[str, Any]:
    """Zero-shot: is the right name among the k nearest of `words`?"""
    scores = vectors @ names(encode, words).T
    answer = np.array([list(words).index(word) for word in truth])
    ranks = measure.first_right(scores, answer[:, None] == np.arange(len(words)))
    share = round(measure.recall(ranks, [k])[0], 1)
    return {
        "set": label,
        "items": len(truth),
        "names": len(words),
        f"top-{k}": (share, _span(ranks, k, None)),
    }


def _span(ranks: npt.NDArray[np.int64], k: int, groups: npt.NDArray[np.int64] | None) -> str:
    low, high = measure.interval(ranks, k, groups)
    return f"{low:.1f} to {high:.1f}"


def kind(record: data.Record) -> str:
    """The concept an item belongs to, or nothing: its label's, or one that at least two of its captions name.

    A photograph of a dog that is known by captions alone is no wrong answer to a bark.
    """
    labelled = (name for name, labels in CONCEPTS.items() if set(labels) & set(record.labels))
    return next(labelled, "") or next(
        (name for name in CONCEPTS if _captions_that_name(name, record) > 1), ""
    )


def _captions_that_name(name: str, record: data.Record) -> int:
    return sum(bool(re.search(rf"\b{name}s?\b", caption.lower())) for caption in record.captions)


def any_to_any(found: dict[Modality, tuple[Floats, list[str]]]) -> dict[str, str]:
    """Every direction between modalities: how often the first of the answers is of the query's concept."""
    out = {}
    for asked, (queries, wants) in found.items():
        for given, (answers, haves) in found.items():
            rows = [row for row, want in enumerate(wants) if want and want in haves]
            if asked is given or not rows:
                continue
            first = (queries[rows] @ answers.T).argmax(1)
            hits = np.mean([haves[place] == wants[row] for row, place in zip(rows, first, strict=True)])
            chance = np.mean([haves.count(wants[row]) / len(haves) for row in rows])
            out[f"{asked} to {given}"] = f"{100 * hits:.0f} % of {len(rows)} (chance {100 * chance:.0f} %)"
    return out


def read_images(records: Sequence[data.Record], ending: str = ".webp") -> list[npt.NDArray[np.uint8]]:
    """Pictures at their own size."""
    files = {
        name.removesuffix(ending): raw for name, raw in data.read_members(records) if name.endswith(ending)
    }
    return [np.asarray(Image.open(io.BytesIO(files[record.key])).convert("RGB")) for record in records]


def read_sounds(records: Sequence[data.Record], rate: int) -> list[Floats]:
    """Sounds, mono at `rate`."""
    import soundfile
    import soxr

    out = {}
    for name, raw in data.read_members(records):
        sound, own = soundfile.read(io.BytesIO(raw), dtype="float32")
        out[name.split(".")[0]] = soxr.resample(
            sound if sound.ndim == 1 else sound.mean(1), own, rate
        ).astype(np.float32)
    return [out[record.key] for record in records]


def pictures(
    packs: Sequence[Path],
    records: Sequence[data.Record],
    vectors: Floats,
    encode: Encoder,
    held: Sequence[str],
) -> list[dict[str, Any]]:
    """Everything that is asked of pictures."""
    out = []
    for source in ("flickr8k", "coco-mini"):
        rows = [row for row, record in enumerate(records) if record.source == source]
        label = source + (" (held out)" if source in held else " (val)")
        out.append(captions(label, vectors[rows], [records[row] for row in rows], encode))
    every = sorted({label for record in data.read_records(packs, "image") for label in record.labels[:1]})
    for label, sources, words, k in (
        ("six outdoor scenes", ("intel",), SIX, 1),
        ("six rooms", ("places-rooms",), SIX_ROOMS, 1),
        ("eight SUN scenes", ("sun-scenes",), SUN, 1),
        ("indoor scenes", ("houses", "scene15"), ROOMS, 1),
        ("object names", OBJECTS, every, 1),
        ("object names", OBJECTS, every, 5),
    ):
        rows = [row for row, r in enumerate(records) if r.source in sources and r.labels[0] in words]
        if rows:
            truth = [records[row].labels[0] for row in rows]
            out.append(classes(label, vectors[rows], truth, words, encode, k))
    return out


def named_sounds(
    packs: Sequence[Path], records: Sequence[data.Record], vectors: Floats, encode: Encoder
) -> list[dict[str, Any]]:
    """Zero-shot names of sounds: each source among its own, and all among all."""
    every = data.read_records(packs, "sound")
    out = []
    for source in ("", *sorted({record.source for record in records})):
        rows = [row for row, record in enumerate(records) if not source or record.source == source]
        words = sorted({r.labels[0] for r in every if not source or r.source == source})
        truth = [records[row].labels[0] for row in rows]
        out.append(classes(f"sounds {source}".rstrip(), vectors[rows], truth, words, encode))
    return out


def sound_and_picture(
    sounds: Sequence[data.Record], heard: Floats, pictures: Sequence[data.Record], seen: Floats
) -> dict[str, float]:
    """Mean average precision, by concept: pictures of what a sound is of, and sounds of what a picture shows."""
    of_sounds, of_pictures = ([kind(record) for record in records] for records in (sounds, pictures))
    right = np.array([[bool(own) and own == other for other in of_pictures] for own in of_sounds])
    scores = heard @ seen.T
    return {
        "sound to picture mAP": round(measure.mean_average_precision(scores, right), 1),
        "picture to sound mAP": round(measure.mean_average_precision(scores.T, right.T), 1),
    }


def main() -> None:
    """Read, embed, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--media", type=Path, nargs="+", required=True, help="packs, larger copies first")
    parser.add_argument("--model", default="mini", help="or mini:FOLDER, for heads trained there")
    parser.add_argument("--held-out", nargs="*", default=list(data.HELD_OUT))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    model = Model(registry.load(given.model))
    known = model.embedder.card.modalities

    def unseen(kind: str) -> list[data.Record]:
        records = data.read_records(given.media, kind)
        return [r for r in records if r.split == "val" or r.source in given.held_out]

    held = unseen("image")
    vectors = model.of(Modality.IMAGE, read_images(held))
    result: dict[str, Any] = {"model": model.embedder.card.fingerprint}
    result["sets"] = pictures(given.media, held, vectors, model.texts, given.held_out)
    found = {
        Modality.TEXT: (names(model.texts, sorted(CONCEPTS)), sorted(CONCEPTS)),
        Modality.IMAGE: (vectors, [kind(record) for record in held]),
    }
    if Modality.AUDIO in known:
        sounds = unseen("sound")
        heard = model.of(
            Modality.AUDIO, read_sounds(sounds, model.embedder.preparer(Modality.AUDIO).hint.rate_hz)
        )
        found[Modality.AUDIO] = (heard, [kind(record) for record in sounds])
        result["sets"] += named_sounds(given.media, sounds, heard, model.texts)
        result |= sound_and_picture(sounds, heard, held, vectors)
    if Modality.DEPTH in known:
        pairs = unseen("rgbd")
        deep = model.of(Modality.DEPTH, data.read_depths(pairs))
        colour = model.of(Modality.IMAGE, read_images(pairs, ".rgb.webp"))
        found[Modality.DEPTH] = (deep, [kind(record) for record in pairs])
        for way, scores in (
            ("depth to its picture", deep @ colour.T),
            ("picture to its depth", colour @ deep.T),
        ):
            ranks = measure.first_right(scores, np.eye(len(pairs), dtype=bool))
            result[way] = {f"R@{k}": (measure.recall(ranks, [k])[0], _span(ranks, k, None)) for k in (1, 5)}
    result["first answer, by concept"] = any_to_any(found)
    text = json.dumps(result, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
