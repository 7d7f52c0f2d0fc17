"""Does a match tell queries with an answer from those without, better than the cosine? On media with known labels.

    python benchmarks/calibration.py --media PACK

Each label of the pack's unseen pictures and sounds is asked as words, once with the items of that label in the gallery
and once without them. AUROC: how often a query with an answer scores above one without, over all pairs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import mini_quality
import numpy as np
import numpy.typing as npt

from anyseek.contracts import Modality
from anyseek.embedders import registry
from anyseek.embedders.mini.train import data
from anyseek.search import background, calibration

Floats = npt.NDArray[np.float32]


def auroc(with_answer: Floats, without: Floats) -> float:
    """The Mann-Whitney statistic as a share."""
    ranks = np.concatenate([with_answer, without]).argsort().argsort()[: len(with_answer)] + 1
    n = len(with_answer)
    return float((ranks.sum() - n * (n + 1) / 2) / (n * len(without)))


def measure(
    asked: Floats, names: list[str], gallery: Floats, labels: list[str], bank: Floats
) -> dict[str, float]:
    """The tops of queries with and without their items, by cosine and by match."""
    rng = np.random.default_rng(0)
    sample = gallery[rng.choice(len(gallery), min(calibration.SAMPLE, len(gallery)), replace=False)]
    pair = calibration._measured(bank, gallery, sample, len(gallery))
    known = calibration.Calibration({Modality.IMAGE: sample}, {(Modality.TEXT, Modality.IMAGE): pair}, bank)
    right = np.array(names)[:, None] == np.array(labels)[None]
    scores = asked @ gallery.T
    tops = scores.max(1), np.where(right, -1.0, scores).max(1)

    def matched(top: Floats) -> Floats:
        strengths = [
            known.strength(query, Modality.TEXT, Modality.IMAGE, one[None], len(gallery))
            for query, one in zip(asked, top, strict=True)
        ]
        return np.concatenate([calibration.match(one) for one in strengths if one is not None]).astype(
            np.float32
        )

    with_answer, without = matched(tops[0]), matched(tops[1])
    return {
        "queries": len(names),
        "gallery": len(labels),
        "AUROC cosine": round(auroc(*tops), 3),
        "AUROC match": round(auroc(with_answer, without), 3),
        "with an answer above 0.9": round(float((with_answer > 0.9).mean()), 3),
        "without one above 0.9": round(float((without > 0.9).mean()), 3),
        "background above 0.9": round(float((matched_bank(known, bank, gallery) > 0.9).mean()), 3),
    }


def matched_bank(known: calibration.Calibration, bank: Floats, gallery: Floats) -> Floats:
    """The match of each background query's best hit."""
    found = []
    for query in bank:
        top = np.array([(gallery @ query).max()], np.float32)
        strength = known.strength(query, Modality.TEXT, Modality.IMAGE, top, len(gallery))
        assert strength is not None, "the pair was measured"
        found.append(calibration.match(strength)[0])
    return np.array(found, np.float32)


def main() -> None:
    """Prints one JSON object for pictures and one for sounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--media", type=Path, required=True)
    media = parser.parse_args().media
    model = mini_quality.Model(registry.load("mini"))
    bank = background.embedded(model.embedder)[0]
    pictures = [r for r in data.read_records(media, "image") if r.split == "val" or r.source == "coco-mini"]
    seen = model.of(Modality.IMAGE, mini_quality.read_images(media, pictures))
    sounds = [r for r in data.read_records(media, "sound") if r.split == "val"]
    rate = model.embedder.preparer(Modality.AUDIO).hint.rate_hz
    heard = model.of(Modality.AUDIO, mini_quality.read_sounds(media, sounds, rate))
    for kind, gallery, records in (("pictures", seen, pictures), ("sounds", heard, sounds)):
        labels = [record.labels[0] if record.labels else "" for record in records]
        names = sorted(set(labels) - {""})
        print(json.dumps({"set": kind, **measure(model.texts(names), names, gallery, labels, bank)}))


if __name__ == "__main__":
    main()
