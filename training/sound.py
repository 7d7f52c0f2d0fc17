"""The stage `sound`: the body as a file, what it says of views of the packs' sounds, and the heads taught with that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from training import data, sound_head, sounds
from training.export import write
from training.measure import Floats, first_right, mean_average_precision, recall, unit
from training.paths import BODIES
from training.sound_head import Examples, HeadConfig, SoundHead
from training.sound_words import phrasings, tag_phrasings
from training.tagger import FEATURES, TAGS, read_body, tag_names
from training.texts import embed

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Texts in the joint space: the text body's unit rows, `encode`, through P, `project` (384, 384)."""

    encode: Callable[[Sequence[str]], Floats]
    project: Floats

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Unit rows (n, 384)."""
        return unit(self.encode(texts) @ self.project.T)

    def phrased(self, names: Sequence[str], phrase: Callable[[str], list[str]]) -> Floats:
        """(names, phrasings, 384) unit rows."""
        rows = self([text for name in names for text in phrase(name)])
        return rows.reshape(len(names), -1, rows.shape[1])


def export_body(teachers: Path, path: Path) -> Path:
    """Write the body: `mel` (n, frames, 128) -> `features` (n, 384), `tags` (n, 527) logits."""
    write(
        read_body(teachers),
        [("mel", torch.zeros(2, 250, 128), (0, 1))],
        ["features", "tags"],
        path,
    )
    return path


def run(
    places: data.Places,
    allowed: data.Allowed,
    *,
    views: int = sounds.VIEWS,
    config: HeadConfig | None = None,
) -> None:
    """Teach a head, print its figures, and write it as `audio.onnx`. views: of every clip; more can be added later.

    Taking away what all training sounds have in common was measured and brought nothing: sound to picture, mAP 23.8 as
    they are, 21.0 with half of it gone, 15.3 with all.
    """
    body = BODIES / "audio.onnx"
    path = body if body.exists() else export_body(places.teachers, body)
    only = data.read_records(places.packs, "sound")
    features = sounds.extract(only, path, places.work / "sound_features", views)
    with np.load(places.work / places.heads.name / "space.npz") as saved:
        words = Words(embed, saved["P"])
    may = np.array([record in allowed for record in only])
    config = config or HeadConfig()
    head = sound_head.train(config, examples(features, only, may, words, tag_names(places.teachers)))
    whole = features.of(np.arange(len(only)))  # the first view of each clip is the clip itself
    rows = sound_head.embed(head, whole.features, whole.logits)
    judged = np.array([r.source in allowed.hold_out or r.split == "val" for r in only])
    opinion = head.opinion(torch.from_numpy(whole.logits)).numpy()
    for name, made in (("tags alone, no training", opinion), ("head", rows)):
        for line in figures(made, only, judged, words):
            print(f"{name}: {line}")
    write_head(head, places.heads / "audio.onnx")


def write_head(head: SoundHead, path: Path) -> None:
    """`features` (n, 384), `tags` (n, 527) -> `vectors` (n, 384), unit rows."""
    takes = [("features", torch.zeros(2, FEATURES), (0,)), ("tags", torch.zeros(2, TAGS), (0,))]
    write(head, takes, ["vectors"], path)


def examples(
    features: sounds.SoundFeatures,
    records: Sequence[data.Record],
    may: npt.NDArray[np.bool_],
    words: Words,
    tags: Sequence[str],
) -> Examples:
    """What may be learned from: views all of whose clips `may` be used; kinds that are rare are shown more often."""
    features = features.of(np.asarray(may[features.parts].all(1)))
    labels = sorted({label for r, usable in zip(records, may, strict=True) if usable for label in r.labels})
    own = [[labels.index(label) for label in r.labels if label in labels] for r in records]
    said = sound_head.shares(features.parts.tolist(), features.shares, own, len(labels))
    chances = (said / np.sqrt(said.sum(0))).sum(1)
    return Examples(
        features,
        said,
        chances / chances.sum(),
        words.phrased(labels, phrasings),
        words.phrased(tags, tag_phrasings),
    )


def figures(
    rows: Floats, records: Sequence[data.Record], judged: npt.NDArray[np.bool_], words: Words
) -> list[str]:
    """Zero-shot figures of every source with judged sounds: right names first, and sounds by their names."""
    fifty = {r.labels[0] for r in records if r.source.startswith("esc")}
    out = []
    for source in sorted({r.source for r, use in zip(records, judged, strict=True) if use}):
        part = [i for i, r in enumerate(records) if judged[i] and r.source == source]
        own = {r.labels[0] for r in records if r.source == source}
        for kinds in [own, fifty] if source.startswith("esc") else [own]:
            names = sorted(kinds)
            right = np.array([names.index(records[i].labels[0]) for i in part])[:, None] == np.arange(
                len(names)
            )
            shown = []
            for phrase in ("{}", "the sound of {}"):
                scores = rows[part] @ words([phrase.format(name) for name in names]).T
                top = recall(first_right(scores, right), [1])[0]
                shown.append(
                    f"'{phrase}' top-1 {top:.1f}, name to sound mAP {mean_average_precision(scores.T, right.T):.1f}"
                )
            out.append(f"{source}, {len(part)} sounds, {len(names)} names: {'; '.join(shown)}")
    return out
