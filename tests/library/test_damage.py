"""A damaged, emptied or deleted catalog: what people made is saved from it, and doctor's repair makes a healthy index.

`damage` stands for any of it: a flipped bit, a page of zeros, a page that was written by half, a file cut off.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from indexes import card, put, seen, sql, unit_rows

from anyseek import workspace
from anyseek.catalog import kept_tags, tag_records, tags
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.database import connect
from anyseek.contracts import Modality, ModelCard, Problem, Report
from anyseek.embedders import registry
from anyseek.errors import EXIT_BUG, AnyseekError, IndexDamaged, IndexNotFound
from anyseek.jsonable import to_json
from anyseek.library.doctor import check_all
from anyseek.search import calibration

Tagged = set[tuple[str, str]]
PAGE = 4096


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of a folder with tagged files, one of which could never be read, and one that is gone."""
    folder = tmp_path_factory.mktemp("library")
    catalog = Catalog.create(folder / ".anyseek", [folder])
    with catalog.begin() as writer:
        space = writer.ensure_space(card())
        for i in range(60):
            put(writer, space, f"a{i}.txt", unit_rows(1, i), Modality.TEXT)
            (folder / f"a{i}.txt").write_text("x")
        writer.put_failed(seen("broken.png"), b"", None, Problem("broken", "decode", "It is broken."))
        (folder / "broken.png").write_text("x")
    with catalog:
        for i in range(0, 60, 3):
            tags.tag(catalog, [folder / f"a{i}.txt"], f"Tag {i % 7}")
        tags.tag(catalog, [folder / "broken.png"], "Mine")
        with catalog.begin() as writer:
            writer.delete([4])
            writer.set_setting("exclude", ["*.tmp"])
    return catalog.folder


@pytest.fixture
def index(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path / "here")
    return tmp_path / "here" / made.name


def tags_of(index: Path) -> Tagged:
    """In small letters: that is what a second witness says of them."""
    lines = [json.loads(line) for line in tags.saved(index).lines]
    return {(Path(line["path"]).name, tag.lower()) for line in lines for tag in line["tags"]}


def repaired(index: Path) -> None:
    assert check_all(index, repair=True) == []


def assert_repaired_with(before: Tagged, index: Path) -> None:
    repaired(index)
    assert tags_of(index) == before
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        assert snapshot.roots() == {0: index.parent}


def codes(index: Path) -> list[str]:
    return [finding.code for finding in check_all(index, repair=False)]


def damage(index: Path, change: Callable[[bytearray], bytes]) -> None:
    path = index / "catalog.sqlite"
    path.write_bytes(change(bytearray(path.read_bytes())))


def pages_of(index: Path, name: str) -> list[int]:
    """Where the pages of a table or an index begin in the file."""
    connection = sqlite3.connect(index / "catalog.sqlite")
    rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ?", [name]).fetchall()
    connection.close()
    return [(number - 1) * PAGE for (number,) in rows]


# ---------------------------------------------------------------- the schema


@pytest.mark.parametrize(
    "word", [b"CREATE TABLE spaces", b"CREATE TABLE tags", b"INSERT INTO file_index", b"index_info"]
)
def test_a_schema_whose_text_is_damaged_is_written_again_and_nothing_is_lost(
    index: Path, word: bytes
) -> None:
    before = tags_of(index)
    damage(index, lambda data: bytes(data).replace(word, word[:-1] + b"~", 1))
    assert tags_of(index) == before
    assert tags.saved(index).shortage == ""
    assert codes(index) == ["catalog-damaged"]
    repaired(index)
    assert tags_of(index) == before
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        assert snapshot.settings() == {"exclude": ["*.tmp"]}
        assert [space.live for space in snapshot.spaces()] == [59]  # no file has to be read again
        assert [file.path for file in snapshot.problems()] == ["broken.png"]
    assert (index / "catalog.sqlite.damaged").exists()


@pytest.mark.parametrize(
    "name", ["sqlite_schema", "tags", "files", "roots", "index_info", "spaces", "segments", "embeddings"]
)
@pytest.mark.parametrize("is_torn", [False, True])
def test_a_page_that_is_gone_costs_no_tag_that_is_said_twice(index: Path, name: str, is_torn: bool) -> None:
    before = tags_of(index)
    pages = pages_of(index, name)

    def blank(data: bytearray) -> bytes:
        for start in pages:
            data[start + PAGE // 2 * is_torn : start + PAGE] = bytes(PAGE - PAGE // 2 * is_torn)
        return bytes(data)

    damage(index, blank)
    assert tags_of(index) == before
    repaired(index)
    assert tags_of(index) == before


def test_what_of_the_tags_cannot_be_read_is_said_and_the_rest_is_saved(index: Path) -> None:
    before = tags_of(index)
    start = pages_of(index, "tags_by_file")[0]
    (page,) = pages_of(index, "tags")
    text = (index / "catalog.sqlite").read_bytes()[page : page + PAGE].rindex(b"Tag") + page

    def blank(data: bytearray) -> bytes:
        data[start : start + PAGE] = bytes(PAGE)
        data[text - 9 : text + 3] = b"\xff" * 12
        return bytes(data)

    damage(index, blank)
    saved = tags.saved(index)
    assert 0 < len(before - tags_of(index)) < 3
    assert saved.shortage.startswith("Tags may be missing: some records of the table tags cannot be read")
    left = tags_of(index)
    repaired(index)
    assert left <= tags_of(index)


def test_tags_of_files_that_nothing_tells_any_more_are_counted(index: Path) -> None:
    pages = [
        start
        for name in ("files", "sqlite_autoindex_files_1", "files_by_hash")
        for start in pages_of(index, name)
    ]

    def blank(data: bytearray) -> bytes:
        for start in pages:
            data[start : start + PAGE] = bytes(PAGE)
        return bytes(data)

    damage(index, blank)
    assert "20 tags belong to files that are no longer known" in tags.saved(index).shortage
    repaired(index)


@pytest.mark.parametrize("number", ["2", "7", "x"])
def test_a_damaged_number_of_the_format_upgrades_nothing_and_refuses_nobody_for_good(
    index: Path, number: str
) -> None:
    before = tags_of(index)
    sql(index, f"UPDATE index_info SET value = '{number}' WHERE name = 'format'")
    assert codes(index) == ["format-damaged"]
    assert tags_of(index) == before
    repaired(index)
    assert tags_of(index) == before


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_format_that_its_tables_are_not_of_is_damage_where_both_numbers_say_it(
    index: Path, number: int
) -> None:
    before = tags_of(index)
    sql(index, f"UPDATE index_info SET value = '{number}' WHERE name = 'format'")
    sql(index, f"PRAGMA user_version = {number}")
    assert codes(index) == ["format-damaged"]
    assert tags_of(index) == before
    repaired(index)
    assert tags_of(index) == before


def test_a_step_from_an_older_format_that_meets_its_own_work_is_damage(index: Path) -> None:
    before = tags_of(index)
    sql(index, "UPDATE index_info SET value = '2' WHERE name = 'format'")
    sql(index, "PRAGMA user_version = 2")
    sql(index, "DROP TRIGGER files_named")  # so that they are not the tables of any format
    with pytest.raises(IndexDamaged):
        Catalog.open(index)
    assert codes(index) == ["catalog-damaged"]
    repaired(index)
    assert tags_of(index) == before


# ---------------------------------------------------------------- single records


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("spaces SET card", "model-damaged"),
        ("runs SET report", "runs-damaged"),
        ("index_info SET value", "settings-damaged"),
    ],
)
def test_json_of_too_many_levels_is_damage(index: Path, where: str, code: str) -> None:
    before = tags_of(index)
    with Catalog.open(index) as catalog, catalog.begin() as writer:
        writer.finish_run(writer.start_run("index"), Report(0, 0, 0, 0, 0, 0, 0, 0, {}, 0.0, False))
    kept = "WHERE name LIKE 'setting:%'" if "index_info" in where else ""
    sql(index, f"UPDATE {where} = '{'[' * 3000}' {kept}")
    assert codes(index) == [code]
    assert tags_of(index) == before
    check_all(index, repair=True)
    assert code == "model-damaged" or codes(index) == []


@pytest.mark.parametrize("column", ["place", "content_hash", "tag"])
def test_a_kept_tag_of_another_kind_is_damage_wherever_it_is_read(index: Path, column: str) -> None:
    value = "CAST(x'ff' AS BLOB)" if column == "tag" else "'text'"
    sql(index, f"UPDATE kept_tags SET {column} = {value}")
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        for read in (kept_tags.tags_of_gone_files, tag_records.read_tags, tag_records.tag_lines):
            with pytest.raises(IndexDamaged, match=r"record of (kept )?tags"):
                list(read(snapshot))
    assert codes(index) == ["tags-damaged"]
    repaired(index)


def test_the_number_of_a_folder_that_was_damaged_costs_no_record_and_no_tag(index: Path) -> None:
    before = tags_of(index)
    (page,) = pages_of(index, "roots")

    def renumber(data: bytearray) -> bytes:
        cell = page + int.from_bytes(data[page + 8 : page + 10], "big")
        assert data[cell : cell + 2] == bytes([data[cell], 0])  # its length, then the number of the row
        data[cell + 1] = 4
        return bytes(data)

    damage(index, renumber)
    connection = sqlite3.connect(index / "catalog.sqlite")
    assert connection.execute("SELECT root FROM roots NOT INDEXED").fetchall() == [(4,)]
    connection.close()
    assert codes(index) == ["catalog-damaged"]
    assert_repaired_with(before, index)


def test_files_of_a_folder_that_the_catalog_lost_get_it_again(index: Path) -> None:
    before = tags_of(index)
    sql(index, "DELETE FROM roots")
    assert tags_of(index) == before
    assert codes(index) == ["orphan-files"]
    assert_repaired_with(before, index)


def test_files_of_a_lost_folder_that_are_nowhere_stay_with_their_tags(index: Path) -> None:
    before = tags_of(index)
    sql(index, "DELETE FROM roots")
    for path in index.parent.glob("*.*"):
        if path.is_file():
            path.unlink()
    repaired(index)
    assert tags_of(index) == before
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        assert snapshot.roots() == {0: Path("/damaged-0")}


def test_a_damaged_tag_is_what_its_fold_and_the_index_say(index: Path) -> None:
    before = tags_of(index)
    sql(index, "UPDATE tags SET tag = 'Tbg 3' WHERE folded = 'tag 3'")
    assert tags_of(index) == before
    assert codes(index) == ["tags-damaged"]
    repaired(index)
    assert tags_of(index) == before
    with Catalog.open(index) as catalog:
        assert "Tag 3" in tags.Tags(catalog).counts()


def test_a_tag_of_no_file_is_a_finding_and_its_repair_says_that_it_is_lost(
    index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = tags_of(index)
    sql(index, "INSERT INTO tags VALUES ('stray', 999, 'Stray')")
    assert codes(index) == ["tags-damaged"]
    assert "Tags may be missing" in tags.saved(index).shortage
    repaired(index)
    assert "Tags may be missing: 1 tag belongs" in caplog.text
    assert tags_of(index) == before
    with Catalog.open(index) as catalog:
        assert "Stray" not in tags.Tags(catalog).counts()


# ---------------------------------------------------------------- the model


def mini() -> ModelCard:
    return registry.entry("mini").card


def with_model(index: Path, card_text: str, fingerprint: str, dim: int) -> None:
    connection = sqlite3.connect(index / "catalog.sqlite")
    connection.execute("UPDATE spaces SET card = ?, fingerprint = ?, dim = ?", [card_text, fingerprint, dim])
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('{"name"', '{"nbme"'), ('"mini"', '"mhni"'), ('"image"', '"imagd"'), ("{", "["), ('"dim":', '"dim":1')],
)
def test_a_damaged_record_of_a_model_is_written_again_and_locks_nobody_out(
    index: Path, right: str, wrong: str
) -> None:
    before = tags_of(index)
    text = to_json(mini())
    assert right in text
    with_model(index, text.replace(right, wrong, 1), mini().fingerprint, mini().dim)
    assert tags_of(index) == before
    with Catalog.open(index) as catalog:
        tags.tag(catalog, [index.parent / "a7.txt"], "new")  # who needs no model goes on
    assert "model-damaged" in codes(index)
    check_all(index, repair=True)
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        assert [space.card for space in snapshot.spaces()] == [mini()]


def test_a_model_that_nobody_knows_any_more_has_its_files_read_again(index: Path) -> None:
    before = tags_of(index)
    sql(index, "UPDATE spaces SET card = 'x'")
    (finding, *_) = check_all(index, repair=False)
    assert (finding.code, "--model" in finding.remedy) == ("model-damaged", True)
    repaired(index)
    assert tags_of(index) == before
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        assert snapshot.spaces() == []
        assert {file.problem.code for file in snapshot.problems() if file.problem} == {"read-again", "broken"}


# ---------------------------------------------------------------- a catalog that is gone


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_catalog_that_is_gone_is_said_to_be_and_never_made_anew_in_silence(
    index: Path, is_empty: bool
) -> None:
    path = index / "catalog.sqlite"
    path.unlink()
    if is_empty:
        path.touch()
    vectors = (index / "vectors/1.0.f16").read_bytes()
    what = "empty" if is_empty else "gone"
    for act in (
        lambda: workspace.open(index.parent),
        lambda: workspace.create(index.parent),
        lambda: workspace.saved_tags(index.parent),
        lambda: workspace.open_or_create([index.parent]).__enter__(),
    ):
        with pytest.raises(
            IndexDamaged, match=f"is {what}, and its vectors are still there: .* the tags"
        ) as raised:
            act()
        assert "backup" in raised.value.hint
    assert (index / "vectors/1.0.f16").read_bytes() == vectors
    assert codes(index) == ["catalog-gone"]
    repaired(index)
    with workspace.open(index.parent) as opened:
        assert opened.roots() == [index.parent]


def test_an_emptied_catalog_is_made_again_of_its_log(index: Path, tmp_path: Path) -> None:
    catalog = Catalog.open(index)
    tags.tag(catalog, [index.parent / "a7.txt"], "late")
    connection = connect(index, writable=True)
    connection.run("BEGIN IMMEDIATE")
    for table in ("roots", "files", "tags"):  # their pages come into the log once more
        connection.run(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")
    connection.run("COMMIT")
    copy = tmp_path / "copy"
    shutil.copytree(index, copy / ".anyseek")
    connection.close()
    catalog.close()
    assert (copy / ".anyseek/catalog.sqlite-wal").stat().st_size
    (copy / ".anyseek/catalog.sqlite").write_bytes(b"")
    repaired(copy / ".anyseek")
    assert (copy / ".anyseek/catalog.sqlite.damaged").stat().st_size


def test_what_a_killed_creation_left_is_replaced_in_silence(tmp_path: Path) -> None:
    place = tmp_path / ".anyseek"
    place.mkdir()
    for name in ("catalog.sqlite", "catalog.sqlite-wal", ".catalog.sqlite.new"):
        (place / name).touch()
    (place / "vectors").mkdir()
    with pytest.raises(IndexNotFound):
        workspace.open(tmp_path)
    with workspace.create(tmp_path) as index:
        assert index.roots() == [tmp_path]


# ---------------------------------------------------------------- measurements


def test_damaged_measurements_are_seen_and_said_and_measured_again(index: Path) -> None:
    path = index / "calibration/1.npz"
    path.parent.mkdir(exist_ok=True)
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        (space,) = snapshot.spaces()
        calibration.refresh(snapshot, space, lambda: np.zeros((1, 0, space.card.dim), np.float32))
        assert calibration.read(index, space) is not None
        whole = path.read_bytes()
        path.write_bytes(whole[:-100])
        assert calibration.is_damaged(index, space)
    assert codes(index) == ["calibration-damaged"]
    repaired(index)


# ---------------------------------------------------------------- anything


def ways(index: Path, seed: int) -> bytes:
    """The catalog with one fault."""
    data = bytearray((index / "catalog.sqlite").read_bytes())
    luck = random.Random(seed)
    start = luck.randrange(len(data) // PAGE) * PAGE
    match seed % 8:
        case 0:
            return bytes(data[: start + luck.randrange(PAGE)])
        case 1:
            data[start : start + PAGE] = bytes(PAGE)
        case 2:
            data[start + PAGE // 2 : start + PAGE] = luck.randbytes(PAGE // 2)
        case _:
            used = [at for at in range(start, start + PAGE) if data[at]]
            if used:
                data[luck.choice(used)] ^= 1 << luck.randrange(8)
    return bytes(data)


def survives(index: Path, seed: int) -> None:
    before = tags_of(index)
    data = ways(index, seed)
    damage(index, lambda _: data)
    try:
        with workspace.open(index.parent) as opened:
            opened.status()
    except AnyseekError as error:
        assert error.exit_code != EXIT_BUG  # noqa: PT017
        assert "\n" not in error.message.replace("\\n", "\n")  # noqa: PT017
    for finding in check_all(index, repair=False):
        assert finding.is_repairable
        assert "\n" not in finding.message.replace("\\n", "\n")
    saved = tags.saved(index)
    left = tags_of(index)
    if not saved.shortage:
        assert len(before - left) <= 1  # a name or a tag that was flipped, and is one all the same
    repaired(index)
    assert left <= tags_of(index)


@pytest.mark.parametrize(
    "seed", [*range(24), 399]
)  # 399: a root whose path is none, in a catalog to be made anew
def test_any_fault_of_the_catalog_is_repaired_with_all_tags_that_can_be_read(index: Path, seed: int) -> None:
    survives(index, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24, 800))
def test_any_fault_of_the_catalog_is_repaired_at_length(index: Path, seed: int) -> None:
    survives(index, seed)
