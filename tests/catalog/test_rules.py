"""The rules that data depends on. Each test was seen to fail with its rule broken in the product."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crash_writer
import pytest
import sample_files
from fakes import WordEmbedder
from indexes import card, contents, new_index, put, seen, unit_rows

import anyseek
from anyseek.catalog import migrations, tags
from anyseek.catalog.catalog import Catalog, WriterLock
from anyseek.catalog.check import check
from anyseek.catalog.database import Database
from anyseek.catalog.repair import repair
from anyseek.catalog.schema import FORMAT
from anyseek.catalog.tag_records import carry_over
from anyseek.catalog.tags import tag
from anyseek.contracts import Filter, Modality, Problem, Span
from anyseek.filters import Comparison, OneOf
from anyseek.indexer import IndexOptions, reindex

# ---------------------------------------------------------------- below a folder

BESIDE = ["a.jpg", "a0", "a/x", "a/b/y", "a-/z", "a2/x", "ab/x", "A/x", "aa", "a~", "b/a/x"]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("a", ["a/b/y", "a/x"]), ("a/b", ["a/b/y"]), ("ab", ["ab/x"]), ("a/", ["a/b/y", "a/x"])],
)
def test_below_a_folder_is_nothing_beside_it(tmp_path: Path, folder: str, expected: list[str]) -> None:
    catalog, space = new_index(tmp_path)
    with catalog:
        with catalog.begin() as writer:
            for number, path in enumerate(BESIDE):
                put(writer, space, path, unit_rows(1, number))
        absolute = str(tmp_path / folder)
        nowhere = tuple(str(tmp_path / f"none{i}") for i in range(200))
        filters = [
            Filter(folder=absolute),
            Filter(where=Comparison("folder", "=", absolute)),
            Filter(
                where=OneOf("folder", (absolute, *nowhere))
            ),  # compared as text, not by the index of paths
        ]
        with catalog.read() as snapshot:
            for filter_ in filters:
                rows = snapshot.allowed_rows(space, filter_)
                assert rows is not None
                assert sorted(BESIDE[row] for row in rows) == expected


def test_below_a_folder_is_no_root_beside_it(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("a", "a2", "ab", "a/inner")]
    for root in roots:
        root.mkdir()
    with Catalog.create(tmp_path / "index", roots) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(card())
            for number in range(len(roots)):
                put(writer, space, "x", unit_rows(1, number), root=number)
        with catalog.read() as snapshot:
            rows = snapshot.allowed_rows(space, Filter(folder=str(tmp_path / "a")))
            assert rows is not None
            assert rows.tolist() == [0, 3]
            assert snapshot.locate(str(tmp_path / "a2/x")) == snapshot.file_at(1, "x")


# ---------------------------------------------------------------- vectors are on the disk before they are counted


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Real fsyncs, by the file's name, commits, and deleted files, in their order."""
    happened: list[str] = []
    fsync, run, unlink = os.fsync, Database.run, Path.unlink

    def recorded_fsync(descriptor: int) -> None:
        fsync(descriptor)
        happened.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{descriptor}'))}")

    def recorded_run(self: Database, sql: str, values: Any = ()) -> sqlite3.Cursor:
        if sql == "COMMIT":
            happened.append("commit")
        return run(self, sql, values)

    def recorded_unlink(self: Path, missing_ok: bool = False) -> None:
        happened.append(f"delete {self.name}")
        unlink(self, missing_ok)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Database, "run", recorded_run)
    monkeypatch.setattr(Path, "unlink", recorded_unlink)
    return happened


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of open files are read from /proc")
def test_a_commit_comes_after_the_sync_of_its_vectors(tmp_path: Path, events: list[str]) -> None:
    catalog, space = new_index(tmp_path, 1)
    with catalog:
        events.clear()
        with catalog.begin() as writer:
            put(writer, space, "b", unit_rows(2))
        assert events == [f"sync {space}.0.f16", "commit"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of open files are read from /proc")
def test_a_compaction_commits_what_is_on_the_disk_and_deletes_what_nobody_needs(
    tmp_path: Path, events: list[str]
) -> None:
    catalog, space = new_index(tmp_path, 3)
    with catalog:
        with catalog.begin() as writer:
            writer.delete([2])
        events.clear()
        catalog.compact(space)
        assert events == [f"sync {space}.1.f16", "sync vectors", "commit", f"delete {space}.0.f16"]


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_compaction_clears_what_one_left_that_was_killed_after_its_commit(
    tmp_path: Path, is_whole: bool
) -> None:
    """But while the generation that counts lacks a part, the one before it may be all that there is."""
    catalog, space = new_index(tmp_path, 3)
    old, new = (catalog.folder / f"vectors/{space}.{generation}.f16" for generation in (0, 1))
    with catalog:
        with catalog.begin() as writer:
            writer.delete([2])
        kept = old.read_bytes()
        catalog.compact(space)
        old.write_bytes(kept)
        if not is_whole:
            os.truncate(new, 10)
        assert catalog.compact(space) == 0
    assert old.exists() is not is_whole
    assert new.exists()


_ONE_FILE = """
import sys
from pathlib import Path
import crash_writer
from indexes import put, unit_rows
from anyseek.catalog.catalog import Catalog
with Catalog.open(Path(sys.argv[1])) as catalog:
    crash_writer.die_at(sys.argv[3])
    with catalog.begin() as writer:
        put(writer, int(sys.argv[2]), "new", unit_rows(3, 5))
"""


@pytest.mark.parametrize(
    ("moment", "is_there"), [("before-sync:1", False), ("before-commit:1", False), ("after-commit:1", True)]
)
def test_what_is_not_synced_is_not_committed(tmp_path: Path, moment: str, is_there: bool) -> None:
    catalog, space = new_index(tmp_path, 1)
    catalog.close()
    child = subprocess.run(
        [sys.executable, "-c", _ONE_FILE, str(catalog.folder), str(space), moment],
        env=dict(os.environ, PYTHONPATH=os.path.dirname(crash_writer.__file__)),
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        assert set(contents(snapshot)) == ({"a0", "new"} if is_there else {"a0"})
        assert snapshot.spaces()[0].rows == (4 if is_there else 1)


# ---------------------------------------------------------------- tags belong to people


def test_tags_are_carried_over_by_place_whatever_the_roots_numbers(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    catalogs = [Catalog.create(tmp_path / "old", [one, two]), Catalog.create(tmp_path / "new", [two, one])]
    for catalog, numbers in zip(catalogs, [(0, 1), (1, 0)], strict=True):
        with catalog.begin() as writer:
            space = writer.ensure_space(card())
            for root, path in ((numbers[0], "x"), (numbers[1], "x"), (numbers[1], "dir/y")):
                put(writer, space, path, unit_rows(1, root), root=root)
    old, new = catalogs
    with old, new:
        with old.begin() as writer:
            put(writer, 1, "gone", unit_rows(1, 9))
        tag(old, [one / "x", one / "gone"], "first")
        tag(old, [two], "second")
        carry_over(old, new)
        with new.read() as snapshot:
            tagged = {
                name: sorted(
                    snapshot.hits_for_rows(1, [row])[0][1]
                    for row in snapshot.allowed_rows(1, Filter(where=Comparison("tag", "=", name)))  # type: ignore[union-attr]
                )
                for name in ("first", "second")
            }
        assert tagged == {"first": [str(one / "x")], "second": [str(two / "dir/y"), str(two / "x")]}


@pytest.mark.thorough
def test_tags_survive_another_model(tmp_path: Path) -> None:
    media = sample_files.fill(tmp_path / "media")
    with anyseek.create(media, model=WordEmbedder(), index=tmp_path / "index") as index:
        index.add(workers=1)
    with Catalog.open(tmp_path / "index") as catalog:
        tag(catalog, [media], "mine")
        with catalog.read() as snapshot:
            before = tags.counts(snapshot)
    reindex(tmp_path / "index", WordEmbedder(version="2"), keep=False, options=IndexOptions(workers=1))
    with Catalog.open(tmp_path / "index") as catalog, catalog.read() as snapshot:
        assert snapshot.spaces()[0].card.fingerprint == "words-2"
        assert tags.counts(snapshot) == before
        assert before["mine"] > 1


@pytest.mark.parametrize("change", ["moved", "changed", "failed"])
def test_tags_stay_with_a_file(tmp_path: Path, change: str) -> None:
    catalog, space = new_index(tmp_path, 2)
    with catalog:
        tag(catalog, [tmp_path / "a0"], "mine")
        with catalog.begin() as writer:
            if change == "moved":
                writer.move(1, seen("b/c"))
            elif change == "changed":
                put(writer, space, "a0", unit_rows(4, 8))
            else:
                writer.put_failed(seen("a0"), b"h", None, Problem("broken", "decode", "x"))
                put(writer, space, "a0", unit_rows(1, 8))
        with catalog.read() as snapshot:
            rows = snapshot.allowed_rows(space, Filter(where=Comparison("tag", "=", "mine")))
            assert rows is not None
            assert {segment.file_id for segment, _ in snapshot.hits_for_rows(space, rows)} == {1}


# ---------------------------------------------------------------- what is not as it was written is noticed


def test_two_vectors_that_changed_places_are_damage(tmp_path: Path) -> None:
    """Both are of length 1: only their checksums tell."""
    catalog, space = new_index(tmp_path, 3)
    catalog.close()
    path = catalog.folder / f"vectors/{space}.0.f16"
    data = path.read_bytes()
    size = len(data) // 3
    path.write_bytes(data[size : 2 * size] + data[:size] + data[2 * size :])
    (finding,) = check(catalog.folder)
    assert (finding.code, finding.file_ids) == ("vectors-damaged", (1, 2))


def test_a_file_that_could_not_be_read_is_hidden_until_it_is_read_again(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 2)
    with catalog:
        with catalog.begin() as writer:
            writer.put_failed(seen("a0"), b"", None, Problem("unreadable", "read", "no permission"))
        with catalog.read() as snapshot:
            rows = snapshot.allowed_rows(space)
            assert rows is not None
            assert rows.tolist() == [1]
            assert snapshot.spaces()[0].live == 1
            assert snapshot.segment_by_id(1) is None
            assert len(snapshot.rows_of_file(space, 1)) == 0
        assert check(catalog.folder) == []
        with catalog.begin() as writer:
            assert writer.restore(1, seen("a0"))
        with catalog.read() as snapshot:
            assert snapshot.allowed_rows(space) is None
            assert snapshot.spaces()[0].live == 2


def test_a_compaction_is_another_generation_and_another_change(tmp_path: Path) -> None:
    """Stores and caches tell by these that rows have other numbers now."""
    catalog, space = new_index(tmp_path, 4)
    image = Filter(frozenset({Modality.IMAGE}))
    with catalog:
        with catalog.begin() as writer:
            writer.delete([1])
        with catalog.read() as before:
            assert before.allowed_rows(space, image).tolist() == [1, 2, 3]  # type: ignore[union-attr]
            catalog.compact(space)
            with catalog.read() as after:
                assert after.spaces()[0].generation == before.spaces()[0].generation + 1
                assert after.change > before.change
                assert after.allowed_rows(space, image).tolist() == [0, 1, 2]  # type: ignore[union-attr]
                assert contents(after) == contents(before)


# ---------------------------------------------------------------- the lock comes first


def entered_after(monkeypatch: pytest.MonkeyPatch, other_writer: Callable[[], object]) -> None:
    """Another writer finishes just before the next one has the lock."""
    enter, calls = WriterLock.__enter__, []

    def late(self: WriterLock) -> WriterLock:
        if not calls:
            calls.append(1)
            other_writer()
        return enter(self)

    monkeypatch.setattr(WriterLock, "__enter__", late)


def test_a_repair_touches_only_what_is_wrong_once_it_has_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, space = new_index(tmp_path, 3)
    catalog.close()
    path = catalog.folder / f"vectors/{space}.0.f16"
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    findings = check(catalog.folder)
    assert [finding.count for finding in findings] == [3]
    entered_after(monkeypatch, lambda: path.write_bytes(whole))
    assert repair(catalog.folder, findings) == []
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        assert set(contents(snapshot)) == {"a0", "a1", "a2"}


def test_a_migration_reads_the_format_once_it_has_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, _ = new_index(tmp_path, 1)
    catalog.close()
    steps: list[int] = []
    monkeypatch.setattr(migrations, "STEPS", {FORMAT - 1: lambda database: steps.append(1)})

    def set_format(number: int) -> None:
        connection = sqlite3.connect(catalog.folder / "catalog.sqlite")
        connection.execute("UPDATE index_info SET value = ? WHERE name = 'format'", [str(number)])
        connection.execute(f"PRAGMA user_version = {number}")
        connection.commit()
        connection.close()

    set_format(FORMAT - 1)
    entered_after(monkeypatch, lambda: set_format(FORMAT))
    migrations.migrate(catalog.folder)
    assert steps == [], "another process was faster"
    set_format(FORMAT - 1)
    migrations.migrate(catalog.folder)
    assert steps == [1]


# ---------------------------------------------------------------- counts


def test_live_rows_are_counted_through_every_change(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 3, segments=2)
    changes: list[Callable[[Any], object]] = [
        lambda writer: put(writer, space, "a0", unit_rows(5, 9)),
        lambda writer: writer.copy(1, seen("copy")),
        lambda writer: writer.move(1, seen("a1")),
        lambda writer: writer.put_failed(seen("copy"), b"", None, Problem("x", "read", "")),
        lambda writer: writer.delete([3]),
        lambda writer: writer.add_segments(
            writer.put_file(seen("long"), b"l", Modality.AUDIO, complete=False),
            space, Modality.AUDIO, [(Span(), "")], unit_rows(1),
        ),
    ]  # fmt: skip
    with catalog:
        for change in changes:
            with catalog.begin() as writer:
                change(writer)
            with catalog.read() as snapshot:
                rows = snapshot.allowed_rows(space, Filter(frozenset(Modality)))
                assert rows is not None
                assert snapshot.spaces()[0].live == len(rows)
            assert {finding.code for finding in check(catalog.folder)} <= {"half-indexed"}
