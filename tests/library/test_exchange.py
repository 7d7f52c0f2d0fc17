"""Out and in again: the same vectors, places and answers; what does not fit is refused before anything is stored."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder

import anyseek
from anyseek.catalog import file_facts
from anyseek.catalog.tag_records import read_tags
from anyseek.contracts import FileState
from anyseek.errors import DiskFailed, DiskFull, OtherModel, UsageError
from anyseek.indexer import IndexOptions, reindex
from anyseek.library import exchange, exchange_files
from anyseek.terminal.commands import exchange as exchange_command
from anyseek.terminal.commands import map as map_command


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


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"fingerprint": "other-1"}, OtherModel, "other-1"),
        ({"modality": "smell"}, UsageError, "no modality 'smell'"),
        ({"path": "/elsewhere/a.txt"}, UsageError, "not below any folder of the index"),
        ({"path": ""}, UsageError, "Row 0"),
        ({"unit": "miles"}, UsageError, "Row 0 of a.npy has a part of a file that cannot be .*'miles'"),
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
        records.pop(0)
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


# ---------------------------------------------------------------- a round trip is the identity


def everything(index: anyseek.Index) -> dict[str, Any]:
    """All that an index knows, but for numbers of its own and what it remembers of runs."""
    with index._catalog.read() as snapshot:
        space = snapshot.spaces()[0]
        files = {}
        for record in snapshot.files():
            rows = snapshot.rows_of_file(space.space_id, record.file_id)
            files[snapshot.absolute_path(record)] = (
                record.size,
                record.mtime_ns,
                record.inode,
                record.content_hash,
                record.modality,
                record.state,
                record.problem,
                file_facts.caption(snapshot, record.file_id),
                file_facts.tags_of(snapshot, record.file_id),
                sorted(
                    (
                        str(segment.modality),
                        (segment.span.start, segment.span.end, str(segment.span.unit)),
                        segment.excerpt,
                        snapshot.text_of(segment.segment_id),
                        snapshot.vectors_at(space.space_id, rows[[n]]).tobytes() if len(rows) else b"",
                    )
                    for n, segment in enumerate(snapshot.segments_of_file(record.file_id))
                ),
            )
        kept = [record for record in read_tags(snapshot) if record.is_kept]
        return {"files": files, "kept": kept, "depth unit": snapshot.settings().get("depth_unit")}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[anyseek.Index]:
    """Files of every kind in two folders, one of them within the other's name, and all that people can do to them."""
    from PIL import Image

    one = sample_files.fill(tmp_path / "media")
    two = tmp_path / "media two"
    two.mkdir()
    odd = two / os.fsdecode(b"b\xe9ach.png")
    sample_files.picture(odd, "red")
    sample_files.text(two / "backslash\\xe9.txt", "green blue")
    sample_files.text(two / os.fsdecode(b"w\xf6rter.txt"), "blue " * 300 + "quokka")
    shutil.copy(one / "notes/red.txt", two / "copy of red.txt")
    described = Image.new("RGB", (24, 16), (0, 255, 0))
    exif = described.getexif()
    exif[0x010E] = "a ferry in the fog"
    described.save(two / "described.jpg", exif=exif)
    (two / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (two / "no media.bin").write_bytes(bytes(range(256)))
    Image.new("L", (8, 8), 100).save(two / "a_depth.png")
    sample_files.film(two / "film.mp4", "red", "green")
    (two / "missing").mkdir()
    sample_files.text(two / "missing/away.txt", "blue blue blue")
    sample_files.text(two / "gone.txt", "green green green")
    with anyseek.create(one, two, index=tmp_path / "index", model=WordEmbedder()) as made:
        made.add(workers=1, depth_unit=0.04)
        made.tags.add("Everything Ä", one, two)
        made.tags.add("odd", odd, two / "broken.png")
        (two / "gone.txt").unlink()
        (two / "missing").rename(tmp_path / "away")
        (two / "missing").mkdir()
        made.add(workers=1)
        yield made


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["vectors.parquet", "vectors.npy"])
def test_a_library_of_every_kind_comes_back_as_it_was(
    library: anyseek.Index, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(exchange, "AT_ONCE", 4)
    monkeypatch.setattr(
        exchange_files, "READ_AT_ONCE", 3
    )  # so that segments of a file come in several batches
    before = everything(library)
    states = {facts[5] for facts in before["files"].values()}
    assert states == set(FileState)
    assert len(before["kept"]) == 1
    exported = library.library.export(tmp_path / name)
    roots = library.roots()
    with anyseek.create(*roots, index=tmp_path / "again", model=WordEmbedder()) as again:
        assert again.library.import_(tmp_path / name) == exported
        assert everything(again) == before
        assert again.library.check() == []
        assert again.search('"quokka"', by="words")[0].path.endswith("rter.txt")
        assert again.search('"ferry"', by="words")[0].path.endswith("described.jpg")
        assert again.library.duplicates() == library.library.duplicates()
        report = again.add(workers=1)
        assert (report.new, report.changed, report.moved, report.gone) == (0, 0, 0, 0)
        assert everything(again) == before
    library.library.import_(tmp_path / name)  # into itself: nothing changes
    assert everything(library) == before


@pytest.mark.thorough
def test_an_import_holds_no_more_than_a_batch_in_memory(
    index: anyseek.Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    n, dim = 60_000, len(index.embed("blue"))
    vector = index.embed("blue").astype(np.float32)
    rows = pa.table(
        {
            "path": [str(tmp_path / "media/notes/red.txt")] * n,  # indexed: its rows are read and left out
            "modality": ["text"] * n,
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.tile(vector, n)), dim),
        }
    )
    pq.write_table(rows, tmp_path / "many.parquet", row_group_size=2048)
    seen: list[int] = []
    batches = exchange_files.ParquetReader.batches

    def watched(reader: exchange_files.ParquetReader) -> Iterator[Any]:
        for records, vectors in batches(reader):
            seen.append(len(records))
            yield records, vectors

    monkeypatch.setattr(exchange_files.ParquetReader, "batches", watched)
    tracemalloc.start()
    index.library.import_(tmp_path / "many.parquet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(seen) == n
    assert max(seen) <= exchange_files.READ_AT_ONCE
    assert peak < 16 << 20


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("hash", "xyz", "Row 0 of a.npy cannot be read"),
        ("size", "large", "Row 0 of a.npy cannot be read"),
        ("tags", "holiday", "Row 0 of a.npy cannot be read"),
        ("path_bytes", "xyz", "cannot be read"),
        ("path", "/a\0b", "a path that no file can have"),
        ("path", "\ud800", "cannot be read"),
        ("file_modality", "smell", "no modality 'smell'"),
        ("hash", "abcd", "Row 0 of a.npy has a hash of 2 bytes"),
        ("size", -5, "Row 0 of a.npy has the size -5"),
        ("size", 1 << 63, "Row 0 of a.npy has the size"),
        ("mtime_ns", 1 << 63, "Row 0 of a.npy has the mtime_ns"),
        ("inode", -1, "Row 0 of a.npy has the inode -1"),
        ("end", -1.0, "Row 0 of a.npy has a part of a file that cannot be"),
        ("start", 1e308, "Row 0 of a.npy has a part of a file that cannot be"),
        ("start", float("nan"), "Row 0 of a.npy has a part of a file that cannot be"),
        ("end", float("inf"), "Row 0 of a.npy has a part of a file that cannot be"),
        ("path", "/" + "a/" * 2048, "a path that no file can have"),
    ],
)
def test_what_a_row_says_wrong_is_named_and_nothing_is_stored(
    index: anyseek.Index, tmp_path: Path, column: str, value: object, message: str
) -> None:
    index.library.export(tmp_path / "a.npy")
    about, *records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    records[0][column] = value
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in (about, *records)))
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        with pytest.raises(UsageError, match=message):
            again.library.import_(tmp_path / "a.npy")
        assert again.n_segments == 0


@pytest.mark.parametrize("whose", ["segment", "file", "kept"])
def test_tags_come_in_as_they_are_stored_so_that_they_can_go_out_and_in_again(
    index: anyseek.Index, tmp_path: Path, whose: str
) -> None:
    index.library.export(tmp_path / "a.npy")
    about, *records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    odd = ["  ", "", " A \t b ", "c\ud800"]
    path = str(tmp_path / "media/notes/red.txt")
    if whose == "segment":
        next(record for record in records if record.get("path") == path)["tags"] = odd
    elif whose == "file":
        path = str(tmp_path / "media/empty.txt")
        records.append({"anyseek_catalog": {"file": {"path": path, "tags": odd}}})
    else:
        path = str(tmp_path / "media/elsewhere.txt")
        records.append({"anyseek_catalog": {"kept_tags": {"path": path, "tags": odd}}})
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in (about, *records)))
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        again.library.import_(tmp_path / "a.npy")
        with again._catalog.read() as snapshot:
            assert [(one.path, one.tags) for one in read_tags(snapshot)] == [(path, ("A b", "c\\ud800"))]
        again.tags.export(tmp_path / "tags.jsonl")
        assert again.tags.import_(tmp_path / "tags.jsonl").lines == 1
        assert again.library.check() == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    "other",
    [
        "[]",
        '{"kept_tags": {"tags": ["a"]}}',
        '{"settings": {"depth_unit": "x"}}',
        '{"settings": {"depth_unit": -1}}',
        "3",
    ],
)
def test_what_a_file_says_wrong_of_the_index_is_refused(
    index: anyseek.Index, tmp_path: Path, other: str
) -> None:
    index.library.export(tmp_path / "a.npy")
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write(f'{{"anyseek_catalog": {other}}}\n')
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        with pytest.raises(UsageError):
            again.library.import_(tmp_path / "a.npy")
        assert again.n_segments == 0


def test_a_file_whose_path_is_spelled_in_several_ways_is_one(index: anyseek.Index, tmp_path: Path) -> None:
    media = tmp_path / "media"
    (tmp_path / "link").symlink_to(media)
    spelled = [
        f"{media}/new.txt",
        f"{media}/./new.txt",
        f"{media}/notes/../new.txt",
        f"{tmp_path}/link/new.txt",
    ]
    rows = [{"path": path, "modality": "text", "tags": [str(n)]} for n, path in enumerate(spelled)]
    np.save(tmp_path / "a.npy", np.repeat(index.embed("blue")[None], len(rows), 0))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    before = index.n_segments
    moved = index.library.import_(tmp_path / "a.npy")
    assert (moved.segments, moved.files, moved.kept) == (len(rows), 1, 0)
    assert index.n_segments == before + len(rows)
    assert index.tags.counts() == {str(n): 1 for n in range(len(rows))}
    assert index.library.check() == []


def add_line(tmp_path: Path, index: anyseek.Index, kind: str, facts: dict[str, Any]) -> None:
    index.library.export(tmp_path / "a.npy")
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write(json.dumps({"anyseek_catalog": {kind: facts}}) + "\n")


def test_imported_tags_are_those_that_a_tag_import_takes(index: anyseek.Index, tmp_path: Path) -> None:
    tags = ["  ", "", " A   b ", "a\ud800"]
    add_line(tmp_path, index, "kept_tags", {"path": "/gone/a.txt", "hash": "", "tags": tags})
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | {"tags": tags})
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        again.library.import_(tmp_path / "a.npy")
        assert set(again.tags.counts()) == {"A b", "a\\ud800"}
        assert again.library.check() == []
        assert again.tags.export(tmp_path / "tags.jsonl") == 2
        assert again.tags.import_(tmp_path / "tags.jsonl").lines == 2


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["import", "reindex"])
def test_two_files_of_one_content_have_each_its_own_tags_afterwards_too(tmp_path: Path, way: str) -> None:
    """Also the one that is away, whose tags are kept."""
    media = tmp_path / "media"
    media.mkdir()
    here, away = sample_files.text(media / "1.txt", "red"), sample_files.text(media / "2.txt", "red")
    sample_files.text(media / "other.txt", "blue")

    def tags() -> dict[str, list[str]]:
        lines = [json.loads(line) for line in index.tags.lines()]
        return {Path(line["path"]).name: line["tags"] for line in lines}

    with anyseek.create(media, index=tmp_path / "index", model=WordEmbedder()) as index:
        index.add(workers=1)
        index.tags.add("one", here)
        index.tags.add("two", away)
        away.unlink(), here.unlink()
        index.add(workers=1)
        sample_files.text(here, "red")
        index.add(workers=1)
        before = tags()
        assert before["1.txt"] == ["one"]
        assert "two" in before["2.txt"]
        if way == "import":
            index.library.export(tmp_path / "a.npy")
    second = WordEmbedder(version="2")
    if way == "import":
        index = anyseek.create(media, index=tmp_path / "again", model=WordEmbedder())
        index.library.import_(tmp_path / "a.npy")
    else:
        reindex(tmp_path / "index", second, options=IndexOptions(workers=1))
        index = anyseek.open(index=tmp_path / "index", model=second)
    with index:
        assert tags() == before
        sample_files.text(away, "red")
        index.add(workers=1)
        assert tags() == before


def test_kept_tags_of_no_file_at_all_are_refused(index: anyseek.Index, tmp_path: Path) -> None:
    add_line(tmp_path, index, "kept_tags", {"path": "", "hash": "", "tags": ["lost"]})
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        with pytest.raises(UsageError, match="without a path or a hash"):
            again.library.import_(tmp_path / "a.npy")
        assert again.n_segments == 0


def test_kept_tags_may_have_a_hash_of_another_program(index: anyseek.Index, tmp_path: Path) -> None:
    index.tags.import_lines([json.dumps({"path": "", "hash": "ab" * 32, "tags": ["x"]}).encode()])
    index.library.export(tmp_path / "a.npy")
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        again.library.import_(tmp_path / "a.npy")
        with again._catalog.read() as snapshot:
            assert [record.tags for record in read_tags(snapshot)] == [("x",)]


def test_an_imported_file_without_segments_is_healthy(index: anyseek.Index, tmp_path: Path) -> None:
    path = str(tmp_path / "media/notes/other.txt")
    add_line(tmp_path, index, "file", {"path": path, "file_modality": "text"})
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        again.library.import_(tmp_path / "a.npy")
        assert again.library.check() == []


def test_an_import_chooses_no_store(index: anyseek.Index, tmp_path: Path) -> None:
    """A file from somebody else must not make the index send its vectors to a server of theirs."""
    index.library.export(tmp_path / "a.npy")
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('{"anyseek_catalog": {"settings": {"store": {"name": "qdrant"}}}}\n')
    with anyseek.create(tmp_path / "media", index=tmp_path / "again", model=WordEmbedder()) as again:
        again.library.import_(tmp_path / "a.npy")
        with again._catalog.read() as snapshot:
            assert "store" not in snapshot.settings()


@pytest.mark.parametrize(
    "command", [exchange_command.export, map_command.draw, lambda file, index_dir: tag_file(file, index_dir)]
)
def test_a_file_for_which_there_is_no_room_or_no_place(
    index: anyseek.Index, tmp_path: Path, command: Any
) -> None:
    name = "out.png" if command is map_command.draw else "out.npy"
    index.tags.add("x" * 190, tmp_path / "media")
    here = str(tmp_path / "media/.anyseek")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(DiskFull, match=name):
            command(str(tmp_path / name), index_dir=here)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with pytest.raises(UsageError, match="cannot be written"):
        command(str(tmp_path / "nothing" / name), index_dir=here)
    assert not (tmp_path / name).exists()


def tag_file(file: str, index_dir: str) -> int:
    with anyseek.open(index=index_dir) as index:
        return index.tags.export(file)


def test_a_failing_disk_is_no_bad_import(
    index: anyseek.Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.library.export(tmp_path / "out.npy")

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(exchange_files.np.lib.format, "open_memmap", failing)
    with pytest.raises(DiskFailed, match=r"out\.npy"):
        index.library.import_(tmp_path / "out.npy")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("cut.npy", "cut.npy cannot be read: it is cut off.", "Export it again"),
        ("text.npy", "text.npy cannot be read", "NumPy file of rows of numbers"),
        ("only.npy", "There is no file", "export both again"),
        ("lines.npy", "lines.jsonl cannot be read", "a JSON object a line"),
        ("cut.parquet", "cut.parquet cannot be read", "It is cut off or damaged"),
        ("other.parquet", "other.parquet cannot be read", "It needs the columns"),
    ],
)
def test_a_file_of_vectors_that_cannot_be_read_is_told_what_is_wrong_with_it(
    index: anyseek.Index, tmp_path: Path, name: str, message: str, hint: str
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / name
    if name == "other.parquet":
        pq.write_table(pa.table({"colour": ["red"]}), file)
    else:
        index.library.export(file)
    beside = file.with_suffix(".jsonl")
    if name.startswith("cut"):
        file.write_bytes(file.read_bytes()[:-9])
    elif name == "text.npy":
        file.write_text("red")
    elif name == "only.npy":
        beside.unlink()
    elif name == "lines.npy":
        beside.write_text("{")
    with pytest.raises(UsageError) as caught:
        index.library.import_(file)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "Errno" not in caught.value.message


def test_both_files_of_an_export_are_whole_before_either_takes_its_place(
    index: anyseek.Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is killed in between leaves nothing that looks like an export but for a moment."""
    sizes: list[dict[str, int]] = []
    replace = Path.replace

    def seen(path: Path, target: Path) -> Path:
        unfinished = tmp_path.glob(".a.*.part")  # .a.npy.WRITER.part
        sizes.append({one.name.rsplit(".", 2)[0][1:]: one.stat().st_size for one in unfinished})
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", seen)
    index.library.export(tmp_path / "a.npy")
    whole = {name: (tmp_path / name).stat().st_size for name in ("a.npy", "a.jsonl")}
    assert sizes == [whole, {"a.npy": whole["a.npy"]}]
