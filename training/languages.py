"""The stage `languages`: a map from multilingual-e5-small's vectors to those of `mini`'s text body.

A ridge is fitted on English texts that both bodies embed: captions, names, and captions strung together to passages;
and on `translations.tsv`, everyday words and phrases in fourteen languages, written by hand for this, whose targets are
the vectors of their English. What it gives is short of the vectors it stands for, more so in other languages, so its
distance from the mean is set to one length. Then it is drawn to the names and captions that it is near, by a softmax in
which nothing has a share too: a text that is near none of them stays where it is.

P, the head of texts, comes after the map, which stays valid when heads are trained anew.
"""

from __future__ import annotations

import csv
import logging
import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from anyseek.embedders.mini.e5 import E5Body
from anyseek.embedders.mini.prepare_languages import PrepareLanguages
from anyseek.embedders.mini.towers import LANGUAGES
from training import data, texts
from training.export import UnitRows, write
from training.measure import Floats
from training.tagger import tag_names
from training.words import article

LOG = logging.getLogger(__name__)
TRANSLATIONS = Path(__file__).with_name("translations.tsv")
PHRASES = ("{}", "a photo of {}", "the sound of {}", "a picture of {}", "{} in the distance")
CHUNK = 512  # texts between two files of the work folder


@dataclass(frozen=True, slots=True)
class LanguagesConfig:
    """What was chosen by `benchmarks/languages.py`, on other texts.

    captions, passages: how many the ridge learns. penalty: of the ridge, for inputs times 10. length: the distance
    from the mean that every text is given, in mean distances of English ones. known: captions that texts are drawn to,
    beside all names. components: in which those are kept. nearness: the cosine at which one of them counts as much as
    nothing. width: of the softmax. pull: what is drawn to, for a text of length 1.
    """

    captions: int = 7_000
    passages: int = 500
    penalty: float = 30.0
    length: float = 2.0
    known: int = 4_000
    components: int = 192
    nearness: float = 0.5
    width: float = 0.025
    pull: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Lessons:
    """English texts, in a fixed order: names, names in a phrase, captions, and passages made of other captions."""

    names: list[str]
    phrases: list[str]
    captions: list[str]
    passages: list[str]

    @property
    def texts(self) -> list[str]:
        """All of them."""
        return [*self.names, *self.phrases, *self.captions, *self.passages]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Unit rows of both bodies. e5, mini: of English texts, (n, 384). translated: of e5, (languages, m, 384); english:
    of `mini`, (m, 384)."""

    e5: Floats
    mini: Floats
    translated: Floats
    english: Floats


# ---------------------------------------------------------------- what is learned from


def chosen(places: data.Places, allowed: data.Allowed, config: LanguagesConfig) -> Lessons:
    """What the ridge learns."""
    luck = random.Random(config.seed)
    records = [
        record for kind in ("image", "sound", "rgbd") for record in data.read_records(places.packs, kind)
    ]
    learned = [record for record in records if record in allowed]
    names = {label for record in learned for label in record.labels}
    names |= {*texts.class_names(places.teachers), *tag_names(places.teachers), *_objects(places.teachers)}
    captions = sorted({caption for record in learned for caption in record.captions})
    luck.shuffle(captions)
    phrases = [luck.choice(PHRASES).format(article(name)) for name in sorted(names)]
    passages = _passages(captions[config.captions :], config.passages, luck)
    return Lessons(sorted(names), phrases, captions[: config.captions], passages)


def _objects(teachers: Path) -> list[str]:
    """The names of everyday objects, of LVIS and Objects365."""
    with np.load(teachers / "clip_text_anchors.npz") as anchors:
        return [str(name).replace("_", " ") for name in anchors["names"]]


def _passages(captions: Sequence[str], count: int, luck: random.Random) -> list[str]:
    out: list[str] = []
    while len(out) < count and captions:
        several = luck.choice((2, 3, 4, 5, 6, 8))
        out.append(" ".join(caption.rstrip(" .") + "." for caption in captions[:several]))
        captions = captions[several:]
    return out


def translations() -> list[list[str]]:
    """By language, English first: the same phrases in each."""
    with TRANSLATIONS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [list(column) for column in zip(*rows[1:], strict=True)]


def read(places: data.Places, english: Sequence[str]) -> Pairs:
    """Everything through both bodies. What e5 says is kept in the work folder, chunk by chunk: it takes half an hour.

    Raises SystemExit if the work folder has the vectors of other texts.
    """
    folder = places.work / "languages"
    folder.mkdir(exist_ok=True)
    by_language = translations()
    every = [*english, *(text for column in by_language for text in column)]
    _keep_texts(every, folder / "texts.txt")
    body, prepare = E5Body(), PrepareLanguages()
    chunks = []
    for start in range(0, len(every), CHUNK):
        path = folder / f"{start}.npy"
        if not path.exists():
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                prepared = [prepare(text) for text in every[start : start + CHUNK]]
                np.save(path, np.stack(list(pool.map(body.vector, prepared))))
            LOG.info("e5: %d of %d texts", min(start + CHUNK, len(every)), len(every))
        chunks.append(np.load(path))
    rows = np.concatenate(chunks)
    translated = rows[len(english) :].reshape(len(by_language), -1, rows.shape[1])
    return Pairs(rows[: len(english)], texts.embed(english), translated, texts.embed(by_language[0]))


def _keep_texts(every: Sequence[str], path: Path) -> None:
    lines = "\n".join(every)
    if path.exists() and path.read_text(encoding="utf-8") != lines:
        raise SystemExit(f"{path.parent} was made from other texts: remove it, or choose another folder.")
    path.write_text(lines, encoding="utf-8")


# ---------------------------------------------------------------- the map


class Map(nn.Module):
    """e5's vectors (n, 384) -> (n, 384), not of unit length. See the module."""

    def __init__(
        self, straight: tuple[Floats, Floats, Floats], known: Floats, config: LanguagesConfig
    ) -> None:
        """straight: what `ridge` gave. known: unit rows of `mini`'s body, (m, 384)."""
        super().__init__()
        matrix, middle, shift = straight
        basis, inside, offset = components(known, config.components)
        self.config = config
        self.matrix, self.middle, self.shift = map(_buffer, (matrix, middle, shift))
        self.basis, self.known, self.offset = map(_buffer, (basis, inside.T, offset))
        self.far = float(config.length * np.sqrt(1 - (shift**2).sum()))

    def forward(self, e5: Tensor) -> Tensor:
        """See the class."""
        own = normalize((e5 - self.middle) @ self.matrix, dim=1) * self.far + self.shift
        own = normalize(own, dim=1)
        cosines = (own @ self.basis) @ self.known + own @ self.offset[:, None]
        shares = torch.exp((cosines - self.config.nearness) / self.config.width)
        total = shares.sum(1, keepdim=True)
        drawn = (shares @ self.known.T) @ self.basis.T + total * self.offset
        out: Tensor = own + self.config.pull * drawn / (1 + total)
        return out


def _buffer(values: Floats) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.ascontiguousarray(values, np.float32)), requires_grad=False)


def ridge(x: Floats, y: Floats, penalty: float) -> tuple[Floats, Floats, Floats]:
    """(matrix (in, out), mean of x, mean of y): y is about (x - mean of x) @ matrix + mean of y."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    a, b = (x - x_mean).astype(np.float64), (y - y_mean).astype(np.float64)
    matrix = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ b)
    return matrix.astype(np.float32), x_mean, y_mean


def components(rows: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """(basis (dim, count), the rows in it (n, count), mean (dim,)): rows are about inside @ basis.T + mean."""
    mean = rows.mean(0)
    basis = np.linalg.svd(rows - mean, full_matrices=False)[2][:count].T
    return basis, (rows - mean) @ basis, mean


def fitted(pairs: Pairs, known: Floats, config: LanguagesConfig) -> Map:
    """The map, in evaluation mode."""
    x = np.concatenate([pairs.e5, *pairs.translated])
    y = np.concatenate([pairs.mini, *[pairs.english] * len(pairs.translated)])
    return Map(ridge(x, y, config.penalty / 100), known, config).eval()


def run(places: data.Places, allowed: data.Allowed, config: LanguagesConfig | None = None) -> None:
    """Write `text.onnx` to the package's `weights/mini-languages`: `e5` float32 (n, 384) -> `vectors`, unit rows."""
    config = config or LanguagesConfig()
    lessons = chosen(places, allowed, config)
    net = fitted(
        read(places, lessons.texts), texts.embed([*lessons.names, *lessons.captions[: config.known]]), config
    )
    LANGUAGES.mkdir(exist_ok=True)
    write(
        UnitRows(net),
        [("e5", normalize(torch.rand(2, 384), dim=1), (0,))],
        ["vectors"],
        LANGUAGES / "text.onnx",
    )
