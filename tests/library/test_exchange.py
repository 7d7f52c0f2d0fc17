"""Out and in again: the same vectors, places and answers; what does not fit is refused before anything is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.errors import OtherModel, UsageError


@pytest.fixture
def index(tmp_path: Path) -> Iterator[anyseek.Index]:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


def answers(index: anyseek.Index) -> list[tuple[str, str, float, float]]:
    hits = index.search("green", k=9, segments=True, by="vectors")
    return [(hit.path, hit.modality, hit.span.start, round(hit.score, 3)) for hit in hits]


@pytest.mark.parametrize("name", ["vectors.parquet", "vectors.npy"])
def test_what_goes_out_comes_in_again(index: anyseek.Index, tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    moved = index.library.export(tmp_path / name)
    assert (moved.segments, moved.files, moved.fingerprint) == (15, 13, "words-1")
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        assert again.library.import_(tmp_path / name) == moved
        assert answers(again) == answers(index)
        assert again.library.check() == []
        again.library.import_(tmp_path / name)  # replaces, never doubles
        assert again.n_segments == 15
    assert not list(tmp_path.glob(".*part"))


def test_vectors_of_another_program_need_no_more_than_path_modality_and_vector(
    index: anyseek.Index, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    vector = index.embed("blue").astype(np.float32)
    path = str(tmp_path / "media/notes/red.txt")
    pq.write_table(
        pa.table({"path": [path], "modality": ["text"], "vector": [vector.tolist()]}), tmp_path / "a.parquet"
    )
    index.library.import_(tmp_path / "a.parquet")
    assert index.search("blue", to="text", k=1, by="vectors")[0].score > 0.99
    assert path in [hit.path for hit in index.search("blue", to="text", k=2, by="vectors")]


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"fingerprint": "other-1"}, OtherModel, "other-1"),
        ({"modality": "smell"}, UsageError, "no modality 'smell'"),
        ({"path": "/elsewhere/a.txt"}, UsageError, "not below any folder of the index"),
        ({"path": ""}, UsageError, "Row 0"),
        ({"unit": "miles"}, UsageError, "not a unit"),
        ({"vector": 3.0}, UsageError, "not of length 1"),
        ({"lines": 1}, UsageError, "describe them"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_stored(
    index: anyseek.Index, tmp_path: Path, change: dict[str, object], error: type[Exception], told: str
) -> None:
    index.library.export(tmp_path / "a.npy")
    about, *records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    vectors = np.load(tmp_path / "a.npy")
    if "fingerprint" in change:
        about["anyseek"]["fingerprint"] = change["fingerprint"]
    elif "vector" in change:
        vectors[0] *= 3
        np.save(tmp_path / "a.npy", vectors)
    elif "lines" in change:
        records.pop()
    else:
        records[0] |= change
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in (about, *records)))
    before = answers(index)
    with pytest.raises(error, match=told):
        index.library.import_(tmp_path / "a.npy")
    assert answers(index) == before


def test_another_suffix_is_refused(index: anyseek.Index, tmp_path: Path) -> None:
    for act in (index.library.export, index.library.import_):
        with pytest.raises(UsageError, match=r"cannot be (ex|im)ported"):
            act(tmp_path / "a.csv")
