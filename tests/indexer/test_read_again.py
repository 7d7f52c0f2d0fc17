"""After a repair the next run reads what was lost, and what people gave a file stays with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from folders import Indexed
from indexes import sql

from anyseek.catalog import tags
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.file_facts import tags_of
from anyseek.contracts import FileState
from anyseek.errors import IndexDamaged
from anyseek.library.doctor import check_all

NAMES = ("a.txt", "b.txt", "c.txt")


@pytest.fixture
def tagged(made: Indexed) -> Indexed:
    """Three indexed texts that have a tag."""
    for name in NAMES:
        (made.folder / name).write_text(f"rain in {name}")
    made.run()
    tags.tag(made.catalog, [made.folder], "holiday")
    return made


def codes(made: Indexed, *, repair: bool = False) -> list[str]:
    return [finding.code for finding in check_all(made.catalog.folder, repair=repair)]


def file_ids(made: Indexed) -> dict[bytes, int]:
    connection = sqlite3.connect(made.catalog.folder / "catalog.sqlite")
    ids = dict(connection.execute("SELECT path, file_id FROM files").fetchall())
    connection.close()
    return ids


def n_tagged(made: Indexed) -> dict[str, int]:
    with made.catalog.read() as snapshot:
        return tags.counts(snapshot)


def flip(path: Path, text: bytes, bit: int) -> int:
    """One bit of each place where `text` stands; how many."""
    data = bytearray(path.read_bytes())
    count = start = 0
    while (start := data.find(text, start)) >= 0:
        data[start] ^= 1 << bit
        start, count = start + 1, count + 1
    path.write_bytes(data)
    return count


def assert_repaired(made: Indexed, *lost: str) -> None:
    """Repairs, keeps every record and tag, and reads again what was lost and nothing else."""
    before = file_ids(made)
    assert codes(made, repair=True) == []
    assert file_ids(made) == before
    assert n_tagged(made) == {"holiday": 3}
    assert sorted(
        path for path, record in made.records.items() if record.state is FileState.FAILED
    ) == sorted(lost)
    assert made.run().embedded == len(lost)
    assert file_ids(made) == before
    assert n_tagged(made) == {"holiday": 3}
    assert sorted(made.searchable) == sorted(NAMES)
    assert codes(made) == []


@pytest.mark.parametrize("kind", ["a flipped bit", "zeros", "another one"])
def test_a_damaged_vector_costs_no_tag(tagged: Indexed, kind: str) -> None:
    path = tagged.catalog.folder / "vectors/1.0.f16"
    data = bytearray(path.read_bytes())
    n_bytes = 2 * tagged.embedder.card.dim
    if kind == "a flipped bit":
        data[1] ^= 0x10
    elif kind == "zeros":
        data[:n_bytes] = bytes(n_bytes)
    else:
        other = np.arange(1, n_bytes // 2 + 1, dtype=np.float32)
        data[:n_bytes] = (other / np.linalg.norm(other)).astype(np.float16).tobytes()
    path.write_bytes(data)
    assert codes(tagged) == ["vectors-damaged"]
    assert_repaired(tagged, "a.txt")


def test_vectors_that_are_gone_cost_no_tag(tagged: Indexed) -> None:
    shutil.rmtree(tagged.catalog.folder / "vectors")
    assert codes(tagged) == ["vectors-cut-off"]
    assert_repaired(tagged, *NAMES)


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_flipped_bit_in_a_text_is_found_and_read_again(tagged: Indexed, bit: int) -> None:
    """Also where it is another letter, which only the checksum tells."""
    tagged.catalog.close()
    assert flip(tagged.catalog.folder / "catalog.sqlite", b"rain in b", bit)
    assert "segments-damaged" in codes(tagged)
    assert_repaired(tagged, "b.txt")


def test_a_file_without_segments_is_found_and_read_again(tagged: Indexed) -> None:
    """Without them it passes for indexed, and for unchanged in every run."""
    where = "(SELECT segment_id FROM segments JOIN files USING (file_id) WHERE path = CAST('b.txt' AS BLOB))"
    sql(
        tagged.catalog.folder,
        f"DELETE FROM embeddings WHERE segment_id IN {where}",
        f"DELETE FROM segments WHERE segment_id IN {where}",
        "UPDATE spaces SET live = live - 1",
    )
    assert codes(tagged) == ["files-without-segments"]
    assert_repaired(tagged, "b.txt")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("size", "-1"),
        ("size", "'x'"),
        ("mtime_ns", "'soon'"),
        ("modality", "'imagd'"),
        ("modality", "x'ff'"),
        ("state", "'okay'"),
        ("state", "'failed'"),
        ("content_hash", "x'00'"),
        ("content_hash", "'text'"),
        ("problem_code", "CAST(x'ff' AS TEXT)"),
    ],
)
def test_a_value_that_no_file_has_is_found_and_read_again(tagged: Indexed, column: str, value: str) -> None:
    sql(tagged.catalog.folder, f"UPDATE files SET {column} = {value} WHERE path = CAST('b.txt' AS BLOB)")
    assert codes(tagged)
    assert_repaired(tagged, "b.txt")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("start", "9e999"),
        ("start", "end + 1"),
        ("start", "start - 1"),
        ("end", "'late'"),
        ("unit", "'miles'"),
        ("modality", "'texts'"),
        ("excerpt", "CAST(x'ff' AS TEXT)"),
        ("excerpt", "'another text'"),
        ("excerpt", "x'00'"),
    ],
)
def test_a_value_that_no_segment_has_is_found_and_read_again(
    tagged: Indexed, column: str, value: str
) -> None:
    where = "file_id = (SELECT file_id FROM files WHERE path = CAST('b.txt' AS BLOB))"
    sql(tagged.catalog.folder, f"UPDATE segments SET {column} = {value} WHERE {where}")
    assert "segments-damaged" in codes(tagged)
    assert_repaired(tagged, "b.txt")


def test_a_path_that_no_file_has_comes_back_by_its_content(tagged: Indexed) -> None:
    """The record is that of the file of this content: its tags too."""
    sql(tagged.catalog.folder, "UPDATE files SET path = x'2F00' WHERE path = CAST('b.txt' AS BLOB)")
    assert codes(tagged) == ["records-damaged"]
    assert codes(tagged, repair=True) == []
    tagged.run()
    assert sorted(tagged.searchable) == sorted(NAMES)
    assert n_tagged(tagged) == {"holiday": 3}
    assert codes(tagged) == []


@pytest.mark.parametrize("is_copied", [False, True])
def test_a_file_moved_before_it_is_read_again_keeps_its_tags(tagged: Indexed, is_copied: bool) -> None:
    shutil.rmtree(tagged.catalog.folder / "vectors")
    assert codes(tagged, repair=True) == []
    if is_copied:  # whose record is not the old file's
        shutil.copy(tagged.folder / "b.txt", tagged.folder / "a-copy.txt")
    (tagged.folder / "b.txt").rename(tagged.folder / "moved.txt")
    os.utime(tagged.folder / "c.txt", (1, 1))  # touched: its hash alone must not settle it
    tagged.run()
    assert sorted(tagged.searchable) == sorted(
        ["a.txt", "c.txt", "moved.txt", *(["a-copy.txt"] if is_copied else [])]
    )
    assert n_tagged(tagged)["holiday"] >= 3
    assert codes(tagged) == []


def test_the_index_says_what_is_to_be_read_again(tagged: Indexed) -> None:
    shutil.rmtree(tagged.catalog.folder / "vectors")
    codes(tagged, repair=True)
    with tagged.catalog.read() as snapshot:
        assert snapshot.counts().problems_by_code == {"read-again": 3}
        assert "anyseek index" in next(iter(snapshot.problems())).problem.reason  # type: ignore[union-attr]


def test_settings_runs_and_tags_that_cannot_be_read_stop_nothing(tagged: Indexed) -> None:
    with tagged.catalog.begin() as writer:
        writer.set_setting("depth_unit", 0.001)
    sql(
        tagged.catalog.folder,
        "UPDATE index_info SET value = '{\"a\": ' WHERE name = 'setting:depth_unit'",
        "UPDATE runs SET report = '{'",
        "UPDATE tags SET tag = CAST(x'686fff' AS TEXT) WHERE file_id = 1",
    )
    assert set(codes(tagged)) == {"settings-damaged", "runs-damaged", "tags-damaged"}
    assert codes(tagged, repair=True) == []
    assert n_tagged(tagged)["ho\N{REPLACEMENT CHARACTER}"] == 1  # what can be read of it stays
    tagged.run()
    with tagged.catalog.read() as snapshot:
        assert "depth_unit" not in snapshot.settings()


def test_damage_in_the_index_of_words_is_found_and_made_again(tagged: Indexed) -> None:
    connection = sqlite3.connect(tagged.catalog.folder / "catalog.sqlite")
    (table,) = next(
        connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'passage%data' AND type = 'table'")
    )
    connection.execute(f"DELETE FROM {table} WHERE id > 10")
    connection.commit()
    connection.close()
    assert codes(tagged) == ["words-damaged"]
    assert codes(tagged, repair=True) == []
    assert n_tagged(tagged) == {"holiday": 3}


def test_a_tag_stays_at_its_place_when_the_file_was_copied_and_then_changed(tagged: Indexed) -> None:
    shutil.copy(tagged.folder / "a.txt", tagged.folder / "a-original.txt")
    (tagged.folder / "a.txt").write_text("now about something else altogether")
    tagged.run()
    with tagged.catalog.read() as snapshot:
        record, copy = snapshot.file_at(0, "a.txt"), snapshot.file_at(0, "a-original.txt")
        assert record is not None
        assert copy is not None
        assert tags_of(snapshot, record.file_id) == ["holiday"]
        assert tags_of(snapshot, copy.file_id) == []


def test_a_tag_goes_with_the_file_that_was_moved_though_another_took_its_place(tagged: Indexed) -> None:
    (tagged.folder / "a.txt").rename(tagged.folder / "moved.txt")
    (tagged.folder / "a.txt").write_text("another one")
    tagged.run()
    with tagged.catalog.read() as snapshot:
        moved = snapshot.file_at(0, "moved.txt")
        assert moved is not None
        assert tags_of(snapshot, moved.file_id) == ["holiday"]


def test_vectors_under_the_number_of_another_generation_are_taken_and_not_deleted(tagged: Indexed) -> None:
    before = tagged.searchable
    sql(tagged.catalog.folder, "UPDATE spaces SET generation = generation + 1")
    assert set(codes(tagged)) == {"vectors-cut-off", "unused-files"}
    codes(tagged, repair=True)
    assert codes(tagged) == []
    assert tagged.searchable == before
    assert tagged.run().embedded == 0


def test_a_vector_file_of_no_space_is_not_deleted_while_vectors_are_missing(tagged: Indexed) -> None:
    folder = tagged.catalog.folder / "vectors"
    (vectors,) = folder.glob("*.f16")
    other = folder / f"9{vectors.name}"
    vectors.rename(other)
    codes(tagged, repair=True)
    assert other.exists() or codes(tagged) == []


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE file_words SET path = 'other'"],
        ["UPDATE file_words SET name = 'other' WHERE file_id = 2"],
        ["UPDATE file_index SET name = 'other' WHERE rowid = 1"],
        ["DELETE FROM file_index"],
        ["INSERT INTO file_index (rowid, name, caption) VALUES (99, 'a', '')"],
        ["UPDATE passage_index SET text = 'other' WHERE rowid = 1"],
        ["DELETE FROM passage_index WHERE rowid = 2"],
        ["INSERT INTO file_words (file_id, path, name) VALUES (99, 'a', 'a')"],
    ],
)
def test_words_that_are_not_those_of_names_and_texts_are_made_again(
    tagged: Indexed, statements: list[str]
) -> None:
    with tagged.catalog.begin() as writer:
        writer.set_caption(3, "a caption")
    before = all_words(tagged)
    sql(tagged.catalog.folder, *statements)
    assert codes(tagged) == ["words-damaged"]
    assert codes(tagged, repair=True) == []
    assert all_words(tagged) == before
    assert sorted(tagged.searchable) == sorted(NAMES)


def test_words_are_made_again_beside_a_path_that_is_not_even_a_text(tagged: Indexed) -> None:
    connection = sqlite3.connect(tagged.catalog.folder / "catalog.sqlite")
    ((trigger,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'files_renamed'")
    connection.close()
    sql(
        tagged.catalog.folder,
        "DROP TRIGGER files_renamed",
        "UPDATE files SET path = CAST(x'ff41' AS TEXT) WHERE file_id = 1",
        trigger,
        "DELETE FROM file_index WHERE rowid = 2",
    )
    assert "words-damaged" in codes(tagged)
    codes(tagged, repair=True)
    assert codes(tagged) == []
    tagged.run()
    assert sorted(tagged.searchable) == sorted(NAMES)
    assert n_tagged(tagged) == {"holiday": 3}


def all_words(made: Indexed) -> list[list[object]]:
    tables = ("file_words", "file_index", "passage_index")
    with made.catalog.read() as snapshot:
        return [sorted(snapshot.database.rows(f"SELECT rowid, * FROM {table}")) for table in tables]


@pytest.mark.parametrize("table", ["file_words", "file_index"])
def test_a_caption_unlike_its_words_is_read_again_from_its_file(tagged: Indexed, table: str) -> None:
    """Whichever of the two is damaged: words made of a damaged caption would stay."""
    before = all_words(tagged)
    connection = sqlite3.connect(tagged.catalog.folder / "catalog.sqlite")
    ((trigger,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'file_words_changed'")
    connection.close()
    sql(
        tagged.catalog.folder,
        "DROP TRIGGER file_words_changed",
        f"UPDATE {table} SET caption = 'other' WHERE rowid = 2",
        trigger,
    )
    assert codes(tagged) == ["words-damaged", "segments-damaged"]
    assert_repaired(tagged, "b.txt")
    assert all_words(tagged)[:2] == before[:2]


def test_a_file_whose_words_are_gone_is_read_again_for_its_caption(tagged: Indexed) -> None:
    before = all_words(tagged)
    sql(tagged.catalog.folder, "DELETE FROM file_words WHERE file_id = 2")
    assert codes(tagged) == ["words-damaged", "segments-damaged"]
    assert_repaired(tagged, "b.txt")
    assert all_words(tagged)[:2] == before[:2]


@pytest.mark.parametrize(
    "change",
    [
        "tag = CAST(x'686fff' AS TEXT)",
        "folded = 'other'",
        "folded = CAST(x'ff' AS TEXT)",
        "place = 'text'",
        "place = x'2f00'",
        "content_hash = 'text'",
        "content_hash = zeroblob(33)",
    ],
)
def test_kept_tags_that_cannot_be_read_are_found_and_saved(
    tagged: Indexed, tmp_path: Path, change: str
) -> None:
    (tagged.folder / "b.txt").unlink()
    tagged.run()
    sql(tagged.catalog.folder, f"UPDATE kept_tags SET {change}")
    assert codes(tagged) == ["tags-damaged"]
    assert codes(tagged, repair=True) == []
    lines = list(tags.Tags(tagged.catalog).lines())
    assert len(lines) == 3
    assert b'"ho' in lines[-1]
    assert tags.Tags(tagged.catalog).import_lines(lines).lines == 3


@pytest.mark.thorough
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE roots SET path = CAST(path AS TEXT)",
        "UPDATE roots SET path = x'00'",
        "UPDATE roots SET relative = 'text'",
        "UPDATE roots SET relative = 7",
        "UPDATE folders SET inode = 'x'",
        "UPDATE folders SET is_mount = 'x'",
        "UPDATE folders SET path = CAST(path AS TEXT)",
    ],
)
def test_a_place_that_no_folder_has_is_found_and_costs_nothing(tagged: Indexed, statement: str) -> None:
    (tagged.folder / "below").mkdir()
    (tagged.folder / "below/d.txt").write_text("rain in d")
    tagged.run()
    before = file_ids(tagged)
    sql(tagged.catalog.folder, statement)
    assert codes(tagged) == ["places-damaged"]
    assert codes(tagged, repair=True) == []
    tagged.run()
    assert file_ids(tagged) == before
    assert n_tagged(tagged) == {"holiday": 3}
    assert codes(tagged) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE roots SET path = CAST(path AS TEXT)",
        "UPDATE folders SET inode = 'x'",
        "INSERT INTO index_info VALUES ('setting:trusted_before_ns', '7') ON CONFLICT DO UPDATE SET value = '7'",
        "INSERT INTO index_info VALUES ('setting:unread', '{}')",
        "INSERT INTO index_info VALUES ('setting:depth_unit', '\"x\"')",
    ],
)
def test_a_run_over_damaged_facts_says_that_they_are_damaged(tagged: Indexed, statement: str) -> None:
    (tagged.folder / "below").mkdir()
    (tagged.folder / "below/d.txt").write_text("rain in d")
    tagged.run()
    sql(tagged.catalog.folder, statement)
    with pytest.raises(IndexDamaged) as raised:
        tagged.run()
    assert "doctor --repair" in raised.value.hint


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_before_ns", [1]),
        ("trusted_before_ns", {"a": 1}),
        ("trusted_before_ns", {"0": "x"}),
        ("unread", 7),
        ("unread", [["a", 1]]),
        ("unread", [[0, "no hexadecimal", "No permission"]]),
        ("depth_unit", "x"),
        ("depth_unit", -1),
        ("store", [1]),
        ("store", {"name": "faiss", "faiss": 7}),
        ("exchanged", 7),
    ],
)
def test_a_setting_of_another_shape_is_found_and_forgotten(tagged: Indexed, name: str, value: object) -> None:
    with tagged.catalog.begin() as writer:
        writer.set_setting(name, value)
    assert "settings-wrong" in codes(tagged)
    assert codes(tagged, repair=True) == []
    tagged.run()
    assert sorted(tagged.searchable) == sorted(NAMES)


@pytest.mark.thorough
@pytest.mark.parametrize("value", ["soon", "inf", "-1", "17x"])
def test_an_index_that_does_not_know_when_it_was_made(tagged: Indexed, value: str) -> None:
    sql(tagged.catalog.folder, f"UPDATE index_info SET value = '{value}' WHERE name = 'created'")
    if value != "-1":
        with tagged.catalog.read() as snapshot, pytest.raises(IndexDamaged, match="when the index was made"):
            _ = snapshot.index_id
    assert codes(tagged) == ["creation-damaged"]
    assert codes(tagged, repair=True) == []
    with tagged.catalog.read() as snapshot:
        assert int(snapshot.index_id, 16) > 0


def test_a_report_that_is_json_and_no_report_is_found(tagged: Indexed) -> None:
    sql(tagged.catalog.folder, "UPDATE runs SET report = '[]'")
    assert codes(tagged) == ["runs-damaged"]
    assert codes(tagged, repair=True) == []
    with tagged.catalog.read() as snapshot:
        assert snapshot.last_run() is None


@pytest.mark.thorough
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE index_info SET value = 'three' WHERE name = 'format'",
        "UPDATE index_info SET value = CAST(x'ff' AS TEXT) WHERE name = 'format'",
        "UPDATE index_info SET name = 'gormat' WHERE name = 'format'",
    ],
)
def test_a_catalog_without_its_format_is_known_by_its_tables(tagged: Indexed, statement: str) -> None:
    sql(tagged.catalog.folder, statement)
    tagged.catalog.close()
    with pytest.raises(IndexDamaged) as raised:
        Catalog.open(tagged.catalog.folder)
    assert "doctor --repair" in raised.value.hint
    assert codes(tagged) == ["format-damaged"]
    assert codes(tagged, repair=True) == []
    with Catalog.open(tagged.catalog.folder) as catalog, catalog.read() as snapshot:
        assert tags.counts(snapshot) == {"holiday": 3}
