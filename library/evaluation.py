"""How well a library answers questions whose answers are known: recall@k, MRR and nDCG@10 for each direction.

The measures are ir_measures' (MacAvaney et al. 2022), over pytrec_eval; intervals are percentile bootstraps over
queries (Efron 1979), 95 %.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from anyseek.contracts import Modality
from anyseek.errors import MissingExtra, QueryFileError
from anyseek.jsonable import once_each, parsed
from anyseek.opening import MOST_TEXT, read_lines
from anyseek.options import AnyPath, SearchOptions, path_text
from anyseek.search.query import Query, QueryPart

if TYPE_CHECKING:
    from anyseek.search.results import Results

DEPTH = 100
_RESAMPLES = 1000


class Searchable(Protocol):
    """What is measured: an `Index`."""

    def answer(self, query: Query, options: SearchOptions) -> Results: ...
    def similar(self, path: Any, *, options: SearchOptions | None = None) -> Results: ...
    def modality_of(self, path: Any) -> Modality | None: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A query and the absolute paths that are right. file: the query is a file, not words."""

    query: str
    is_file: bool
    relevant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One direction, as in "text to image". values: by measure, (mean, low, high), shares from 0 to 1."""

    direction: str
    queries: int
    values: dict[str, tuple[float, float, float]]


def read(path: AnyPath) -> list[Judged]:
    """TSV (query, then relevant paths) or JSONL ({"query": ..., "relevant": [...]}); paths from the file's folder on.

    A query that is the path of a file there is that file. Raises QueryFileError with the line that is wrong.
    """
    file = Path(path_text(path))
    if not file.exists():
        raise QueryFileError(f"There is no file {file}.", "Check the path.")
    try:
        lines = read_lines(file)
    except (OSError, ValueError) as error:
        raise QueryFileError(
            f"{file} cannot be read.", f"It has to be a UTF-8 text file of at most {MOST_TEXT >> 20} MiB."
        ) from error
    is_json = file.suffix.lower() in (".jsonl", ".json", ".ndjson")
    judged = [
        _judged(file, number, _fields(line, is_json)) for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not judged:
        raise QueryFileError(f"{file} has no queries.", "A line: a query, a tab, the path of what is right.")
    return judged


def _fields(line: str, is_json: bool) -> list[str] | None:
    if not is_json:
        return [part.strip() for part in line.split("\t")]
    try:
        record = parsed(line, once_each)
        relevant = record["relevant"]
        return [record["query"], *([relevant] if isinstance(relevant, str) else relevant)]
    except (ValueError, KeyError, TypeError):
        return None


def _judged(file: Path, number: int, fields: list[str] | None) -> Judged:
    if fields is None or len(fields) < 2 or not all(isinstance(field, str) and field for field in fields):
        raise QueryFileError(
            f"Line {number} of {file} is not a query with its relevant paths.",
            'A query, a tab, paths; or {"query": "...", "relevant": ["..."]} a line in .jsonl.',
        )
    query, *relevant = fields
    folder = file.parent
    is_file = (folder / query).is_file()
    paths = tuple(os.path.abspath(folder / path) for path in relevant)
    return Judged(os.path.abspath(folder / query) if is_file else query, is_file, paths)


def evaluate(
    index: Searchable, judged: list[Judged], progress: Callable[[int, int], None] | None = None
) -> list[Measured]:
    """Run every query and measure. progress: (done, of).

    Raises QueryFileError when an answer is not in the index, MissingExtra without ir_measures.
    """
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtra("ir_measures is not installed.", 'pip install "anyseek[eval]"') from error
    measures = [ir_measures.parse_measure(name) for name in ("R@1", "R@5", "R@10", "RR", "nDCG@10")]
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number, one in enumerate(judged, 1):
        for target, relevant in _by_modality(index, one).items():
            run = _run(index, one, target)
            # By numbers: trec_eval, which is C, dies of names that are no UTF-8.
            numbers = {path: str(at) for at, path in enumerate(dict.fromkeys([*run, *relevant]))}
            runs = {"q": {numbers[path]: score for path, score in run.items() if path != one.query}}
            qrels = {"q": {numbers[path]: 1 for path in relevant}}
            direction = f"{_modality_of(index, one)} to {target}"
            for measure, value in ir_measures.calc_aggregate(measures, qrels, runs).items():
                values[direction][str(measure)].append(float(value))
        if progress:
            progress(number, len(judged))
    return [
        Measured(
            direction, len(next(iter(by_name.values()))), {name: _interval(v) for name, v in by_name.items()}
        )
        for direction, by_name in sorted(values.items())
    ]


def _run(index: Searchable, one: Judged, target: Modality) -> dict[str, float]:
    """Scores by path, higher is better. A file of the index is searched with by its stored vector."""
    options = SearchOptions.of(to=target, k=DEPTH, by="vectors")
    if one.is_file:
        try:
            results = index.similar(one.query, options=options)
        except QueryFileError:
            results = index.answer(Query.of([QueryPart("file", one.query, None)]), options)
    else:
        results = index.answer(Query.of([QueryPart("words", one.query, Modality.TEXT)]), options)
    return {hit.path: -hit.rank for hit in results}


def _by_modality(index: Searchable, one: Judged) -> dict[Modality, list[str]]:
    paths: dict[Modality, list[str]] = defaultdict(list)
    for path in one.relevant:
        modality = index.modality_of(path)
        if modality is None:
            raise QueryFileError(
                f"{path} is not in the index.", "Index it, or correct the file of judgements."
            )
        paths[modality].append(path)
    return paths


def _modality_of(index: Searchable, one: Judged) -> str:
    if not one.is_file:
        return "text"
    from anyseek.media import sniff

    return str(index.modality_of(one.query) or sniff(one.query) or "file")


def _interval(values: list[float]) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    sample = np.asarray(values)
    means = sample[rng.integers(0, len(sample), (_RESAMPLES, len(sample)))].mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return round(float(sample.mean()), 4), round(float(low), 4), round(float(high), 4)


def lines(directions: list[Measured]) -> Iterator[str]:
    """For people: a line a direction, shares in percent with their intervals."""
    for one in directions:
        measures = ", ".join(
            f"{name} {100 * mean:.1f} ({100 * low:.1f}-{100 * high:.1f})"
            for name, (mean, low, high) in sorted(one.values.items())
        )
        yield f"{one.direction}, {one.queries} queries: {measures}"
