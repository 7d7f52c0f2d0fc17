"""Numbers that give the next ones: whatever stands there, doctor sees it, and its repair lets everything go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from indexes import contents, new_index, put, seen, sql, unit_rows

from anyseek.catalog import tags
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.repair import repair
from anyseek.errors import IndexDamaged
from anyseek.stores.exact import ExactStore

END = (1 << 63) - 1
COUNTED = ("files", "segments", "spaces", "runs", "changes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files a0 to a9, of which a1 is tagged, and one run."""
    catalog, _ = new_index(tmp_path, 10, segments=3)
    with catalog:
        with catalog.begin() as writer:
            writer.start_run("index")
        tags.tag(catalog, [tmp_path / "a1"], "mine")
    return catalog.folder


def codes(folder: Path) -> set[str]:
    return {finding.code for finding in check(folder)}


def assert_repaired(folder: Path, lost: int = 0) -> None:
    """Healthy, with all files but those to be read again, all tags, and everything can be written."""
    repair(folder, check(folder))
    assert check(folder) == []
    with Catalog.open(folder) as catalog:
        with catalog.read() as snapshot, ExactStore(snapshot, 1) as store:
            assert len(list(snapshot.files())) == 10
            assert len(contents(snapshot)) == 10 - lost
            assert tags.counts(snapshot) == {"mine": 1}
            assert {Path(row.path).name for row in tags.Tags(catalog).kept()} == set()
            store.search(unit_rows(1), 3)
        with catalog.begin() as writer:
            writer.start_run("index")
            assert put(writer, 1, "new", unit_rows(2, 7)) > 10
            writer.add_root(folder.parent / "more")
        tags.tag(catalog, [folder.parent / "new"], "new")
        with catalog.read() as snapshot, ExactStore(snapshot, 1) as store:
            assert store.search(unit_rows(2, 7), 1)[0] == pytest.approx(1, abs=1e-3)
            assert tags.counts(snapshot) == {"mine": 1, "new": 1}
    assert check(folder) == []


@pytest.mark.parametrize("table", COUNTED)
@pytest.mark.parametrize("value", [str(END), "-5", "0", "'abc'", "x'ff'", "1e300"])
def test_a_counter_that_is_damaged_is_seen_and_counts_on(folder: Path, table: str, value: str) -> None:
    sql(folder, f"UPDATE sqlite_sequence SET seq = {value} WHERE name = '{table}'")
    assert codes(folder) == {"numbers-damaged"}
    assert_repaired(folder)


@pytest.mark.parametrize("statement", ["DELETE FROM", "INSERT INTO sqlite_sequence SELECT * FROM"])
def test_a_counter_that_is_gone_or_there_twice(folder: Path, statement: str) -> None:
    sql(folder, f"{statement} sqlite_sequence")
    assert codes(folder) == {"numbers-damaged"}
    assert_repaired(folder)


def test_nothing_is_written_with_a_damaged_counter(folder: Path) -> None:
    sql(folder, f"UPDATE sqlite_sequence SET seq = {END} WHERE name = 'segments'")
    before = (folder / "vectors/1.0.f16").read_bytes()
    with Catalog.open(folder) as catalog, pytest.raises(IndexDamaged, match="segments"), catalog.begin():
        pass
    assert (folder / "vectors/1.0.f16").read_bytes() == before


@pytest.mark.parametrize("number", [END, END - 1, 1 << 53, -1])
@pytest.mark.parametrize(("table", "column"), [("files", "file_id"), ("runs", "run_id"), ("roots", "root")])
def test_a_record_with_a_number_beyond_counting_gets_its_own_again(
    folder: Path, table: str, column: str, number: int
) -> None:
    where = "(SELECT file_id FROM tags)" if table == "files" else f"(SELECT max({column}) FROM {table})"
    sql(folder, f"UPDATE {table} SET {column} = {number} WHERE {column} = {where}")
    assert "numbers-damaged" in codes(folder)
    assert_repaired(folder)


def test_a_file_and_all_that_is_known_of_it_under_such_a_number(folder: Path) -> None:
    """Nothing tells its own number any more: it gets a new one, with its tags."""
    names = ("files", "segments", "tags", "file_words")
    sql(folder, *(f"UPDATE {table} SET file_id = {END} WHERE file_id = 2" for table in names))
    assert_repaired(folder)


@pytest.mark.parametrize("number", [END, -1])
def test_a_segment_of_such_a_number_is_read_again(folder: Path, number: int) -> None:
    sql(folder, f"UPDATE segments SET segment_id = {number} WHERE segment_id = 5")
    assert_repaired(folder, lost=1)


def test_a_change_of_such_a_number(folder: Path) -> None:
    sql(folder, f"INSERT INTO changes VALUES ({END}, 0, 'x')")
    assert codes(folder) == {"numbers-damaged"}
    assert_repaired(folder)


def test_a_model_of_such_a_number_keeps_its_vectors(folder: Path) -> None:
    sql(folder, f"UPDATE spaces SET space_id = {END}")
    assert "numbers-damaged" in codes(folder)
    assert_repaired(folder)


# ---------------------------------------------------------------- rows of vectors


@pytest.mark.parametrize("n_rows", [0, 1, 29, 31, 1000, 10**12, 1 << 53])
def test_a_wrong_number_of_vectors_is_seen_and_counted_again(folder: Path, n_rows: int) -> None:
    sql(folder, f"UPDATE spaces SET rows = {n_rows}")
    size = (folder / "vectors/1.0.f16").stat().st_size
    assert codes(folder) == {"rows-miscounted"}
    repair(folder, check(folder))
    (vectors,) = (folder / "vectors").iterdir()
    assert vectors.stat().st_size == size
    assert_repaired(folder)


def test_vectors_are_not_written_over_where_too_few_are_counted(folder: Path) -> None:
    sql(folder, "UPDATE spaces SET rows = 0")
    before = (folder / "vectors/1.0.f16").read_bytes()
    with Catalog.open(folder) as catalog, pytest.raises(IndexDamaged), catalog.begin() as writer:
        put(writer, 1, "new", unit_rows(2, 7))
    assert (folder / "vectors/1.0.f16").read_bytes() == before


def test_fewer_rows_are_another_generation_so_that_no_store_takes_them_for_the_old_ones(folder: Path) -> None:
    with (folder / "vectors/1.0.f16").open("r+b") as file:
        file.truncate(10 * 32)
    repair(folder, check(folder))
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        (space,) = snapshot.spaces()
        assert (space.generation, space.rows) == (1, 10)
    assert [path.name for path in (folder / "vectors").iterdir()] == ["1.1.f16"]
    assert check(folder) == []


def test_a_repair_that_was_killed_before_it_renamed_the_vectors_loses_none(folder: Path) -> None:
    sql(folder, "UPDATE spaces SET generation = 1")
    assert "vectors-cut-off" in codes(folder)
    assert_repaired(folder)


@pytest.mark.parametrize("name", [f"1.{10**30}.f16", "1.0007.f16", "1.².f16", "x.f16", "9.0.f16", "1.٣.f16"])
def test_vectors_are_taken_from_a_file_of_any_name(folder: Path, name: str) -> None:
    (folder / "vectors/1.0.f16").rename(folder / "vectors" / name)
    is_named_as_ours = name not in ("1.².f16", "x.f16")  # others may have put them there
    assert codes(folder) == {"vectors-cut-off", *(["unused-files"] if is_named_as_ours else [])}
    assert_repaired(folder)
    assert [path.name for path in (folder / "vectors").iterdir()] == ["1.0.f16"]


@pytest.mark.parametrize("column", ["generation", "live"])
def test_a_count_of_a_model_beyond_all_counting_is_damage(folder: Path, column: str) -> None:
    sql(folder, f"UPDATE spaces SET {column} = {END}")
    with Catalog.open(folder) as catalog, catalog.read() as snapshot, pytest.raises(IndexDamaged):
        snapshot.spaces()


# ---------------------------------------------------------------- rows and their segments


def named(folder: Path) -> dict[str, int]:
    return {finding.code: finding.count for finding in check(folder)}


def read_again(folder: Path) -> set[str]:
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        return {file.path for file in snapshot.problems()}


def exchange(folder: Path, one: int, other: int) -> None:
    """The segments of two rows: row n has segment n + 1."""
    sql(
        folder,
        *(
            f"UPDATE embeddings SET segment_id = {a + 1} WHERE row = {b}"
            for a, b in ((one, other), (other, one))
        ),
    )


@pytest.mark.parametrize(("one", "other"), [(0, 29), (3, 4), (2, 3), (7, 20)])
def test_rows_whose_segments_were_exchanged_are_seen_and_read_again(
    folder: Path, one: int, other: int
) -> None:
    exchange(folder, one, other)
    files = {f"a{one // 3}", f"a{other // 3}"}
    assert named(folder) == {"vectors-misplaced": len(files)}
    repair(folder, check(folder))
    assert check(folder) == []
    assert read_again(folder) == files


def test_a_segment_with_the_vectors_of_others_is_read_again(folder: Path) -> None:
    sql(folder, "UPDATE embeddings SET segment_id = 1")
    assert "vectors-misplaced" in named(folder)
    repair(folder, check(folder))
    assert check(folder) == []
    assert read_again(folder) == {f"a{i}" for i in range(10)}


def test_one_row_too_many_costs_no_other_file(folder: Path) -> None:
    sql(folder, "UPDATE embeddings SET segment_id = 30 WHERE row = 4")
    repair(folder, check(folder))
    assert check(folder) == []
    assert read_again(folder) == {"a1", "a9"}


@pytest.mark.parametrize("row", [-1, 30, 10**12])
def test_a_row_that_is_not_in_the_file_costs_no_other_file(folder: Path, row: int) -> None:
    sql(folder, f"UPDATE embeddings SET row = {row} WHERE row = 13")
    assert named(folder) == {"vectors-cut-off": 1}
    repair(folder, check(folder))
    assert check(folder) == []
    assert read_again(folder) == {"a4"}


def test_moves_copies_deletions_and_compactions_keep_rows_in_order(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        with catalog.begin() as writer:
            writer.copy(3, seen("copy"))
            writer.delete([1, 5])
            writer.move(4, seen("moved"))
            put(writer, 1, "a2", unit_rows(4, 99))
        catalog.compact(1)
    assert check(folder) == []
