"""A catalog that an Anyseek of format 4 made comes forward with all that people made, and its words gain stems."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import WordEmbedder
from indexes import contents, hash_of, put, stored, unit_rows

from anyseek.catalog import database, migrations, sql_functions, tags
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.database import CATALOG_NAME, Database
from anyseek.catalog.locking import Holder, WriterLock, read_holder
from anyseek.catalog.repair import repair
from anyseek.contracts import Modality
from anyseek.errors import IndexLocked, ReadOnlyIndex, RootUnavailable
from anyseek.indexer.options import IndexOptions
from anyseek.indexer.reindex import reindex
from anyseek.search import lexical
from anyseek.search.embedding import EmbeddedQuery

CAPTION_FILE, CAKE_FILE = 2, 4
DUMP = Path(__file__).with_name("format_4.sql")
VECTORS = np.concatenate([unit_rows(1, seed) for seed in (0, 1, 2, 9)])  # of four files; the third is gone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The index folder."""
    folder = tmp_path / ".anyseek"
    (folder / "vectors").mkdir(parents=True)
    (folder / "vectors" / "1.0.f16").write_bytes(VECTORS.astype("<f2").tobytes())
    (folder / "lock").touch()
    connection = sqlite3.connect(folder / CATALOG_NAME)
    sql_functions.register(connection)
    connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.close()
    return folder


def facts(folder: Path) -> tuple[str, int, list[str]]:
    """Its format by the table and by the header, and what it was brought forward by."""
    connection = sqlite3.connect(folder / CATALOG_NAME)
    (number,) = connection.execute("SELECT value FROM index_info WHERE name = 'format'").fetchone()
    (header,) = connection.execute("PRAGMA user_version").fetchone()
    changes = [what for (what,) in connection.execute("SELECT what FROM changes WHERE what LIKE 'format%'")]
    connection.close()
    return number, header, changes


def files_with(catalog: Catalog, words: str, target: Modality) -> set[int]:
    phrases, keywords = lexical.keywords_of([words])
    query = EmbeddedQuery({}, words, phrases=phrases, keywords=keywords)
    with catalog.read() as snapshot:
        rows = lexical.rows(snapshot, snapshot.spaces()[0].space_id, query, target)
    return {row.file_id for row in rows}


def test_words_of_format_4_are_found_by_their_stems_once_brought_forward(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        assert files_with(catalog, "run dog", Modality.IMAGE) == {1}
        assert files_with(catalog, "nation", Modality.IMAGE) == {CAPTION_FILE}
        assert files_with(catalog, '"nations of the sea"', Modality.IMAGE) == {CAPTION_FILE}
        assert files_with(catalog, '"nation of the sea"', Modality.IMAGE) == set()
        for words in ("bake", "cake", "🎂", "izmir", "狐狸"):
            assert files_with(catalog, words, Modality.TEXT) == {CAKE_FILE}
    assert check(folder) == []
    assert facts(folder) == ("5", 5, ["format 4 to 5"])


def test_vectors_tags_and_tags_of_what_is_gone_come_forward(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        with catalog.read() as snapshot:
            rows = stored(VECTORS).astype("<f2")
            assert contents(snapshot) == {
                "Holidays/running dogs.jpg": [rows[0].tobytes()],
                "plain.jpg": [rows[1].tobytes()],
                "cake.txt": [rows[3].tobytes()],
            }
            assert tags.counts(snapshot) == {"Holiday": 1, "Işık": 1}
        assert {record.tags for record in tags.Tags(catalog).kept()} == {("Sea",)}
        with catalog.begin() as writer:
            put(writer, 1, "again.jpg", unit_rows(1), content_hash=hash_of("gone.jpg"))
        with catalog.read() as snapshot:
            assert tags.counts(snapshot) == {"Holiday": 1, "Işık": 1, "Sea": 1}


def test_what_is_written_after_coming_forward_keeps_the_words_in_step(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        with catalog.begin() as writer:
            put(writer, 1, "galloping horses.jpg", unit_rows(1, 5))
            writer.delete([CAKE_FILE])
        assert files_with(catalog, "gallop horse", Modality.IMAGE) == {5}
        assert files_with(catalog, "cake", Modality.TEXT) == set()
    assert check(folder) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from anyseek.catalog import migrations
step = migrations.STEPS[4]
def killed(database):
    step(database)
    os.kill(os.getpid(), signal.SIGKILL)
migrations.STEPS[4] = killed
migrations.migrate(Path(sys.argv[1]))
"""


def test_killed_while_it_comes_forward_it_is_of_format_4_and_comes_forward_next_time(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert done.returncode == -9
    assert facts(folder) == ("4", 4, [])
    with Catalog.open(folder) as catalog:
        assert files_with(catalog, "run dog", Modality.IMAGE) == {1}
    assert check(folder) == []


def test_a_step_that_fails_at_its_end_leaves_the_words_of_format_4(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = migrations.STEPS[4]

    def failing(catalog: Database) -> None:
        step(catalog)
        raise OSError

    with monkeypatch.context() as patch:
        patch.setitem(migrations.STEPS, 4, failing)
        with pytest.raises(OSError):
            Catalog.open(folder)
    assert facts(folder) == ("4", 4, [])
    connection = sqlite3.connect(folder / CATALOG_NAME)
    assert connection.execute("SELECT rowid FROM file_index('dogs')").fetchall() == [(1,)]
    assert [row[1] for row in connection.execute("PRAGMA table_info(file_index)")] == ["path", "caption"]
    connection.close()


def test_an_index_of_format_4_that_may_not_be_written_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("anyseek.catalog.database.os.access", lambda path, mode: False)
        with pytest.raises(ReadOnlyIndex, match="cannot be written"):
            Catalog.open(folder)
    assert facts(folder) == ("4", 4, [])


@pytest.mark.parametrize("header", [4, 0], ids=["said-again", "said-once"])
def test_an_index_of_format_4_that_lost_its_number_is_brought_forward_by_its_repair(
    folder: Path, header: int
) -> None:
    connection = sqlite3.connect(folder / CATALOG_NAME)
    connection.execute("DELETE FROM index_info WHERE name = 'format'")
    connection.execute(f"PRAGMA user_version = {header}")
    connection.commit()
    connection.close()
    findings = check(folder)
    assert [finding.code for finding in findings] == ["format-damaged"]
    repair(folder, findings)
    assert check(folder) == []
    with Catalog.open(folder) as catalog:
        assert files_with(catalog, "run dog", Modality.IMAGE) == {1}
        with catalog.read() as snapshot:
            assert tags.counts(snapshot) == {"Holiday": 1, "Işık": 1}


def test_who_opens_it_while_another_process_upgrades_it_waits_for_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = WriterLock(folder, migrations._UPGRADE)
    upgrade.__enter__()
    holders: list[str] = []

    def given_back_then(folder: Path) -> Holder | None:
        holder = read_holder(folder)
        holders.append(holder.command if holder else "")
        upgrade.__exit__(None, None, None)
        return holder

    monkeypatch.setattr(migrations, "read_holder", given_back_then)
    with Catalog.open(folder) as catalog:
        assert files_with(catalog, "run dog", Modality.IMAGE) == {1}
    assert holders == [migrations._UPGRADE]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (migrations._UPGRADE, "is being upgraded from an older format by process"),
        ("anyseek index", r"older format, and cannot be upgraded while .* \(anyseek index\)"),
    ],
)
def test_who_has_waited_long_enough_for_an_upgrade_is_told_to_try_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 0)
    with WriterLock(folder, command), pytest.raises(IndexLocked, match=said) as refused:
        Catalog.open(folder)
    assert "Try again when" in refused.value.hint
    assert "works meanwhile" not in refused.value.hint  # nothing does
    assert facts(folder) == ("4", 4, [])
    Catalog.open(folder).close()


def test_a_reindex_may_be_the_first_that_opens_it(folder: Path) -> None:
    """It takes the writer's lock for itself, and what brings a catalog forward takes it too."""
    with pytest.raises(RootUnavailable):  # its folder of media is gone
        reindex(folder, WordEmbedder(), options=IndexOptions(workers=1))
    assert facts(folder)[0] == "5"
