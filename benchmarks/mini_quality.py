"""How good `mini` is on pictures, sounds and depth maps that it did not learn from, with bootstrap
intervals.

python benchmarks/mini_quality.py --media PACK [--teachers FOLDER --work FOLDER] [--json OUT]

Only the pack's `val` split and the sources that training held out (`--held-out`, all of their items) are
used. With `--teachers` and `--work` (the training stages' outputs) the untrained floor is measured beside:
the teacher's ten likeliest class names, averaged in MiniLM's space, on the same pictures.
"""

from __future__ import annotations

import argparse
import io
import json
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
SIX = ("buildings", "forest", "glacier", "mountains", "sea", "street")
ROOMS = (
    "bathroom", "bedroom", "bookstore", "cafe", "classroom", "computer lab", "conference room", "corridor",
    "dining room", "furniture store", "home office", "kitchen", "library", "living room", "lecture theatre",
    "office", "shop interior",
)  # fmt: skip
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
    """The concept an item belongs to, or nothing."""
    return next((name for name, labels in CONCEPTS.items() if set(labels) & set(record.labels)), "")


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


def read_images(
    media: Path, records: Sequence[data.Record], ending: str = ".webp"
) -> list[npt.NDArray[np.uint8]]:
    """Pictures at their own size."""
    files = {
        name.removesuffix(ending): raw
        for name, raw in data.read_members(media, records)
        if name.endswith(ending)
    }
    return [np.asarray(Image.open(io.BytesIO(files[record.key])).convert("RGB")) for record in records]


def read_sounds(media: Path, records: Sequence[data.Record], rate: int) -> list[Floats]:
    """Sounds, mono at `rate`."""
    import soundfile
    import soxr

    out = {}
    for name, raw in data.read_members(media, records):
        sound, own = soundfile.read(io.BytesIO(raw), dtype="float32")
        out[name.split(".")[0]] = soxr.resample(
            sound if sound.ndim == 1 else sound.mean(1), own, rate
        ).astype(np.float32)
    return [out[record.key] for record in records]


def floor(teachers: Path, work: Path, keys: Sequence[str]) -> tuple[Floats, Encoder]:
    """The untrained rival: the teacher's ten likeliest names in MiniLM's space, for pictures; and its
    texts.
    """
    from training.bind import Texts

    texts = Texts(work / "visual_texts.npz")
    with np.load(work / "lite2.npz") as saved:
        logits = np.load(work / "lite2_pooled.npy") @ saved["weight"].T + saved["bias"]
    order = json.loads((work / "pictures.json").read_text())
    rows = logits[[order.index(key) for key in keys]]
    best = np.argsort(-rows, 1)[:, :10]
    firm = np.exp(np.take_along_axis(rows, best, 1) - rows.max(1, keepdims=True))
    known = texts.of_names(json.loads((teachers / "imagenet_classnames.json").read_text()))
    return measure.unit(np.einsum("nk,nkd->nd", firm, known[best])), texts.of


def pictures(
    media: Path, records: Sequence[data.Record], vectors: Floats, encode: Encoder, held: Sequence[str]
) -> list[dict[str, Any]]:
    """Everything that is asked of pictures."""
    place = {record.key: row for row, record in enumerate(records)}

    def pick(test: Callable[[data.Record], bool]) -> tuple[list[data.Record], Floats]:
        chosen = [record for record in records if test(record)]
        return chosen, vectors[[place[record.key] for record in chosen]]

    out = []
    for source in ("flickr8k", "coco-mini"):
        chosen, rows = pick(lambda record, source=source: record.source == source)  # type: ignore[misc]
        out.append(captions(source + (" (held out)" if source in held else " (val)"), rows, chosen, encode))
    every = sorted({label for record in data.read_records(media, "image") for label in record.labels[:1]})
    for label, sources, words, k in (
        ("six outdoor scenes", ("intel",), SIX, 1),
        ("indoor scenes", ("houses", "scene15"), ROOMS, 1),
        ("object names", ("caltech101", "tiny-imagenet", "imagenette", "mini-imagenet", "grocery"), every, 5),
    ):
        chosen, rows = pick(lambda record, s=sources, w=words: record.source in s and record.labels[0] in w)  # type: ignore[misc]
        if chosen:
            out.append(classes(label, rows, [record.labels[0] for record in chosen], words, encode, k))
    return out


def main() -> None:
    """Read, embed, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--teachers", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--model", default="mini", help="or mini:FOLDER, for towers trained there")
    parser.add_argument("--held-out", nargs="*", default=["coco-mini"])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    model = Model(registry.load(given.model))
    known = model.embedder.card.modalities
    held = [
        r for r in data.read_records(given.media, "image") if r.split == "val" or r.source in given.held_out
    ]
    vectors = model.of(Modality.IMAGE, read_images(given.media, held))
    result: dict[str, Any] = {"model": model.embedder.card.fingerprint}
    result["mini"] = pictures(given.media, held, vectors, model.texts, given.held_out)
    if given.teachers and given.work:
        rows, encode = floor(given.teachers, given.work, [record.key for record in held])
        result["untrained floor"] = pictures(given.media, held, rows, encode, given.held_out)
    found = {
        Modality.TEXT: (names(model.texts, sorted(CONCEPTS)), sorted(CONCEPTS)),
        Modality.IMAGE: (vectors, [kind(record) for record in held]),
    }
    if Modality.AUDIO in known:
        sounds = [r for r in data.read_records(given.media, "sound") if r.split == "val"]
        heard = model.of(
            Modality.AUDIO,
            read_sounds(given.media, sounds, model.embedder.preparer(Modality.AUDIO).hint.rate_hz),
        )
        found[Modality.AUDIO] = (heard, [kind(record) for record in sounds])
        words = sorted({record.labels[0] for record in data.read_records(given.media, "sound")})
        result["mini"].append(classes("sounds", heard, [r.labels[0] for r in sounds], words, model.texts))
    if Modality.DEPTH in known:
        pairs = [r for r in data.read_records(given.media, "rgbd") if r.split == "val"]
        deep = model.of(Modality.DEPTH, data.read_depths(given.media, pairs))
        colour = model.of(Modality.IMAGE, read_images(given.media, pairs, ".rgb.webp"))
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
