"""How far above chance a score is: hits of different modalities compare by it, and it can say "nothing here matches".

A cosine says little by itself: pairs of modalities have levels of their own (the modality gap, Liang et al. 2022), some
items are near every query (hubness, Radovanovic et al. 2010), and what half of the library shows is not far above the
library's mean. So it is not asked how far a hit is above other items, but how much more it is this query's than the
background queries'. With c for cosines in units of the pair's deviation,

    lift = c(query, item) - log(mean over background queries of exp(c(other, item)))

(the inverted softmax of Smith et al. 2017, section 2.3; Querybank Normalisation, Bogolin et al. 2022). The level of a
modality, and an item that is near everything, cancel out, so hits of different modalities are ranked in one list by it.
Background queries are the bank of texts for text, and the index's own segments for others.

A lift is then held against the best one that unrelated queries reach in this very library: that of each background
query, against all others. The best of many follows a Gumbel distribution (Coles 2001, section 3.1): the chance that an
unrelated query's best hit is this good is 1 - exp(-exp(-(lift - a) / b)), and

    match = exp(-exp(-(lift - a) / b))

is one minus that chance: of unrelated queries, a share of 1 - m has a best hit with a match above m. a and b are fitted
for each pair of modalities, to the lower seven tenths of the background queries: some do have an answer in the library.

The chance is that of the whole library, whatever rows a search is narrowed to: the same hit has the same match.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from anyseek.catalog.derived import check_stored, read_file, remove, write_file
from anyseek.catalog.failures import translated
from anyseek.contracts import Filter, Modality
from anyseek.search import background
from anyseek.search.products import products
from anyseek.system_errors import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import Floats, ModelCard, Rows

    Doubles = npt.NDArray[np.float64]

FOLDER = "calibration"
DAMAGED = "The calibration file cannot be read, so hits have no match: `anyseek index` makes it again."
SAMPLE = 512
"""Segments of a modality that are kept as background queries of it."""

LEAST_BACKGROUND, LEAST_ROWS = 30, 8
"""Of fewer queries, or in fewer rows, nothing is measured: then a hit has no match."""

_BEST = 10  # hits of a background query, of which the best lift counts; as many as a search shows
_MOST_ROWS = 20_000  # that background queries are held against; the top of more is reckoned
_PART = 8  # one row in so many tells how the tops grow with the rows
_USED = (0.1, 0.7)  # quantiles of the tops that the fit uses
_ITSELF = 0.9999  # a background query that is the item, or a copy of it, is not unrelated
_MOST_BYTES = 256 << 20  # of the file; with the largest models it has some 20 MiB
# Of what is measured, and of the bank of texts; files of another one are made anew by the next run.
_VERSION = 3
_GROWN = 0.2  # a modality that has grown or shrunk by this share is measured again


@dataclass(frozen=True, slots=True)
class Pair:
    """place, scale: a and b for `rows` rows. mean, deviation: of cosines of unrelated items."""

    place: float
    scale: float
    rows: int
    mean: float
    deviation: float


class Calibration:
    """Of one space: samples (n, dim) by modality, pairs by (query's, target's) modality."""

    def __init__(
        self, samples: dict[Modality, Floats], pairs: dict[tuple[Modality, Modality], Pair], bank: Floats
    ) -> None:
        """bank: the bank of texts (background.embedded), kept so that no model need make it again."""
        self.samples, self.pairs, self.bank = samples, pairs, bank

    def lift(
        self, query_modality: Modality, target: Modality, scores: Floats, vectors: Floats, head: int = 0
    ) -> Doubles | None:
        """The logarithm of how much more each hit is the query's than unrelated queries'.

        scores (k,): the query's cosines; vectors (k, dim): the hits' rows. head: of the bank, see background.embedded.
        None where nothing was measured.
        """
        pair = self.pairs.get((query_modality, target))
        others = (
            self.bank[head]
            if query_modality is Modality.TEXT and len(self.bank[head])
            else self.samples.get(query_modality)
        )
        if pair is None or others is None:
            return None
        near = products(vectors, others).astype(np.float64)
        near[near > _ITSELF] = -np.inf
        lift: Doubles = scores / pair.deviation - _levels(near, pair.mean, pair.deviation)
        return lift


def match(lift: Doubles, pair: Pair) -> Doubles:
    """0 to 1: one minus the chance that the best hit of an unrelated query in the whole library has such a lift."""
    strength = (lift - pair.place) / pair.scale
    probability: Doubles = np.exp(-np.exp(-np.clip(strength, -6.0, 50.0)))
    return probability


# ---------------------------------------------------------------- on the disk


def read(index: Path, space: SpaceRecord) -> Calibration | None:
    """What was measured, None where nothing was or the file is damaged."""
    return _state(index, space)[0]


def is_damaged(index: Path, space: SpaceRecord) -> bool:
    """Whether there is a file of measurements that cannot be read."""
    return _state(index, space)[1]


def _state(index: Path, space: SpaceRecord) -> tuple[Calibration | None, bool]:
    """What was measured; and whether there is a file of it that cannot be read."""
    path = _path(index, space)
    try:
        facts = path.stat()
    except ABSENT:
        return None, False
    except OSError:
        return None, True
    try:
        return _read(path, space.card, facts.st_mtime_ns, facts.st_ino)
    except OSError:  # not the file's fault, and no reason not to search
        return None, False


def _path(index: Path, space: SpaceRecord) -> Path:
    return index / FOLDER / f"{space.space_id}.npz"


@lru_cache(maxsize=4)
def _read(path: Path, card: ModelCard, mtime_ns: int, inode: int) -> tuple[Calibration | None, bool]:
    """Read once for each state of the file."""
    data = read_file(path, _MOST_BYTES)
    if data is None:
        return None, True
    try:
        with np.load(io.BytesIO(data)) as saved:
            check_stored(saved)
            about = json.loads(str(saved["about"]))
            if (about["fingerprint"], about.get("version")) != (card.fingerprint, _VERSION):
                return None, False
            samples = {
                Modality(name): saved[f"sample_{name}"].astype(np.float32) for name in about["samples"]
            }
            pairs = {(Modality(a), Modality(t)): Pair(**facts) for a, t, facts in about["pairs"]}
            bank = saved["bank"].astype(np.float32)
    except Exception:  # noqa: BLE001 - whatever lies there may raise anything in zipfile and numpy
        return None, True
    if bank.ndim != 3 or any(rows.shape[1:] != (card.dim,) for rows in (*samples.values(), *bank)):
        return None, True
    return Calibration(samples, pairs, bank), False


def forget(index: Path, space: SpaceRecord) -> None:
    """Remove what was measured. Raises ReadOnlyIndex, DiskFailed."""
    with translated(index):
        remove(_path(index, space))


def refresh(snapshot: Snapshot, space: SpaceRecord, texts: Callable[[], Floats]) -> None:
    """Measure again where the index has changed enough; cheap otherwise. texts: makes background.embedded.

    Raises DiskFull, ReadOnlyIndex.
    """
    counts = {kind: n for kind, n in snapshot.counts_in(space.space_id).items() if n >= LEAST_ROWS}
    old = read(snapshot.folder, space)
    if is_damaged(snapshot.folder, space):  # though there may be too little to measure now
        forget(snapshot.folder, space)
    if not counts or (old is not None and _is_like(old, counts)):
        return
    rng = np.random.default_rng(0)
    samples: dict[Modality, Floats] = {}
    rows: dict[Modality, Rows] = {}
    for modality in counts:
        allowed = snapshot.allowed_rows(space.space_id, Filter(frozenset({modality})))
        assert allowed is not None, "a filter by modality gives rows"
        rows[modality] = _some(rng, allowed, _MOST_ROWS)
        samples[modality] = _whole(snapshot.vectors_at(space.space_id, _some(rng, allowed, SAMPLE)))
    bank = old.bank if old is not None else texts()
    pairs = {}
    for target, chosen in rows.items():
        vectors = _whole(snapshot.vectors_at(space.space_id, chosen))
        known = bank[space.card.modalities.index(target) if len(bank) > 1 else 0]
        others = {**samples, Modality.TEXT: known} if len(known) else samples
        for query_modality, queries in others.items():
            asked = background.asked_of(target) if queries is known else slice(None)
            if len(queries[asked]) >= LEAST_BACKGROUND:
                pair = measured(queries, vectors, counts[target], asked)
                if pair is not None:
                    pairs[query_modality, target] = pair
    _write(snapshot.folder, space, Calibration(samples, pairs, bank))


def _is_like(old: Calibration, counts: dict[Modality, int]) -> bool:
    before = {target: pair.rows for (_, target), pair in old.pairs.items()}
    return before.keys() == counts.keys() and all(
        abs(counts[kind] - n) <= _GROWN * n for kind, n in before.items()
    )


def _some(rng: np.random.Generator, rows: Rows, most: int) -> Rows:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _whole(vectors: Floats) -> Floats:
    """Without those that damage on the disk has made no numbers."""
    return vectors[np.isfinite(vectors).all(1)]


def measured(others: Floats, vectors: Floats, n_rows: int, asked: slice = slice(None)) -> Pair | None:
    """What background queries (m, dim) reach among rows (n, dim), reckoned for n_rows of them. asked: those that stand
    for unrelated queries; levels are of them all. None where every row is a copy of nearly every query: nothing there
    is unrelated."""
    near = others @ vectors.T
    near[near > _ITSELF] = -np.inf
    unrelated = near[~np.isneginf(near)]
    if not len(unrelated):
        return None
    mean, deviation = float(unrelated.mean()), max(1e-4, float(unrelated.std()))
    queries = range(*asked.indices(len(near)))
    tops = _top_lifts(near, queries, mean, deviation)
    if len(tops) < LEAST_BACKGROUND:
        return None
    place, scale = gumbel(tops)
    if n_rows > len(vectors):
        part = _top_lifts(near[:, ::_PART], queries, mean, deviation)
        place += _growth(tops, part) * float(np.log(n_rows / len(vectors)))
    return Pair(place, scale, n_rows, mean, deviation)


def _growth(tops: Doubles, of_part: Doubles) -> float:
    """How much further up the place is for each unit of the logarithm of the rows, by the tops of one row in _PART.

    Not the scale, as it would be if rows were independent (Coles 2001, section 3.1.3): neighbours resemble each other,
    and the scale is mostly how queries differ. Measured growth is a third to a half of it.
    """
    if len(of_part) < LEAST_BACKGROUND:
        return 0.0
    return max(0.0, gumbel(tops)[0] - gumbel(of_part)[0]) / float(np.log(_PART))


def _top_lifts(near: Floats, queries: Iterable[int], mean: float, deviation: float) -> Doubles:
    """The best lift among the hits of each background query, against all others; not of one that every row is."""
    tops = (_top_lift(near, i, mean, deviation) for i in queries)
    return np.array([top for top in tops if top is not None])


def _top_lift(near: Floats, i: int, mean: float, deviation: float) -> float | None:
    k = min(_BEST, near.shape[1])
    best = np.argpartition(-near[i], k - 1)[:k]
    best = best[~np.isneginf(near[i, best])]
    if not len(best):
        return None
    levels = _levels(np.delete(near[:, best], i, axis=0).T.astype(np.float64), mean, deviation)
    return float((near[i, best] / deviation - levels).max())


def _levels(near: Doubles, mean: float, deviation: float) -> Doubles:
    """How near rows are to others (n, m): log(mean(exp(cosine / deviation))). -inf: the other is the row, or a copy."""
    near[np.isneginf(near).all(1)] = mean  # a copy of them all: as near to others as chance has it
    highest = near.max(1, keepdims=True)
    levels: Doubles = highest[:, 0] / deviation + np.log(np.exp((near - highest) / deviation).mean(1))
    return levels


def gumbel(tops: Doubles) -> tuple[float, float]:
    """(a, b) of the Gumbel distribution whose lower quantiles are those of `tops`, by least squares."""
    ordered = np.sort(tops)
    share = (np.arange(len(ordered)) + 0.5) / len(ordered)
    used = (share >= _USED[0]) & (share <= _USED[1])
    x = -np.log(-np.log(share[used]))
    scale, place = np.polyfit(x, ordered[used], 1)
    return float(place), max(float(scale), 0.05)


def _write(index: Path, space: SpaceRecord, calibration: Calibration) -> None:
    about = {
        "version": _VERSION,
        "fingerprint": space.card.fingerprint,
        "samples": [str(name) for name in calibration.samples],
        "pairs": [[str(a), str(t), asdict(pair)] for (a, t), pair in calibration.pairs.items()],
    }
    arrays = {f"sample_{name}": rows.astype(np.float16) for name, rows in calibration.samples.items()}
    arrays["bank"] = calibration.bank.astype(np.float16)
    out = io.BytesIO()
    np.savez(out, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    write_file(_path(index, space), out.getvalue())
