"""Out and in again: the same vectors, places and answers; what does not fit is refused before anything is stored."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.errors import OtherModel, UsageError
from anyseek.library import exchange


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


def test_an_import_keeps_what_the_index_knows_of_its_own_files(index: anyseek.Index, tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "notes/long.txt").write_text("green " * 60 + "quokka")  # one passage, longer than an excerpt
    shutil.copy(media / "notes/red.txt", media / "notes/red again.txt")
    index.add(workers=1)
    index.tags.add("holiday", media / "notes/long.txt")
    duplicates = [group for group in index.library.duplicates() if group.kind == "identical"]
    assert duplicates
    exported = index.library.export(tmp_path / "a.npy")
    (media / "notes/new.txt").write_text("blue")
    records = (tmp_path / "a.jsonl").read_text().splitlines()[1:]
    records.append(json.dumps({"path": str(media / "notes/new.txt"), "modality": "text"}))
    vectors = np.concatenate([np.load(tmp_path / "a.npy"), index.embed("blue")[None]])
    np.save(tmp_path / "b.npy", vectors.astype(np.float32))
    (tmp_path / "b.jsonl").write_text("\n".join(records))

    for _ in range(2):  # the second time replaces what the first one brought
        moved = index.library.import_(tmp_path / "b.npy")
        assert (moved.segments, moved.files, moved.kept) == (1, 1, exported.files)
    assert index.n_segments == exported.segments + 1
    assert [group for group in index.library.duplicates() if group.kind == "identical"] == duplicates
    assert index.search('"quokka"', by="words")[0].path == str(media / "notes/long.txt")
    (media / "notes/long.txt").rename(media / "notes/moved.txt")
    report = index.add(workers=1)
    assert (report.moved, report.gone) == (1, 0)
    assert index.tags.counts()["holiday"] == 1


def test_vectors_of_another_program_need_no_more_than_path_modality_and_vector(
    index: anyseek.Index, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    vector = index.embed("blue").astype(np.float32)
    path = str(tmp_path / "media/notes/new.txt")
    Path(path).write_text("red")
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
        ({"order": 1}, UsageError, "does not hold the vectors that a.jsonl describes"),
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
        del about["anyseek"]["vectors_crc32"]
        np.save(tmp_path / "a.npy", vectors)
    elif "order" in change:
        np.save(tmp_path / "a.npy", vectors[::-1])
    elif "lines" in change:
        records.pop()
    else:
        records[0] |= change
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in (about, *records)))
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        with pytest.raises(error, match=told):
            again.library.import_(tmp_path / "a.npy")
        assert again.n_segments == 0


def test_another_suffix_is_refused(index: anyseek.Index, tmp_path: Path) -> None:
    for act in (index.library.export, index.library.import_):
        with pytest.raises(UsageError, match=r"cannot be (ex|im)ported"):
            act(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["vectors.parquet", "vectors.npy"])
@pytest.mark.parametrize("n_batches", [0, 2])
def test_an_export_that_fails_leaves_what_was_there(
    index: anyseek.Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, n_batches: int
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    out.mkdir()
    index.library.export(out / name)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "media/notes/red.txt").unlink()
    index.add(workers=1)
    batches = exchange._batches

    def cut_off(*arguments: Any) -> Iterator[Any]:
        yield from islice(batches(*arguments), n_batches)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exchange, "AT_ONCE", 4)
    monkeypatch.setattr(exchange, "_batches", cut_off)
    with pytest.raises(OSError, match="No space"):
        index.library.export(out / name)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_lines_beside_vectors_may_lack_the_checksum(index: anyseek.Index, tmp_path: Path) -> None:
    moved = index.library.export(tmp_path / "a.npy")
    about, *records = (tmp_path / "a.jsonl").read_text().splitlines()
    facts = json.loads(about)
    del facts["anyseek"]["vectors_crc32"]
    (tmp_path / "a.jsonl").write_text("\n".join([json.dumps(facts), *records]))
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        assert again.library.import_(tmp_path / "a.npy") == moved
