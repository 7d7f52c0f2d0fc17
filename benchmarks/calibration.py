"""Does a match tell queries with an answer from those without, better than the cosine? On media with known labels.

    python benchmarks/calibration.py --media PACK [--absent NAMES] [--model mini-open]

Each label of the pack's unseen pictures and sounds, and a caption of each photograph, is asked as words, once with
the items of that label (the photograph) in the gallery and once without them; and what is not there: a hundred
sentences (absent_captions.txt), and names, given a file of them. AUROC: how often a query with an answer scores above
one without, over all pairs. Captions are asked of libraries of twenty photographs too, and of one of dogs alone.

Then one list of pictures, sounds and captions together, ranked by cosine, by match and by lift (as `--merge` does), as
it is and with each modality moved apart as many models have it (Liang 2022): nDCG@10 of labels that at least two
modalities have (captions have those whose words they hold, pictures those of their captions too), and how many of the
ten are captions. For comparison the nDCG@10 of each modality by itself.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

import mini_quality
import numpy as np
import numpy.typing as npt

from anyseek.contracts import Modality
from anyseek.embedders import registry
from anyseek.search import background, calibration
from training import data

Floats = npt.NDArray[np.float32]
Galleries = dict[Modality, tuple[Floats, list[set[str]]]]
"""Rows and the labels of each."""


@dataclass(frozen=True)
class Asked:
    """Queries of one modality: their vectors and the labels they are to find; absent: vectors of what is not there."""

    kind: Modality
    names: list[str]
    vectors: Floats
    absent: dict[str, Floats]


def auroc(with_answer: Floats, without: Floats) -> float:
    """The Mann-Whitney statistic as a share."""
    ranks = np.concatenate([with_answer, without]).argsort().argsort()[: len(with_answer)] + 1
    n = len(with_answer)
    return float((ranks.sum() - n * (n + 1) / 2) / (n * len(without)))


def measure(asked: Asked, gallery: Floats, labels: list[str], bank: Floats) -> dict[str, float]:
    """The tops of queries with their items, without them, and of what is not there, by cosine and by match."""
    known = calibrated(bank, {asked.kind: gallery})
    right = np.array(asked.names)[:, None] == np.array(labels)[None]
    scores = asked.vectors @ gallery.T
    with_answer = best_matches(known, asked.kind, gallery, scores)
    told: dict[str, float] = {
        "queries": len(asked.names),
        "gallery": len(labels),
        "with an answer above 0.9": share_above(with_answer),
    }
    absent = {f"absent {what}": vectors @ gallery.T for what, vectors in asked.absent.items()}
    for what, others in {"without": np.where(right, -1.0, scores), **absent}.items():
        found = best_matches(known, asked.kind, gallery, others)
        told |= {
            f"{what}: AUROC cosine": round(auroc(scores.max(1), others.max(1)), 3),
            f"{what}: AUROC z": round(auroc(in_own_spread(scores), in_own_spread(others)), 3),
            f"{what}: AUROC match": round(auroc(with_answer, found), 3),
            f"{what} above 0.9": share_above(found),
        }
    return told


def in_libraries(
    asked: Asked, gallery: Floats, parts: list[npt.NDArray[np.int64]], bank: Floats
) -> dict[str, float]:
    """Query i is of row i. Shares above 0.9 in libraries of some of the rows: of those rows' queries, and of what is
    not there, mean over the libraries."""
    told: dict[str, list[float]] = {}
    for part in parts:
        known = calibrated(bank, {asked.kind: gallery[part]})
        for what, vectors in {"with an answer": asked.vectors[part], **asked.absent}.items():
            found = best_matches(known, asked.kind, gallery[part], vectors @ gallery[part].T)
            told.setdefault(f"{what} above 0.9", []).append(share_above(found))
    return {
        "libraries": len(parts),
        **{what: round(float(np.mean(shares)), 3) for what, shares in told.items()},
    }


def in_own_spread(scores: Floats) -> Floats:
    """How far each query's best is above its mean, in its own deviations: what match once rested on."""
    known = np.where(scores > -1.0, scores, np.nan)
    spread: Floats = (np.nanmax(known, 1) - np.nanmean(known, 1)) / np.nanstd(known, 1)
    return spread


def share_above(matches: Floats) -> float:
    """Of those above 0.9."""
    return round(float((matches > 0.9).mean()), 3)


def calibrated(bank: Floats, galleries: dict[Modality, Floats]) -> calibration.Calibration:
    """What an index of these rows measures for texts."""
    pairs = {
        (Modality.TEXT, kind): calibration.measured(bank, rows, len(rows), background.asked_of(kind))
        for kind, rows in galleries.items()
    }
    return calibration.Calibration({}, {key: pair for key, pair in pairs.items() if pair}, bank[None])


def matches(
    known: calibration.Calibration, kind: Modality, rows: Floats, scores: Floats
) -> tuple[Floats, Floats]:
    """The lift and the match of rows with these cosines."""
    lift = known.lift(Modality.TEXT, kind, scores, rows)
    assert lift is not None, "the pair was measured"
    return lift, calibration.match(lift, known.pairs[Modality.TEXT, kind])


def best_matches(known: calibration.Calibration, kind: Modality, gallery: Floats, scores: Floats) -> Floats:
    """The best match among the ten first hits of each query."""
    firsts = (np.argsort(-one)[:10] for one in scores)
    found = [
        matches(known, kind, gallery[first], one[first])[1].max()
        for first, one in zip(firsts, scores, strict=True)
    ]
    return np.array(found, np.float32)


def mixed(asked: Floats, names: list[str], galleries: Galleries, bank: Floats) -> dict[str, float]:
    """One list over all galleries: nDCG@10 and the share of texts in it, by each score."""
    known = calibrated(bank, {kind: rows for kind, (rows, _) in galleries.items()})
    is_text = np.concatenate(
        [np.full(len(rows), kind is Modality.TEXT) for kind, (rows, _) in galleries.items()]
    )
    found: dict[str, list[tuple[float, float]]] = {"cosine": [], "match": [], "lift": []}
    alone: dict[str, list[float]] = {str(kind): [] for kind in galleries}
    for query, name in zip(asked, names, strict=True):
        right = [np.array([name in labels for labels in told]) for _, told in galleries.values()]
        if sum(one.any() for one in right) < 2:
            continue
        relevant = np.concatenate(right)
        scores = [rows @ query for rows, _ in galleries.values()]
        rated = [
            matches(known, kind, rows, one)
            for (kind, (rows, _)), one in zip(galleries.items(), scores, strict=True)
        ]
        for kind, one, own in zip(galleries, scores, right, strict=True):
            if own.any():
                alone[str(kind)].append(ndcg(own, np.argsort(-one)[:10]))
        lifts, fair = (
            [in_own_order(*pair) for pair in zip(scores, of, strict=True)] for of in zip(*rated, strict=True)
        )
        for how, values in (("cosine", scores), ("match", fair), ("lift", lifts)):
            best = np.argsort(-np.concatenate(values))[:10]
            found[how].append((ndcg(relevant, best), float(is_text[best].mean())))
    told = {
        f"{what} by {how}": round(float(np.mean([pair[i] for pair in rows])), 3)
        for how, rows in found.items()
        for i, what in enumerate(("nDCG@10", "captions"))
    }
    by_itself = {f"{kind} by itself": round(float(np.mean(values)), 3) for kind, values in alone.items()}
    return {"queries": len(found["match"]), **told, **by_itself}


def in_own_order(scores: Floats, lifts: Floats) -> Floats:
    """For each row the highest lift of those that its cosine is not below: see search.fusion.by_lift."""
    order = np.argsort(scores)
    found = np.empty(len(lifts))
    found[order] = np.maximum.accumulate(lifts[order])
    return found + 1e-6 * scores


def said(names: list[str], *texts: str) -> set[str]:
    """The labels whose words are in the texts."""
    padded = f" {' '.join(re.findall('[a-z]+', ' . '.join(texts).lower()))} "
    return {name for name in names if f" {name.lower()} " in padded}


def ndcg(relevant: npt.NDArray[np.bool_], best: npt.NDArray[np.int64]) -> float:
    """Of the first rows, each relevant or not (Jarvelin and Kekalainen 2002)."""
    gains = 1 / np.log2(np.arange(2, len(best) + 2))
    return float(gains[relevant[best]].sum() / gains[: int(relevant.sum())].sum())


def main() -> None:
    """Prints one JSON object for pictures and one for sounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--absent", type=Path, help="names, one a line, of what nothing in the pack is")
    parser.add_argument("--model", default="mini")
    options = parser.parse_args()
    media = options.media
    model = mini_quality.Model(registry.load(options.model))
    bank = background.embedded(model.embedder)[0]
    files = {"names": options.absent, "captions": Path(__file__).with_name("absent_captions.txt")}
    absent = {what: model.texts(path.read_text().splitlines()) for what, path in files.items() if path}
    pictures = [r for r in data.read_records([media], "image") if r.split == "val" or r.source == "coco-mini"]
    seen = model.of(Modality.IMAGE, mini_quality.read_images(pictures))
    sounds = [r for r in data.read_records([media], "sound") if r.split == "val"]
    rate = model.embedder.preparer(Modality.AUDIO).hint.rate_hz
    heard = model.of(Modality.AUDIO, mini_quality.read_sounds(sounds, rate))
    for kind, gallery, records in ((Modality.IMAGE, seen, pictures), (Modality.AUDIO, heard, sounds)):
        labels = [record.labels[0] if record.labels else "" for record in records]
        names = sorted(set(labels) - {""})
        asked = Asked(kind, names, model.texts(names), absent)
        print(json.dumps({"set": str(kind), **measure(asked, gallery, labels, bank)}))
    shown = [record for record in pictures if record.captions]
    told = [record.captions[0] for record in shown]
    gallery = seen[[bool(record.captions) for record in pictures]]
    asked = Asked(Modality.IMAGE, told, model.texts(told), absent)
    print(json.dumps({"set": "captions", **measure(asked, gallery, told, bank)}))
    rng = np.random.default_rng(0)
    twenty = [rng.choice(len(gallery), 20, replace=False) for _ in range(20)]
    dogs = np.flatnonzero([bool(said(["dog", "dogs"], *record.captions)) for record in shown])
    for what, parts in (("twenty photographs", twenty), ("dogs alone", [dogs])):
        print(json.dumps({"set": what, **in_libraries(asked, gallery, parts, bank)}))
    dog = Asked(Modality.IMAGE, ["a dog"], np.repeat(model.texts(["a dog"]), len(gallery), 0), {})
    print(json.dumps({"set": "a dog, of dogs alone", **in_libraries(dog, gallery, [dogs], bank)}))
    names = sorted({name for record in (*pictures, *sounds) for name in record.labels})
    captions = [record.captions[0] for record in pictures if record.captions]
    galleries = {
        Modality.IMAGE: (seen, [{*one.labels, *said(names, *one.captions)} for one in pictures]),
        Modality.AUDIO: (heard, [set(record.labels) for record in sounds]),
        Modality.TEXT: (model.texts(captions), [said(names, text) for text in captions]),
    }
    for gap in (0.0, 0.5, 1.0):
        asked, known = apart(model.texts(names), Modality.TEXT, gap), apart(bank, Modality.TEXT, gap)
        moved = {kind: (apart(rows, kind, gap), told) for kind, (rows, told) in galleries.items()}
        print(json.dumps({"set": "one list", "gap": gap, **mixed(asked, names, moved, known)}))


def apart(rows: Floats, kind: Modality, gap: float) -> Floats:
    """Unit rows, moved by `gap` along a direction of their modality's own."""
    own = np.linalg.qr(np.random.default_rng(7).standard_normal((rows.shape[1], len(Modality))))[0]
    moved = rows + gap * own[:, list(Modality).index(kind)].astype(np.float32)
    unit: Floats = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


if __name__ == "__main__":
    main()
