"""Older formats come forward in one transaction; a step that fails leaves the index as it was."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from pathlib import Path

import pytest
from indexes import contents, hash_of, new_index, put, seen, unit_rows

from anyseek.catalog import catalog as catalog_module
from anyseek.catalog import creation, migrations, tags
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.database import Database
from anyseek.catalog.repair import repair
from anyseek.catalog.schema import FORMAT, KEPT, TABLES, WORDS
from anyseek.contracts import Modality, Span
from anyseek.errors import IndexLocked, NewerFormat
from anyseek.folding import folded
from anyseek.stems import stem
from anyseek.tokens import name_tokens, word_tokens


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
    monkeypatch.setattr(creation, "FORMAT", FORMAT + 1)
    monkeypatch.setattr(migrations, "FORMAT", FORMAT + 1)
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

    text = " ".join([*TABLES.split(), *" ".join([*KEPT, *WORDS]).split()])
    assert (FORMAT, zlib.crc32(text.encode())) == (5, 2729312103)


# Of Unicode 3.2: what becomes of these is the same in every Python.
ALL_LETTERS = "".join(
    chr(code)
    for code in range(0x10000)
    if unicodedata.ucd_3_2_0.category(chr(code))[0] == "L" and unicodedata.category(chr(code))[0] == "L"
)
MANY_SIGNS = (
    "A_b ÉTÉ İIıi ẞß ﬁ Ｗ2 狐狸が สุนัข ខ្ញុំ\u200bស ﺏ كِتَــابٌ أ שׁ ё й 🎂🎉 🇩🇪🇫🇷 ❤\ufe0f"
    " 👩\u200d🍳 Lego™ co\u00adop ★ ꨀꨔ 1\u20e3 I\u0328\u0307"
)


MANY_NAMES = (
    "IMG_2041.jpg IMG2041.JPG DSC01234.jpg B4711 TripToRome2019 a3f9b2c1d4 song.mp3 HTMLParser IMG-0041(2)"
    " WhatsApp été2019 重跑gen3后 007 000 ABC12"
).split()

ENDINGS = (
    "s ies ed ing ational ization ator ousness aliti bli icate ful ness able ement ion ize hop fall rate sky"
).split()


def test_folds_and_words_are_those_of_this_format() -> None:
    """Else an index would not have under a word what it is asked for by: a change of them is a new format. Give it a
    number and a step, then put the checksums here."""
    import zlib

    folds = zlib.crc32(" ".join(map(folded, [*ALL_LETTERS, MANY_SIGNS])).encode())
    words = zlib.crc32(word_tokens(f"{ALL_LETTERS} {' '.join(ALL_LETTERS)} {MANY_SIGNS}").encode())
    stems = zlib.crc32(
        " ".join(stem(f"{a}{b}{c}") for a in ENDINGS for b in ENDINGS for c in ENDINGS).encode()
    )
    assert (FORMAT, folds, words, stems) == (5, 2099509823, 3950589624, 1579636799)
    names = zlib.crc32(" ".join(map(name_tokens, [ALL_LETTERS, MANY_SIGNS, *MANY_NAMES])).encode())
    assert (FORMAT, names) == (5, 288689703)


def without_words(folder: Path, number: int) -> sqlite3.Connection:
    """The catalog without what came after format 1."""
    connection = sqlite3.connect(folder / "catalog.sqlite")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    later = set(re.findall(r"CREATE (?:VIRTUAL )?TABLE (\w+)", " ".join([*KEPT, *WORDS])))
    for name in sorted(later):
        connection.execute(f"DROP TABLE {name}")
    connection.execute("ALTER TABLE segments DROP COLUMN crc")
    connection.execute("UPDATE index_info SET value = ? WHERE name = 'format'", [str(number)])
    return connection


def test_words_names_and_tags_of_format_2_come_forward_without_reading_files(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    catalog.close()
    connection = without_words(catalog.folder, 2)
    for statement in migrations._WORDS_OF_2:
        connection.execute(statement)
    (first, path), (second, _) = connection.execute("SELECT file_id, path FROM files ORDER BY file_id")
    segment_ids = [
        one for (one,) in connection.execute("SELECT segment_id FROM segments ORDER BY segment_id")
    ]
    connection.execute("UPDATE files SET path = ? WHERE file_id = ?", ["ÉTÉ/Größe.TXT".encode(), first])
    connection.execute(
        "INSERT INTO file_words (rowid, path, caption) VALUES (?, 'ÉTÉ/Größe.TXT', 'Ein Hund 狐狸')", [first]
    )
    connection.execute("INSERT INTO passages (rowid, text) VALUES (?, '红色的狐狸, whole')", [segment_ids[0]])
    connection.execute("INSERT INTO tags (tag, file_id) VALUES ('Été', ?), ('old', ?)", [first, second])
    connection.commit()
    connection.close()
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        database = snapshot.database
        assert snapshot.text_of(segment_ids[0]) == "红色的狐狸, whole"
        assert database.first("SELECT path, name, caption FROM file_words WHERE file_id = ?", [first]) == (
            "été/grösse.txt",
            "grösse.txt",
            "Ein Hund 狐狸",
        )
        for index, words, expected in (
            ("passage_index", '"狐狸"', segment_ids[0]),
            ("file_index", '"狐狸"', first),
            ("file_index", '"grosse"', first),
        ):
            assert list(database.rows(f"SELECT rowid FROM {index} WHERE {index} MATCH ?", [words])) == [
                (expected,)
            ]
        assert tags.counts(snapshot) == {"old": 1, "Été": 1}
        assert {name for name in facts(catalog.folder)[2] if name.endswith("_of_2")} == set()
    assert path


def test_an_index_of_format_2_keeps_its_tags(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 3)
    catalog.close()
    connection = without_words(catalog.folder, 2)
    for statement in migrations._WORDS_OF_2:
        connection.execute(statement)
    tagged = [("Ferien", 1), ("École", 1), ("école", 1), ("école", 2)]
    connection.executemany("INSERT INTO tags (tag, file_id) VALUES (?, ?)", tagged)
    connection.commit()
    connection.close()
    with Catalog.open(catalog.folder) as again:
        with again.read() as snapshot:
            assert tags.counts(snapshot) == {"Ferien": 1, "École": 2}
        with again.begin() as writer:
            writer.delete([1, 2, 3])
        with again.begin() as writer:
            put(writer, 1, "elsewhere", unit_rows(1), content_hash=hash_of("a0"))
        with again.read() as snapshot:
            assert tags.counts(snapshot) == {"Ferien": 1, "École": 1}
            assert snapshot.database.first("SELECT count(*) FROM file_words") == (1,)


@pytest.mark.parametrize("number", [1, 2])
def test_a_damaged_index_of_an_older_format_lacks_no_table_that_it_never_had(
    tmp_path: Path, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    catalog, _ = new_index(tmp_path, 3)
    catalog.close()
    connection = without_words(catalog.folder, number)
    connection.execute("PRAGMA user_version = 0")  # which came with format 3
    if number == 2:
        for statement in migrations._WORDS_OF_2:
            connection.execute(statement)
        connection.execute("INSERT INTO tags (tag, file_id) VALUES ('Ferien', 1)")
    connection.commit()
    connection.execute("VACUUM")  # no deleted schema is left
    connection.close()
    path = catalog.folder / "catalog.sqlite"
    data = path.read_bytes()
    path.write_bytes(bytes(16) + data[16:])
    kept = tags.saved(catalog.folder)
    assert (len(kept.lines), kept.shortage) == (number - 1, "")
    repair(catalog.folder, check(catalog.folder))
    assert "Tags may be missing" not in caplog.text
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        assert tags.counts(snapshot) == ({"Ferien": 1} if number == 2 else {})


def test_a_damaged_index_that_has_lost_its_table_of_kept_tags_says_so(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 3)
    catalog.close()
    path = catalog.folder / "catalog.sqlite"
    data = path.read_bytes()
    path.write_bytes(bytes(16) + data[16:].replace(b"kept_tags", b"kept_togs"))
    assert "kept_tags" in tags.saved(catalog.folder).shortage


def test_an_index_of_format_1_gains_searchable_names(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    catalog.close()
    connection = without_words(catalog.folder, 1)
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


def test_a_healthy_index_of_format_2_is_healthy_afterwards(tmp_path: Path) -> None:
    """Each segment gets the checksum of its own text."""
    catalog, space = new_index(tmp_path, 3)
    with catalog.begin() as writer:
        for i in range(3):
            number = writer.put_file(seen(f"{i}.txt"), hash_of(f"{i}.txt"), Modality.TEXT)
            writer.add_segments(
                number, space, Modality.TEXT, [(Span(), f"text {i}")], unit_rows(1, i), [f"text {i}, whole"]
            )
    with catalog.read() as snapshot:
        passages = list(snapshot.database.rows("SELECT segment_id, text FROM passages"))
        names = list(snapshot.database.rows("SELECT file_id, CAST(path AS TEXT) FROM files"))
    catalog.close()
    connection = without_words(catalog.folder, 2)
    for statement in migrations._WORDS_OF_2:
        connection.execute(statement)
    connection.executemany("INSERT INTO passages (rowid, text) VALUES (?, ?)", passages)
    connection.executemany("INSERT INTO file_words (rowid, path, caption) VALUES (?, ?, '')", names)
    connection.commit()
    connection.close()
    assert check(catalog.folder) == []
