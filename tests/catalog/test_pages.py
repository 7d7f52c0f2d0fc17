"""Pages are read as SQLite reads them, with what the log holds; what cannot be there is a fault and no error."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from anyseek.catalog.pages import Pages, free_pages, rows, walk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of several levels, with records longer than a page, deleted ones, and a log that counts."""
    path = tmp_path / "live.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE plain (number INTEGER PRIMARY KEY, text TEXT, bytes BLOB, real REAL)")
    connection.execute(
        "CREATE TABLE keyed (text TEXT, number INTEGER, PRIMARY KEY (text, number)) WITHOUT ROWID"
    )
    luck = random.Random(0)
    for n in range(3000):
        text = "é" * luck.choice([0, 3, 40, 5000 if n % 100 == 0 else 5])
        values: list[Any] = [
            (n - 1500) << luck.randrange(50),
            text,
            luck.randbytes(luck.randrange(60)),
            n / 7,
        ]
        connection.execute("INSERT OR IGNORE INTO plain VALUES (?, ?, ?, ?)", values)
        connection.execute("INSERT OR IGNORE INTO keyed VALUES (?, ?)", [f"{n} {text}", n])
        if n == 2000:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("DELETE FROM plain WHERE abs(number) < 5000")
    copy = tmp_path / "copy.sqlite"
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{copy}{end}")
    connection.close()
    return copy


def read(path: Path) -> dict[str, list[Any]]:
    with Pages(path, Path(f"{path}-wal")) as pages:
        tables = {}
        schema = walk(pages, 1)
        for page in schema.pages:
            for _, (_, name, _, begin, _) in rows(pages, page, schema):
                tree = walk(pages, int(begin or 0))
                tables[str(name)] = [row for number in tree.pages for _, row in rows(pages, number, tree)]
                assert tree.faults == 0
        assert free_pages(pages).faults == 0
        return tables


@pytest.mark.thorough
def test_all_records_are_those_that_sqlite_reads(path: Path) -> None:
    tables = read(path)
    connection = sqlite3.connect(path)
    for name in ("plain", "keyed"):
        assert sorted(tables[name]) == sorted(connection.execute(f"SELECT * FROM {name}").fetchall())
        assert len(tables[name]) > 2500
    connection.close()


@pytest.mark.thorough
def test_a_log_whose_end_is_torn_counts_up_to_there_as_in_sqlite(path: Path) -> None:
    log = Path(f"{path}-wal")
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    tables = read(path)
    connection = sqlite3.connect(path)
    assert sorted(tables["keyed"]) == sorted(connection.execute("SELECT * FROM keyed").fetchall())
    connection.close()


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_faults_and_no_errors(path: Path, seed: int) -> None:
    luck = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(luck.choice([1, 100, 5000])):
        data[luck.randrange(len(data))] = luck.randrange(256)
    path.write_bytes(data[: luck.choice([len(data), len(data) // 2, 3, 0])])
    if seed % 2:
        Path(f"{path}-wal").unlink()
    with Pages(path, Path(f"{path}-wal")) as pages:
        for begin in range(pages.count + 2):
            tree = walk(pages, begin)
            for number in tree.pages:
                list(rows(pages, number, tree))
        free_pages(pages)


@pytest.mark.thorough
def test_a_hole_of_a_terabyte_costs_nothing(path: Path) -> None:
    with Pages(path, Path(f"{path}-wal")) as pages:
        before = list(pages.numbers())
        assert before == list(range(1, pages.count + 1))
    os.truncate(path, 1 << 40)
    with path.open("r+b") as file:
        file.seek((1 << 39) + 5)
        file.write(b"x")
    with Pages(path, Path(f"{path}-wal")) as pages:
        assert pages.count == (1 << 40) // pages.size
        numbers = list(pages.numbers())
        assert set(before) <= set(numbers)
        assert (1 << 39) // pages.size + 1 in numbers
        assert len(numbers) < len(before) + 100
        assert numbers == sorted(set(numbers))


@pytest.mark.thorough
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_where_the_system_does_not_tell_of_holes_all_pages_are_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "lseek", refuse)
    with Pages(path, Path(f"{path}-wal")) as pages:
        assert list(pages.numbers()) == list(range(1, pages.count + 1))
