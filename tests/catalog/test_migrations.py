"""Older formats come forward in one transaction; a step that fails leaves the index as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from indexes import contents, new_index

from anyseek.catalog import catalog as catalog_module
from anyseek.catalog import migrations
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.database import Database
from anyseek.catalog.schema import FORMAT, TABLES, WORDS
from anyseek.errors import IndexLocked, NewerFormat


def one(database: Database) -> None:
    database.run("ALTER TABLE files ADD COLUMN width INTEGER")


def two(database: Database) -> None:
    database.run("CREATE TABLE labels (file_id INTEGER, label TEXT)")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Anyseek two formats on."""
    monkeypatch.setattr(migrations, "FORMAT", FORMAT + 2)
    monkeypatch.setattr(catalog_module, "FORMAT", FORMAT + 2)
    monkeypatch.setattr(migrations, "STEPS", {FORMAT: one, FORMAT + 1: two})


def facts(folder: Path) -> tuple[str, list[str], set[str]]:
    connection = sqlite3.connect(folder / "catalog.sqlite")
    number = connection.execute("SELECT value FROM index_info WHERE name = 'format'").fetchone()[0]
    changes = [
        what for (what,) in connection.execute("SELECT what FROM changes") if what.startswith("format")
    ]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return number, changes, tables


@pytest.mark.usefixtures("later")
def test_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(catalog_module, "FORMAT", FORMAT)
        catalog, _ = new_index(tmp_path, 2)
        with catalog, catalog.read() as snapshot:
            before = contents(snapshot)
    for _ in range(2):
        with Catalog.open(catalog.folder) as again, again.read() as snapshot:
            assert contents(snapshot) == before
        number, changes, tables = facts(catalog.folder)
        assert number == str(FORMAT + 2)
        assert changes == [f"format {FORMAT} to {FORMAT + 1}", f"format {FORMAT + 1} to {FORMAT + 2}"]
        assert "labels" in tables


@pytest.mark.usefixtures("later")
def test_a_step_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(catalog_module, "FORMAT", FORMAT)
        new_index(tmp_path, 2)[0].close()
    folder = tmp_path / ".anyseek"
    before = facts(folder)

    def broken(database: Database) -> None:
        two(database)
        raise RuntimeError

    monkeypatch.setitem(migrations.STEPS, FORMAT + 1, broken)
    with pytest.raises(RuntimeError):
        Catalog.open(folder)
    assert facts(folder) == before
    monkeypatch.setitem(migrations.STEPS, FORMAT + 1, two)
    Catalog.open(folder).close()
    assert facts(folder)[0] == str(FORMAT + 2)


@pytest.mark.usefixtures("later")
def test_not_while_another_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(catalog_module, "FORMAT", FORMAT)
        catalog, _ = new_index(tmp_path, 2)
    with catalog, catalog.lock("anyseek index"), pytest.raises(IndexLocked):
        Catalog.open(catalog.folder)


def test_an_older_anyseek_refuses_a_newer_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "FORMAT", FORMAT + 1)
    new_index(tmp_path)[0].close()
    monkeypatch.undo()
    with pytest.raises(NewerFormat):
        Catalog.open(tmp_path / ".anyseek")


def test_every_older_format_has_its_step() -> None:
    assert sorted(migrations.STEPS) == list(range(1, FORMAT))


def test_the_tables_are_those_of_this_format() -> None:
    """Changing a table is a new format: give it a number and a step, then put its checksum here."""
    import zlib

    text = " ".join([*TABLES.split(), *" ".join(WORDS).split()])
    assert (FORMAT, zlib.crc32(text.encode())) == (3, 429802274)


def test_an_index_of_format_1_gains_searchable_names(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    catalog.close()
    connection = sqlite3.connect(catalog.folder / "catalog.sqlite")
    for kind, name in connection.execute(
        "SELECT type, name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        connection.execute(f"DROP {kind} {name}")
    for name in ("tags", "file_words", "passages"):
        connection.execute(f"DROP TABLE {name}")
    connection.execute("ALTER TABLE segments DROP COLUMN crc")
    connection.execute("UPDATE index_info SET value = '1' WHERE name = 'format'")
    connection.commit()
    connection.close()
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        names = {record.path for record in snapshot.files()}
        assert {path for (path,) in snapshot.database.rows("SELECT path FROM file_words")} == names
        assert len(names) == 2
    assert check(catalog.folder) == []  # every segment has its checksum
    with again.begin() as writer:
        writer.delete([1])
    assert facts(catalog.folder)[0] == str(FORMAT)
