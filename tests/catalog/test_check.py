"""What doctor finds and repairs; damage never gives a wrong answer in silence where it can be told."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from indexes import contents, hash_of, new_index, put, seen, sql, unit_rows

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.repair import repair
from anyseek.contracts import FileState, Modality, Span
from anyseek.errors import AnyseekError, IndexDamaged, IndexLocked, IndexNotFound, UsageError
from anyseek.stores.exact import ExactStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    catalog, _ = new_index(tmp_path, 10, segments=3)
    catalog.close()
    return catalog.folder


def found(folder: Path) -> dict[str, int]:
    return {finding.code: finding.count for finding in check(folder)}


def names(folder: Path) -> list[str]:
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        return sorted(contents(snapshot))


def repair_all(folder: Path) -> list[str]:
    """Repair, and be healthy; the codes of what was repaired."""
    repaired = repair(folder, check(folder))
    assert check(folder) == []
    return [finding.code for finding in repaired]


def test_a_healthy_index(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert check(folder) == []
    assert repair(folder, []) == []
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound):
        check(tmp_path)


@pytest.mark.parametrize("bit", [0, 7, 14, 15])
def test_one_flipped_bit_in_a_vector(folder: Path, bit: int) -> None:
    path = folder / "vectors/1.0.f16"
    bits = np.fromfile(path, np.uint16)
    bits[4 * 3 * 16 + 5] ^= 1 << bit  # file a4, its first segment
    bits.tofile(path)
    (finding,) = check(folder)
    assert (finding.code, finding.count, finding.file_ids) == ("vectors-damaged", 1, (5,))
    assert finding.message.startswith("Files that have a damaged vector in ")
    assert finding.message.endswith(": 1.")
    assert repair_all(folder) == ["vectors-damaged"]
    assert names(folder) == [f"a{i}" for i in range(10) if i != 4]


def test_not_numbers_never_reach_a_result(folder: Path) -> None:
    path = folder / "vectors/1.0.f16"
    values = np.fromfile(path, np.float16).reshape(30, 16)
    values[3] = np.nan
    values[7, 2] = np.inf
    values.tofile(path)
    with Catalog.open(folder) as catalog, catalog.read() as snapshot, ExactStore(snapshot, 1) as store:
        scores, rows = store.search(unit_rows(2), 30)
        assert (rows >= 0).sum(axis=1).tolist() == [28, 28]
        assert not np.isnan(scores).any()
    assert found(folder) == {"vectors-damaged": 2}
    repair_all(folder)


@pytest.mark.parametrize("left", [0, 1, 15 * 32, 30 * 32 - 1])
def test_a_cut_vector_file(folder: Path, left: int) -> None:
    os.truncate(folder / "vectors/1.0.f16", left)
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        assert len(list(snapshot.files())) == 10  # the catalog can be read
        with pytest.raises(IndexDamaged, match="cut off"):
            ExactStore(snapshot, 1)
    lost = 10 - left // (3 * 32)
    assert found(folder) == {"vectors-cut-off": lost}
    assert repair_all(folder) == ["vectors-cut-off"]
    assert names(folder) == [f"a{i}" for i in range(10 - lost)]
    with Catalog.open(folder) as catalog:
        with catalog.begin() as writer:
            put(writer, 1, "a9", unit_rows(3, 9))
        with catalog.read() as snapshot, ExactStore(snapshot, 1) as store:
            assert store.search(unit_rows(3, 9), 1)[0] == pytest.approx(1, abs=1e-3)
    assert check(folder) == []


def test_a_vector_file_that_is_gone(folder: Path) -> None:
    (folder / "vectors/1.0.f16").unlink()
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        assert len(list(snapshot.files())) == 10
        with pytest.raises(IndexDamaged, match="gone"):
            ExactStore(snapshot, 1)
    assert repair_all(folder) == ["vectors-cut-off"]
    assert names(folder) == []


def test_rows_that_do_not_fit_together(folder: Path) -> None:
    sql(
        folder,
        "DELETE FROM files WHERE file_id = 1",
        "DELETE FROM segments WHERE segment_id = 4",
        "DELETE FROM embeddings WHERE row = 6",
        "UPDATE files SET root = 9 WHERE file_id = 4",
        "UPDATE embeddings SET visible = 0 WHERE row = 12",
        "UPDATE embeddings SET modality = 'audio' WHERE row = 13",
        "UPDATE spaces SET live = 1000",
    )
    assert set(found(folder)) == {
        "orphan-files",
        "orphan-segments",
        "orphan-rows",
        "segments-without-vector",
        "wrong-counts",
    }
    repair_all(folder)
    assert names(folder) == ["a1", "a3", "a4", "a5", "a6", "a7", "a8", "a9"]
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        (space,) = snapshot.spaces()
        assert space.live == 2 + 7 * 3
        assert snapshot.roots() == {0: folder.parent, 9: Path("/damaged-9")}


def test_leftovers_of_a_killed_run(folder: Path) -> None:
    code = (
        "import os, sys, signal; from pathlib import Path; from indexes import *\n"
        "from anyseek.contracts import Modality\n"
        "c = Catalog.open(Path(sys.argv[1])); c.lock('anyseek index').__enter__()\n"
        "with c.begin() as w:\n"
        "    n = w.put_file(seen('long'), b'h', Modality.AUDIO, complete=False)\n"
        "    w.add_segments(n, 1, Modality.AUDIO, [(Span(), '')], unit_rows(1))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1] / "support"))
    subprocess.run([sys.executable, "-c", code, str(folder)], env=env, check=False)
    (folder / "vectors/1.7.f16").write_bytes(bytes(100))
    assert set(found(folder)) == {"half-indexed", "lock-left", "log-left", "unused-files"}
    # Looking has moved the log into the catalog already.
    assert set(repair_all(folder)) == {"half-indexed", "lock-left", "unused-files"}
    assert names(folder) == [f"a{i}" for i in range(10)]


def test_a_run_in_progress_is_no_finding(folder: Path) -> None:
    with Catalog.open(folder) as catalog, catalog.lock("run"):
        with catalog.begin() as writer:
            number = writer.put_file(seen("long"), b"h", Modality.AUDIO, complete=False)
            writer.add_segments(number, 1, Modality.AUDIO, [(Span(), "")], unit_rows(1))
        (folder / "vectors/1.1.f16").write_bytes(b"")
        assert check(folder) == []
        with pytest.raises(IndexLocked):
            repair(folder, [])


def test_a_damaged_table_index(folder: Path) -> None:
    """Rows missing from an index of a table: found by integrity_check, made again from the table."""
    connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
    connection.execute("PRAGMA writable_schema = 1")
    where = "FROM sqlite_master WHERE name = 'segments_by_file'"
    entry = connection.execute(f"SELECT * {where}").fetchone()
    connection.execute(f"DELETE {where}")
    connection.close()
    # SQLite no longer knows of the table index, so it does not keep it up.
    sql(folder, "DELETE FROM segments WHERE segment_id > 24")
    connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", entry)
    connection.close()
    codes = [finding.code for finding in check(folder)]
    assert codes == ["table-index-damaged"]
    repair(folder, check(folder))
    assert "table-index-damaged" not in found(folder)
    repair_all(folder)
    assert names(folder)[:8] == [f"a{i}" for i in range(8)]


def everything(folder: Path) -> None:
    """All that a reader and a writer do."""
    with Catalog.open(folder) as catalog:
        with catalog.read() as snapshot:
            contents(snapshot)
            snapshot.counts()
            snapshot.last_run()
            snapshot.settings()
            list(snapshot.problems())
            for space in snapshot.spaces():
                with ExactStore(snapshot, space.space_id) as store:
                    _, rows = store.search(unit_rows(1, dim=space.card.dim), 5)
                snapshot.hits_for_rows(space.space_id, [row for row in rows[0] if row >= 0])
        with catalog.begin() as writer:
            writer.start_run("x")
            put(writer, 1, "new", unit_rows(1))


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bits_in_the_catalog(tmp_path: Path, folder: Path, seed: int) -> None:
    """Anything but AnyseekError would be a crash for a user; doctor itself never raises for damage."""
    luck = random.Random(seed)
    path = folder / "catalog.sqlite"
    data = bytearray(path.read_bytes())
    for _ in range(luck.choice([1, 10, 200])):
        data[luck.randrange(len(data))] ^= 1 << luck.randrange(8)
    if seed % 5 == 0:
        del data[luck.randrange(len(data)) :]
    path.write_bytes(data)
    for act in (everything, lambda where: repair(where, check(where))):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        try:
            act(copy)
        except AnyseekError as error:
            assert str(error)  # noqa: PT017
        finally:
            shutil.rmtree(copy)


def test_repaired_files_are_embedded_again(folder: Path) -> None:
    """What lost its vectors is marked for the next run, and keeps its record."""
    os.truncate(folder / "vectors/1.0.f16", 15 * 32)
    repair_all(folder)
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        record = snapshot.file_at(0, "a7")
        assert record is not None
        assert (record.file_id, record.content_hash) == (8, hash_of("a7"))
        assert (record.state, record.problem and record.problem.code) == (FileState.FAILED, "read-again")
        assert [one.path for one in snapshot.files(FileState.OK)] == [f"a{i}" for i in range(5)]
        assert snapshot.counts().segments_by_modality == {Modality.IMAGE: 15}


# ---------------------------------------------------------------- captions, and files that changed places


def captioned(folder: Path) -> None:
    with Catalog.open(folder) as catalog, catalog.begin() as writer:
        writer.set_caption(2, "a dog on the beach")


@pytest.mark.parametrize("table", ["file_words", "file_index"])
def test_a_caption_that_is_unlike_its_words_is_read_again(folder: Path, table: str) -> None:
    """Which of the two is damaged, nothing tells: words made of a damaged caption would stay for good."""
    captioned(folder)
    key = "file_id" if table == "file_words" else "rowid"
    trigger = sqlite3.connect(folder / "catalog.sqlite").execute(
        "SELECT sql FROM sqlite_master WHERE name = 'file_words_changed'"
    )
    sql(
        folder,
        "DROP TRIGGER file_words_changed",
        f"UPDATE {table} SET caption = 'a dot on the beach' WHERE {key} = 2",
        *next(trigger),
    )
    assert found(folder) == {"words-damaged": 1, "segments-damaged": 1}
    repair_all(folder)
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        assert [(file.path, file.problem and file.problem.code) for file in snapshot.problems()] == [
            ("a1", "read-again")
        ]
        assert snapshot.database.all("SELECT caption FROM file_words WHERE caption != ''") == []


def test_captions_stay_where_their_words_cannot_be_read_at_all(folder: Path) -> None:
    captioned(folder)
    sql(folder, "DELETE FROM file_index_config")
    assert set(found(folder)) == {"words-damaged"}
    repair_all(folder)
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        assert list(snapshot.problems()) == []
        assert snapshot.database.first("SELECT caption FROM file_words WHERE file_id = 2") == (
            "a dog on the beach",
        )


@pytest.mark.parametrize("place", ["lock", "vectors/1.0.f16", "calibration/1.npz", "CACHEDIR.TAG"])
@pytest.mark.parametrize("is_exchanged", [True, False])
def test_a_catalog_in_the_place_of_another_file_is_told_and_not_touched(
    folder: Path, place: str, is_exchanged: bool
) -> None:
    catalog, other, aside = folder / "catalog.sqlite", folder / place, folder / "aside"
    other.parent.mkdir(exist_ok=True)
    if not other.exists():
        other.write_bytes(b"anything")
    whole = catalog.read_bytes()
    other.rename(aside)
    catalog.rename(other)
    if is_exchanged:
        aside.rename(catalog)
    findings = check(folder)
    moved = next(finding for finding in findings if finding.code == "catalog-moved")
    assert place in moved.message
    assert not any(finding.is_repairable for finding in findings)
    with suppress(AnyseekError):  # in the lock's place, it keeps the repair from beginning
        repair(folder, findings)
    with pytest.raises(AnyseekError):
        Catalog.open(folder)
    assert other.read_bytes() == whole
    assert not (folder / "catalog.sqlite.damaged").exists()
    if is_exchanged:
        catalog.rename(aside)
    other.rename(catalog)
    aside.rename(other)
    assert check(folder) == []


def test_a_lock_is_not_written_over_where_it_is_more_than_a_lock(folder: Path) -> None:
    (folder / "lock").write_bytes(b"what nobody knows" * 1000)
    assert found(folder) == {"lock-not-a-file": 1}
    with Catalog.open(folder) as catalog, pytest.raises(UsageError, match="something else"):
        catalog.lock("x").__enter__()
    assert (folder / "lock").read_bytes() == b"what nobody knows" * 1000
    (folder / "lock").write_bytes(bytes(100_000))  # what a power failure leaves of a lock
    with Catalog.open(folder) as catalog, catalog.lock("x"):
        pass
