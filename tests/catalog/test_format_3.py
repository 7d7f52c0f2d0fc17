"""An index of format 3, whose folds and words were made by other rules, comes forward with all that people made."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from pathlib import Path

import pytest
from indexes import hash_of, new_index, put, seen, unit_rows

from anyseek.catalog import catalog as catalog_module
from anyseek.catalog import creation, migrations, sql_functions, tag_records, tags
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.database import CATALOG_NAME
from anyseek.catalog.repair import repair
from anyseek.contracts import Filter, Modality, Span
from anyseek.errors import IndexDamaged, ReadOnlyIndex
from anyseek.filters.expressions import Comparison
from anyseek.tokens import phrase


def facts(folder: Path) -> tuple[str, list[str]]:
    """The number of its format, and what it was brought forward by."""
    connection = sqlite3.connect(folder / CATALOG_NAME)
    (number,) = connection.execute("SELECT value FROM index_info WHERE name = 'format'").fetchone()
    changes = [what for (what,) in connection.execute("SELECT what FROM changes WHERE what LIKE 'format%'")]
    connection.close()
    return number, changes


def folded_of_3(text: str) -> str:
    """Dots of i counted."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def tokens_of_3(text: str) -> str:
    """Emoji were no words."""
    return " ".join(re.findall(r"\w+", folded_of_3(text)))


CAPTION = "A cake 🎂 in İzmir"


@pytest.fixture
def of_format_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Made with the folds and the words of format 3. Of its files, the third is gone, with tags."""
    with monkeypatch.context() as patch:
        for module in (creation, catalog_module, migrations):
            patch.setattr(module, "FORMAT", 3)
        for module in (sql_functions, tags, tag_records):
            patch.setattr(module, "folded", folded_of_3)
        patch.setattr(sql_functions, "word_tokens", tokens_of_3)
        catalog, space = new_index(tmp_path)
        with catalog, catalog.begin() as writer:
            for i, path in enumerate(("ISPARTA/Işık 🎉.jpg", "plain.jpg", "gone.jpg")):
                put(writer, space, path, unit_rows(1, i))
            number = writer.put_file(seen("cake.txt"), hash_of("cake.txt"), Modality.TEXT)
            writer.add_segments(
                number, space, Modality.TEXT, [(Span(), "A cake")], unit_rows(1, 9), [CAPTION]
            )
            writer.database.run("UPDATE file_words SET caption = ? WHERE file_id = 2", [CAPTION])
        with catalog:
            for name, path in (
                ("Işık", "ISPARTA"),
                ("IŞIK", "ISPARTA"),
                ("ısparta", "plain.jpg"),
                ("Holiday", "plain.jpg"),
                ("Sınıf", "gone.jpg"),
                ("sinif", "gone.jpg"),
            ):
                assert tags.tag(catalog, [tmp_path / path], name) == 1
            with catalog.begin() as writer:
                writer.delete([3])
    assert facts(catalog.folder) == ("3", [])
    return catalog


def files_where(catalog: Catalog, field: str, value: str) -> set[str]:
    with catalog.read() as snapshot:
        space = snapshot.spaces()[0].space_id
        rows = snapshot.allowed_rows(space, Filter(where=Comparison(field, "=", value)))
        assert rows is not None
        return {snapshot.file(segment.file_id).path for segment, _ in snapshot.hits_for_rows(space, rows)}


def with_words(catalog: Catalog, words: str) -> tuple[list[int], list[int]]:
    """Numbers of files by name or caption, numbers of passages."""
    with catalog.read() as snapshot:
        files, passages = (
            [
                number
                for (number,) in snapshot.database.rows(
                    f"SELECT rowid FROM {table} WHERE {table} MATCH ?", [phrase(words)]
                )
            ]
            for table in ("file_index", "passage_index")
        )
        return files, passages


def test_an_index_of_format_3_answers_by_the_folds_and_words_of_now(of_format_3: Catalog) -> None:
    with Catalog.open(of_format_3.folder) as catalog:
        for name in ("IŞIK 🎉.jpg", "işik 🎉.JPG"):
            assert files_where(catalog, "name", name) == {"ISPARTA/Işık 🎉.jpg"}
        assert files_where(catalog, "folder", "ısparta") == {"ISPARTA/Işık 🎉.jpg"}
        assert files_where(catalog, "tag", "ISPARTA") == {"plain.jpg"}
        assert with_words(catalog, "🎉") == ([1], [])
        assert with_words(catalog, "🎂") == with_words(catalog, "izmir") == ([2], [4])
        with catalog.read() as snapshot:
            assert snapshot.text_of(4) == CAPTION
    assert check(of_format_3.folder) == []
    assert facts(of_format_3.folder) == ("5", ["format 3 to 4", "format 4 to 5"])


def test_tags_of_format_3_that_are_alike_now_are_one_and_no_other_is_lost(of_format_3: Catalog) -> None:
    with Catalog.open(of_format_3.folder) as catalog:
        with catalog.read() as snapshot:
            assert tags.counts(snapshot) == {"Holiday": 1, "IŞIK": 1, "ısparta": 1}
            assert {record.tags for record in tags.Tags(catalog).kept()} == {("sinif",)}
        with catalog.begin() as writer:  # what was gone comes again
            put(writer, 1, "elsewhere.jpg", unit_rows(1), content_hash=hash_of("gone.jpg"))
        assert files_where(catalog, "tag", "SINIF") == {"elsewhere.jpg"}


@pytest.mark.parametrize("header", [3, 0], ids=["said-again", "said-once"])
def test_an_index_of_format_3_that_lost_its_number_is_brought_forward_by_its_repair(
    of_format_3: Catalog, header: int
) -> None:
    connection = sqlite3.connect(of_format_3.folder / CATALOG_NAME)
    connection.execute("DELETE FROM index_info WHERE name = 'format'")
    connection.execute(f"PRAGMA user_version = {header}")
    connection.commit()
    connection.close()
    findings = check(of_format_3.folder)
    assert [finding.code for finding in findings] == ["format-damaged"]
    assert [finding.code for finding in repair(of_format_3.folder, findings)] == ["format-damaged"]
    with Catalog.open(of_format_3.folder) as catalog:
        assert files_where(catalog, "tag", "ISPARTA") == {"plain.jpg"}
        assert with_words(catalog, "🎉") == ([1], [])


def test_another_number_than_the_header_says_is_damage(of_format_3: Catalog) -> None:
    connection = sqlite3.connect(of_format_3.folder / CATALOG_NAME)
    connection.execute("UPDATE index_info SET value = '2' WHERE name = 'format'")
    connection.commit()
    connection.close()
    with pytest.raises(IndexDamaged, match="which format"):
        Catalog.open(of_format_3.folder)
    repair(of_format_3.folder, check(of_format_3.folder))
    with Catalog.open(of_format_3.folder) as catalog:
        assert files_where(catalog, "tag", "ISPARTA") == {"plain.jpg"}


def test_a_damaged_tag_of_format_3_waits_for_its_repair(of_format_3: Catalog) -> None:
    """Its text and its fold together say what it was."""
    connection = sqlite3.connect(of_format_3.folder / CATALOG_NAME)
    connection.execute("UPDATE tags SET tag = 'Hol?day' WHERE tag = 'Holiday'")
    connection.commit()
    connection.close()
    Catalog.open(of_format_3.folder).close()
    findings = check(of_format_3.folder)
    assert [finding.code for finding in findings] == ["tags-damaged"]
    repair(of_format_3.folder, findings)
    with Catalog.open(of_format_3.folder) as catalog:
        assert files_where(catalog, "tag", "holiday") == {"plain.jpg"}


def test_an_index_of_format_3_that_may_not_be_written_says_so(
    of_format_3: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyseek.catalog.database.os.access", lambda path, mode: False)
    with pytest.raises(ReadOnlyIndex, match="cannot be written"):
        Catalog.open(of_format_3.folder)
    monkeypatch.undo()
    assert facts(of_format_3.folder) == ("3", [])
