"""Making, opening, listing and finding: what a reader sees of a catalog."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from indexes import card, contents, new_index, put, seen, unit_rows
from ran import unmeasured

from anyseek import jsonable
from anyseek.catalog import codec
from anyseek.catalog.catalog import Catalog
from anyseek.contracts import FileState, Filter, Modality, Problem, Report, Span
from anyseek.errors import (
    AnyseekError,
    DiskFailed,
    IndexDamaged,
    IndexNotFound,
    MissingExtra,
    NewerFormat,
    UsageError,
)
from anyseek.stores.exact import ExactStore


def test_a_new_index_is_a_tidy_folder(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    catalog.close()
    folder = tmp_path / ".anyseek"
    names = {path.name for path in folder.iterdir()}
    assert names == {"catalog.sqlite", "vectors", "lock", ".gitignore", "CACHEDIR.TAG"}
    assert (folder / ".gitignore").read_text() == "*\n"
    tag = (folder / "CACHEDIR.TAG").read_bytes()
    assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    assert (folder / "lock").read_bytes() == b""
    assert (folder / "vectors/1.0.f16").stat().st_size == 2 * 16 * 2


def test_creating_twice_is_refused(tmp_path: Path) -> None:
    new_index(tmp_path, 1)[0].close()
    with pytest.raises(UsageError, match="already"):
        Catalog.create(tmp_path / ".anyseek", [tmp_path])
    with Catalog.open(tmp_path / ".anyseek") as catalog, catalog.read() as snapshot:
        assert len(list(snapshot.files())) == 1


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match=r"letter\.txt"):
        Catalog.create(tmp_path, [tmp_path])
    assert os.listdir(tmp_path) == ["letter.txt"]
    with pytest.raises(UsageError):
        Catalog.create(tmp_path / "letter.txt", [])


@pytest.mark.parametrize("name", [".gitignore", "CACHEDIR.TAG"])
def test_a_persons_own_marks_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("*.log\n")
    with pytest.raises(UsageError, match="contains other files"):
        Catalog.create(tmp_path, [tmp_path])
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "*.log\n"


def test_marks_of_an_attempt_that_was_cut_short_are_no_foreign_files(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "index", []).close()
    (tmp_path / "index/catalog.sqlite").unlink()
    Catalog.create(tmp_path / "index", []).close()
    Catalog.open(tmp_path / "index").close()


def test_a_catalog_that_cannot_be_looked_at_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, _ = new_index(tmp_path, 1)
    with catalog:
        with catalog.read():
            pass  # leaves a connection for the next one
        (idle,) = catalog._idle_readers
        look = os.stat

        def refused(path: Any, **options: Any) -> os.stat_result:
            if os.fspath(path) == str(catalog.folder / "catalog.sqlite"):
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            return look(path, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", refused)
            with pytest.raises(DiskFailed):
                catalog.read()
        with pytest.raises(UsageError, match="closed"):
            idle.first("SELECT 1")
        with catalog.read() as snapshot:
            assert len(list(snapshot.files())) == 1


@pytest.mark.parametrize("leftover", [b"", None])
def test_an_index_whose_making_was_cut_short(tmp_path: Path, leftover: bytes | None) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    if leftover is None:  # journal mode set, no tables yet
        connection = sqlite3.connect(folder / "catalog.sqlite")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    else:
        (folder / "catalog.sqlite").write_bytes(leftover)
    with pytest.raises(IndexNotFound):
        Catalog.open(folder)
    Catalog.create(folder, [tmp_path]).close()
    Catalog.open(folder).close()


def test_no_index(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(IndexNotFound) as caught:
            Catalog.open(folder)
        assert str(folder) in str(caught.value)
        assert caught.value.hint
    assert os.listdir(tmp_path) == []


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    new_index(tmp_path, 1)[0].close()
    path = tmp_path / ".anyseek/catalog.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("UPDATE index_info SET value = '99' WHERE name = 'format'")
    connection.execute("DROP TABLE files")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerFormat, match="99"):
        Catalog.open(tmp_path / ".anyseek")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_not_a_catalog(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(content)
    with pytest.raises((IndexDamaged, IndexNotFound)):
        Catalog.open(tmp_path)


def test_somebody_elses_database(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    with pytest.raises(IndexDamaged, match="is not a catalog of Anyseek") as raised:
        Catalog.open(tmp_path)
    assert "emove" not in raised.value.hint  # it may be all that is left of somebody's tags


NAMES = [
    "plain.png",
    "Übung/日本語.png",
    "line\nbreak.png",
    "tab\tand 'quotes' \"too\".png",
    os.fsdecode(b"latin-\xe9\xff.png"),
    "a%20b?c#d.png",
    " leading and trailing ",
    "x" * 255,
    "deep/" * 200 + "end.png",
]


def test_every_name_comes_back(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path)
    with catalog:
        with catalog.begin() as writer:
            for i, name in enumerate(NAMES):
                put(writer, space, name, unit_rows(1, i))
        with catalog.read() as snapshot:
            assert sorted(record.path for record in snapshot.files()) == sorted(NAMES)
            for name in NAMES:
                record = snapshot.file_at(0, name)
                assert record is not None
                assert record.path == name
                assert snapshot.absolute_path(record) == f"{tmp_path}/{name}"
                assert snapshot.locate(f"{tmp_path}/{name}") == record
                assert snapshot.file(record.file_id) == record
                rows = snapshot.rows_of_file(space, record.file_id)
                assert [path for _, path in snapshot.hits_for_rows(space, rows)] == [f"{tmp_path}/{name}"]


@pytest.mark.parametrize(
    "folder", ["with space", "per%cent?and#hash", "new\nline", os.fsdecode(b"byte-\xff")]
)
def test_an_index_may_lie_anywhere(tmp_path: Path, folder: str) -> None:
    catalog, space = new_index(tmp_path / folder, 2)
    catalog.close()
    with Catalog.open(tmp_path / folder / ".anyseek") as again, again.read() as snapshot:
        assert snapshot.roots() == {0: tmp_path / folder}
        assert len(snapshot.rows_of_file(space, 1)) == 1


def test_facts_of_a_file_come_back(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path)
    facts = seen("a", size=1 << 50, mtime_ns=-5, inode=(1 << 64) - 2)
    with catalog:
        with catalog.begin() as writer:
            writer.put_failed(
                facts, b"\0hash\xff", Modality.AUDIO, Problem("broken", "decode", "bad \udcff name")
            )
        with catalog.read() as snapshot:
            (record,) = snapshot.files()
            assert (record.size, record.mtime_ns, record.inode) == (1 << 50, -5, (1 << 64) - 2)
            assert record.content_hash == b"\0hash\xff"
            assert record.state is FileState.FAILED
            assert record.problem == Problem("broken", "decode", r"bad \udcff name")
            assert snapshot.files_with_hash(b"\0hash\xff") == [record]
            assert snapshot.files_with_hash(b"") == []
            assert list(snapshot.problems()) == [record]


def test_files_are_listed_by_root_and_bytes(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path)
    with catalog:
        with catalog.begin() as writer:
            assert writer.add_root(tmp_path / "b") == 1
            for name in ["b", "a/z", "a", "é", "a.b"]:
                put(writer, space, name, unit_rows(1))
            put(writer, space, "a", unit_rows(1), root=1)
        with catalog.read() as snapshot:
            listed = [(record.root, record.path) for record in snapshot.files()]
            assert listed == [(0, "a"), (0, "a.b"), (0, "a/z"), (0, "b"), (0, "é"), (1, "a")]
            assert len(list(snapshot.files(FileState.OK))) == 6
            assert list(snapshot.files(FileState.MISSING)) == []


def test_counts_runs_and_settings(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 3, segments=2)
    report = Report(5, 3, 0, 0, 0, 0, 3, 6, {"broken": 1}, 1.5, False)
    with catalog:
        with catalog.read() as snapshot:
            assert snapshot.last_run() is None
            assert snapshot.settings() == {}
        with catalog.begin() as writer:
            run = writer.start_run("anyseek index .")
            writer.set_setting("exclude", ["*.tmp"])
            writer.set_setting("gone", 1)
        with catalog.read() as snapshot:
            last = snapshot.last_run()
            assert last is not None
            assert (last.command, last.ended, last.report) == ("anyseek index .", None, None)
        with catalog.begin() as writer:
            put(writer, space, "sound", unit_rows(4), Modality.AUDIO)
            writer.put_failed(seen("bad"), b"h", Modality.IMAGE, Problem("broken", "decode", "why"))
            writer.put_failed(seen("odd"), b"i", None, Problem("empty", "sniff", "why"))
            writer.put_file(seen("notes.zip"), b"", None)
            writer.mark_missing([1])
            writer.finish_run(run, report)
            writer.set_setting("gone", None)
        with catalog.read() as snapshot:
            last = snapshot.last_run()
            assert last is not None
            assert last.report == report
            assert last.ended is not None
            assert last.started <= last.ended <= time.time()
            assert snapshot.settings() == {"exclude": ["*.tmp"]}
            zipped = snapshot.file_at(0, "notes.zip")
            assert zipped is not None
            assert (zipped.modality, zipped.state) == (None, FileState.OK)
            counts = snapshot.counts()
            assert counts.files_by_state == {FileState.OK: 3, FileState.FAILED: 2, FileState.MISSING: 1}
            assert counts.files_by_modality == {Modality.IMAGE: 3, Modality.AUDIO: 1}
            assert counts.segments_by_modality == {Modality.IMAGE: 6, Modality.AUDIO: 4}
            assert snapshot.counts_in(space) == counts.segments_by_modality
            assert counts.problems_by_code == {"broken": 1, "empty": 1}
            assert catalog.size_bytes() >= 10 * 32


def test_changes_grow(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 2)
    seen_changes = []
    with catalog:
        for _ in range(3):
            with catalog.begin() as writer:
                put(writer, space, "again", unit_rows(1))
            with catalog.read() as snapshot:
                seen_changes.append(snapshot.change)
        assert catalog.compact(space) > 0
        with catalog.read() as snapshot:
            seen_changes.append(snapshot.change)
    assert seen_changes == sorted(set(seen_changes))


# ---------------------------------------------------------------- roots


def test_an_index_moves_with_its_root(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path / "old", 2)
    catalog.close()
    for name in ("a0", "a1"):
        (tmp_path / "old" / name).write_text("x")
    (tmp_path / "old").rename(tmp_path / "new")
    with Catalog.open(tmp_path / "new/.anyseek") as moved, moved.read() as snapshot:
        assert snapshot.roots() == {0: tmp_path / "new"}
        record = snapshot.locate(str(tmp_path / "new/a1"))
        assert record is not None
        assert snapshot.absolute_path(record) == str(tmp_path / "new/a1")
        with moved.begin() as writer:
            assert writer.add_root(tmp_path / "new") == 0


def test_an_index_beside_its_roots(tmp_path: Path) -> None:
    roots = [tmp_path / "disk/photos", tmp_path / "disk/sounds"]
    for root in roots:
        root.mkdir(parents=True)
        (root / "one").write_text("x")
    with Catalog.create(tmp_path / "disk/index", roots) as catalog, catalog.begin() as writer:
        space = writer.ensure_space(card())
        for number in range(len(roots)):
            put(writer, space, "one", unit_rows(1), root=number)

    def where(folder: Path) -> list[Path]:
        with Catalog.open(folder) as catalog, catalog.read() as snapshot:
            return list(snapshot.roots().values())

    assert where(tmp_path / "disk/index") == roots
    (tmp_path / "disk").rename(tmp_path / "mount")  # the whole disk elsewhere
    assert where(tmp_path / "mount/index") == [tmp_path / "mount/photos", tmp_path / "mount/sounds"]
    (tmp_path / "mount").rename(tmp_path / "disk")
    (tmp_path / "disk/index").rename(tmp_path / "index")  # the index alone: the roots stay
    assert where(tmp_path / "index") == roots
    shutil.copytree(tmp_path / "disk/photos", tmp_path / "photos")  # and now a copy of one beside it
    assert where(tmp_path / "index") == roots
    shutil.rmtree(tmp_path / "disk/photos")
    assert where(tmp_path / "index") == [tmp_path / "photos", tmp_path / "disk/sounds"]


def test_a_root_that_is_gone_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "usb").mkdir()
    Catalog.create(tmp_path / "index", [tmp_path / "usb"]).close()
    (tmp_path / "usb").rmdir()
    with Catalog.open(tmp_path / "index") as catalog, catalog.read() as snapshot:
        assert snapshot.roots() == {0: tmp_path / "usb"}


def test_roots_through_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with Catalog.create(tmp_path / "index", [tmp_path / "link"]) as catalog:
        with catalog.begin() as writer:
            assert writer.add_root(tmp_path / "real") == 0
            assert writer.add_root(tmp_path / "other") == 1
            space = writer.ensure_space(card())
            put(writer, space, "x/a", unit_rows(1))
        with catalog.read() as snapshot:
            for spelled in ("link/x/a", "real/x/a", "real/x/../x/a"):
                assert snapshot.locate(str(tmp_path / spelled)) is not None
            for folder in ("link", "real", "link/x", "real/x"):
                rows = snapshot.allowed_rows(space, Filter(folder=str(tmp_path / folder)))
                assert rows is not None
                assert rows.tolist() == [0]


# ---------------------------------------------------------------- filters


def test_filters(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path)
    where = {}
    with catalog:
        with catalog.begin() as writer:
            names = ["a", "a/b", "a/b/c", "a.b", "a0", "a/", "ab/c", "z"]
            for i, name in enumerate(names):
                modality = Modality.AUDIO if i % 2 else Modality.IMAGE
                put(writer, space, name, unit_rows(2, i), modality)
                where[name] = {2 * i, 2 * i + 1}
            inner = writer.add_root(tmp_path / "sub/inner")
            put(writer, space, "q", unit_rows(1), root=inner)
            where["q"] = {16}

        def allowed(folder: str | None = None, *modalities: Modality) -> set[int] | None:
            wanted = Filter(frozenset(modalities) or None, None if folder is None else str(tmp_path / folder))
            rows = snapshot.allowed_rows(space, wanted)
            if rows is None:
                return None
            assert rows.tolist() == sorted(rows.tolist())
            assert rows.dtype == np.int64
            return set(rows.tolist())

        with catalog.read() as snapshot:
            assert allowed() is None
            assert allowed(None, Modality.AUDIO) == where["a/b"] | where["a.b"] | where["a/"] | where["z"]
            assert allowed(None, Modality.TEXT) == set()
            assert allowed("a/b") == where["a/b"] | where["a/b/c"]
            assert allowed("a/b", Modality.IMAGE) == where["a/b/c"]
            assert allowed("ab") == where["ab/c"]
            assert allowed("nowhere") == set()
            assert allowed("sub") == allowed("sub/inner") == where["q"]
            assert allowed("../") == allowed(".") == set.union(*where.values())
            assert snapshot.allowed_rows(space, Filter(frozenset())).tolist() == []  # type: ignore[union-attr]
            with pytest.raises(UsageError):
                snapshot.allowed_rows(space + 1)
        with catalog.begin() as writer:
            writer.delete([1])
        with catalog.read() as snapshot:
            assert allowed() == set(range(2, 17))


def test_hits_keep_their_order(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 3, segments=400)
    rows = np.random.default_rng(0).permutation(1200)
    with catalog, catalog.read() as snapshot:
        hits = snapshot.hits_for_rows(space, rows)
        assert [path for _, path in hits] == [f"{tmp_path}/a{row // 400}" for row in rows]
        segment, _ = hits[0]
        assert segment.span == Span(10.0 * (rows[0] % 400), 10.0 * (rows[0] % 400) + 10)
        assert segment.excerpt == f"part {rows[0] % 400}"
        assert snapshot.hits_for_rows(space, []) == []
        with pytest.raises(IndexDamaged):
            snapshot.hits_for_rows(space, [5, 1200])


@pytest.mark.parametrize(
    ("name", "error"), [("smell", MissingExtra), ("", IndexDamaged), ("\0x", IndexDamaged), (7, IndexDamaged)]
)
def test_a_modality_whose_package_is_gone_is_no_damage(name: object, error: type[AnyseekError]) -> None:
    """In every record that has one: of a file, of a segment, of a model."""
    model = json.loads(jsonable.to_json(card())) | {"modalities": ["image", name]}
    for read, record in (
        (codec.modality, name),
        (codec.file_record, (1, 1, b"a", 1, 1, 1, b"", name, "ok", None, None, None)),
        (codec.segment, (1, 1, name, 0.0, 0.0, "whole", "")),
        (codec.card, json.dumps(model)),
    ):
        with pytest.raises(error) as caught:
            read(record)
        assert type(caught.value) is error
        assert ("modality smell" in caught.value.message) is (error is MissingExtra)


# ---------------------------------------------------------------- cost


@pytest.mark.thorough
@pytest.mark.own_process
def test_opening_leaks_nothing(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 3)
    catalog.close()
    before = None
    for i in range(50):
        with Catalog.open(tmp_path / ".anyseek") as catalog:
            with catalog.begin() as writer:
                put(writer, space, "x", unit_rows(1, i))
            with catalog.read() as snapshot, ExactStore(snapshot, space) as store:
                store.search(unit_rows(1), 3)
            catalog.compact(space)
        count = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        maps = Path("/proc/self/maps").read_text().count(".f16")
        before = before or (count, maps)
        assert (count, maps) == before
    assert maps == 0


def test_a_cold_reader_imports_little() -> None:
    code = (
        "import sys; import anyseek.catalog.catalog;"
        "print([m for m in ('numpy', 'socket', 'asyncio', 'subprocess', 'multiprocessing', 'tempfile')"
        " if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=unmeasured(os.environ)
    )
    assert told.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_hundred_thousand_files(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path)
    n = 100_000
    with catalog:
        start = time.process_time()
        for first in range(0, n, 10_000):
            with catalog.begin() as writer:
                for i in range(first, first + 10_000):
                    put(writer, space, f"folder {i % 100}/{i}", unit_rows(1))
        written = time.process_time() - start
        with catalog.read() as snapshot:
            start = time.process_time()
            assert sum(1 for _ in snapshot.files()) == n
            listed = time.process_time() - start
            start = time.process_time()
            rows = snapshot.allowed_rows(space, Filter(folder=str(tmp_path / "folder 7")))
            filtered = time.process_time() - start
            assert rows is not None
            assert len(rows) == 1000
            start = time.process_time()
            snapshot.counts()
            counted = time.process_time() - start
        with catalog.begin() as writer:
            start = time.process_time()
            writer.mark_root_missing(0)
            writer.mark_present(range(1, n + 1))
            marked = time.process_time() - start
    print(f"\n{written=:.2f} {listed=:.2f} {filtered=:.4f} {counted=:.3f} {marked=:.2f} s")
    assert listed < 2  # half a second of one core; processor time, so that a busy machine does not fail it
    assert filtered < 0.5
    assert written < 120


def test_contents_helper_sees_what_is_there(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2, segments=3)
    with catalog, catalog.read() as snapshot:
        expected = {f"a{i}": [row.astype("<f2").tobytes() for row in unit_rows(3, i)] for i in range(2)}
        assert contents(snapshot) == expected
