"""Folders that leave the index, or lie elsewhere now."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sample_files
from folders import Indexed, indexed

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.tags import counts, tag
from anyseek.errors import RootUnavailable, UsageError
from anyseek.indexer import Forgotten, forget


def tags(both: Indexed) -> dict[str, int]:
    with both.catalog.read() as snapshot:
        return counts(snapshot)


def remarks(both: Indexed) -> list[str]:
    return [text for event in both.events for text in event.remarks]


def roots(both: Indexed) -> dict[int, Path]:
    with both.catalog.read() as snapshot:
        return snapshot.roots()


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    one, two = tmp_path / "one", tmp_path / "two"
    sample_files.fill(two)
    one.mkdir()
    sample_files.text(one / "a.txt", "red red red")
    return one, two


@pytest.mark.parametrize("is_there", [True, False])
def test_a_forgotten_folder_leaves_the_index_and_its_tags_return_with_it(
    tmp_path: Path, places: tuple[Path, Path], is_there: bool
) -> None:
    one, two = places
    away = tmp_path / "away"
    with indexed(one, tmp_path / "index", two) as both:
        both.run(plain=True)
        tag(both.catalog, [two / "notes"], "Notes")
        before, n_segments = both.searchable, len(both.searchable)
        if not is_there:
            two.rename(away)
        expected = Forgotten(str(two), files=13, segments=n_segments - 1, tagged=3)
        assert forget(both.catalog, two, dry_run=True) == expected
        assert (both.searchable, roots(both)) == (before, {0: one, 1: two})
        assert forget(both.catalog, two) == expected
        assert (set(both.searchable), roots(both), tags(both)) == ({"a.txt"}, {0: one}, {})
        assert check(both.catalog.folder) == []
        assert both.run(plain=True).unchanged == 1  # and no RootUnavailable
        if not is_there:
            away.rename(two)
        (two / "notes/red.txt").rename(
            two / "renamed.txt"
        )  # what was known of the root is not believed any more
        assert both.run(plain=True, roots=[two]).new == 13
        assert tags(both) == {"Notes": 3}


def test_what_is_not_an_indexed_folder_is_refused_with_what_to_do(
    tmp_path: Path, places: tuple[Path, Path]
) -> None:
    one, two = places
    with indexed(one, tmp_path / "index", two) as both:
        with pytest.raises(UsageError, match="part of the indexed folder") as caught:
            forget(both.catalog, two / "notes")
        assert "/notes/" in caught.value.hint
        for path in (tmp_path, tmp_path / "twofold", one / "../three"):
            with pytest.raises(UsageError, match="is not an indexed folder") as caught:
                forget(both.catalog, path)
            assert str(two) in caught.value.hint
        assert forget(both.catalog, two / "../one/").folder == str(one)


def test_tags_of_a_forgotten_folder_go_to_the_same_content_in_another(tmp_path: Path) -> None:
    """As after a renamed drive that was indexed a second time."""
    old, new = tmp_path / "old", tmp_path / "new"
    sample_files.fill(old)
    shutil.copytree(old, new)
    with indexed(old, tmp_path / "index", new) as both:
        both.run(plain=True)
        tag(both.catalog, [old / "notes"], "Notes")
        old.rename(tmp_path / "gone")
        forget(both.catalog, old)
        assert tags(both) == {"Notes": 3}
        assert both.run(plain=True).unchanged == 13


def test_tags_of_a_forgotten_folder_are_kept_by_where_it_was_last(tmp_path: Path) -> None:
    folder, moved = tmp_path / "media", tmp_path / "elsewhere"
    folder.mkdir()
    sample_files.text(folder / "a.txt", "red")
    with indexed(folder, folder / ".anyseek") as both:
        both.run(plain=True)
        tag(both.catalog, [folder / "a.txt"], "x")
    folder.rename(moved)
    with Catalog.open(moved / ".anyseek") as catalog:
        both = Indexed(moved, catalog)
        forget(catalog, moved)
        sample_files.text(moved / "a.txt", "other words")
        both.run(plain=True, roots=[moved])
        assert tags(both) == {"x": 1}


# ---------------------------------------------------------------- a root below a root


@pytest.mark.parametrize("is_read_before", [True, False])
def test_files_of_a_forgotten_folder_stay_with_the_indexed_folder_around_it(
    tmp_path: Path, is_read_before: bool
) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer/in/ner"
    sample_files.fill(inner)
    sample_files.text(outer / "own.txt", "red green")
    with indexed(inner, tmp_path / "index") as both:
        both.run(plain=True)
        if is_read_before:
            both.run(plain=True, roots=[outer])
        else:
            with both.catalog.begin() as writer:
                writer.add_root(outer)
        tag(both.catalog, [inner / "notes"], "Notes")
        ids = {record.file_id for record in both.records.values()}
        n_embedded = both.n_embedded
        expected = Forgotten(str(inner), 0, 0, 0, covered_by=str(outer), stay=13)
        assert forget(both.catalog, inner, dry_run=True) == expected
        assert list(roots(both).values()) == [inner, outer]
        assert forget(both.catalog, inner) == expected
        assert list(roots(both).values()) == [outer]
        assert ids == {record.file_id for record in both.records.values()}
        assert check(both.catalog.folder) == []
        report = both.run(plain=True)
        assert (report.unchanged, report.new) == ((14, 0) if is_read_before else (13, 1))
        assert (both.n_embedded, tags(both)) == (n_embedded + (not is_read_before), {"Notes": 3})
        (inner / "notes/red.txt").unlink()
        assert both.run(plain=True).gone == 1


def test_a_record_that_the_outer_folder_has_of_the_place_gives_way(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer/inner"
    inner.mkdir(parents=True)
    sample_files.text(inner / "a.txt", "red")
    with indexed(outer, tmp_path / "index") as both:
        both.run(plain=True)
        with both.catalog.begin() as writer:  # as an import can leave it
            writer.add_root(inner)
        tag(both.catalog, [inner / "a.txt"], "old")
        both.run(plain=True, roots=[inner])
        sample_files.text(inner / "a.txt", "green")
        both.run(plain=True, roots=[inner])
        forget(both.catalog, inner)
        assert [record.path for record in both.records.values()] == ["inner/a.txt"]
        assert tags(both) == {"old": 1}
        assert (both.run(plain=True).unchanged, check(both.catalog.folder)) == (1, [])


@pytest.mark.parametrize("why", ["hidden", "ignored", "not there"])
def test_a_forgotten_folder_that_the_outer_one_does_not_reach_leaves_the_index(
    tmp_path: Path, why: str
) -> None:
    outer = tmp_path / "outer"
    inner = outer / (".in" if why == "hidden" else "in") / "ner"
    sample_files.fill(inner)
    sample_files.text(outer / "own.txt", "red green")
    if why == "ignored":
        (outer / "in/.anyseekignore").write_text("/ner/")
    with indexed(inner, tmp_path / "index", outer) as both:
        both.run(plain=True)
        tag(both.catalog, [inner / "notes"], "Notes")
        if why == "not there":
            shutil.rmtree(inner.parent)
        gone = forget(both.catalog, inner)
        assert (gone.files, gone.tagged, gone.covered_by, gone.stay) == (13, 3, "", 0)
        assert set(both.searchable) == {"own.txt"}
        assert both.run(plain=True).unchanged == 1


def test_of_nested_folders_the_next_one_around_gets_the_files(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    middle, inner = outer / "middle", outer / "middle/inner"
    sample_files.fill(inner)
    with indexed(inner, tmp_path / "index", outer, middle) as both:
        both.run(plain=True)
        assert forget(both.catalog, inner).covered_by == str(middle)
        assert forget(both.catalog, middle).covered_by == str(outer)
        assert both.run(plain=True).unchanged == 13
        assert forget(both.catalog, outer).files == 13


# ---------------------------------------------------------------- a root that moved


@pytest.mark.parametrize("how", ["renamed", "copied to a new drive", "its mount point is empty"])
def test_a_root_that_moved_is_recognised_by_its_files(
    tmp_path: Path, places: tuple[Path, Path], how: str
) -> None:
    one, two = places
    new = tmp_path / "new"
    with indexed(one, tmp_path / "index", two) as both:
        both.run(plain=True)
        tag(both.catalog, [two / "notes"], "Notes")
        before, ids = both.searchable, {path: record.file_id for path, record in both.records.items()}
        if how == "copied to a new drive":
            shutil.copytree(two, new, copy_function=shutil.copyfile)  # with new times
            shutil.rmtree(two)
        else:
            two.rename(new)
        if how == "its mount point is empty":
            two.mkdir()
        sample_files.text(new / "added.txt", "blue blue blue")
        (new / "rooms/red.npy").unlink()
        n_embedded = both.n_embedded
        dry = both.run(plain=True, roots=[new], dry_run=True)
        assert roots(both) == {0: one, 1: two}
        report = both.run(plain=True, roots=[new])
        assert (report.new, report.gone, report.moved) == (dry.new, dry.gone, dry.moved) == (1, 1, 0)
        remark = f"{two} is at {new} now: its files, their vectors and tags stay as they are."
        assert remarks(both) == [remark]
        assert report.remarks == dry.remarks == (remark,)
        assert roots(both) == {0: one, 1: new}
        assert both.n_embedded == n_embedded + 1
        assert set(both.searchable) == before.keys() - {"rooms/red.npy"} | {"added.txt"}
        assert all(record.file_id == ids.get(path, record.file_id) for path, record in both.records.items())
        assert tags(both) == {"Notes": 3}
        assert both.run(plain=True).unchanged == 14
        assert remarks(both) == []
        assert check(both.catalog.folder) == []


def test_kept_tags_go_with_a_root_that_moved(tmp_path: Path, places: tuple[Path, Path]) -> None:
    one, two = places
    new = tmp_path / "new"
    with indexed(one, tmp_path / "index", two) as both:
        both.run(plain=True)
        tag(both.catalog, [two / "notes/red.txt"], "kept")
        (two / "notes/red.txt").unlink()
        both.run(plain=True)
        two.rename(new)
        both.run(plain=True, roots=[new])
        sample_files.text(new / "notes/red.txt", "other words at its place")
        both.run(plain=True)
        assert tags(both) == {"kept": 1}


@pytest.mark.parametrize(
    "why",
    [
        "the old one is there",
        "other content",
        "other content and empty files",
        "no file",
        "links to its files",
        "links to its folders",
    ],
)
def test_a_folder_that_is_another_one_becomes_a_root(
    tmp_path: Path, places: tuple[Path, Path], why: str
) -> None:
    one, two = places
    new = tmp_path / "new"
    with indexed(one, tmp_path / "index", two) as both:
        if why == "other content and empty files":
            for i in range(10):
                (two / f"{i}.txt").touch()
        both.run(plain=True)
        if why == "links to its files":
            shutil.copytree(two, tmp_path / "elsewhere")
            shutil.copytree(
                two, new, copy_function=lambda source, target: link(two, tmp_path, source, target)
            )
        elif why == "links to its folders":
            shutil.copytree(two, tmp_path / "elsewhere")
            new.mkdir()
            for path in (tmp_path / "elsewhere").iterdir():
                (new / path.name).symlink_to(path)
        elif why != "no file":
            shutil.copytree(two, new)
        else:
            new.mkdir()
        if why.startswith("other content"):
            for path in new.rglob("*.*"):
                path.write_bytes(bytes(path.stat().st_size))
        sample_files.text(new / "added.txt", "blue blue blue")
        if why != "the old one is there":
            shutil.rmtree(two)
        both.run(plain=True, roots=[new])
        assert remarks(both) == []
        assert roots(both) == {0: one, 1: two, 2: new}
        if why != "the old one is there":
            with pytest.raises(RootUnavailable) as caught:
                both.run(plain=True)
            assert "anyseek forget" in caught.value.hint


def link(folder: Path, beside: Path, source: str, target: str) -> None:
    Path(target).symlink_to(beside / "elsewhere" / Path(source).relative_to(folder))


def test_a_root_inside_a_root_moves_with_it(tmp_path: Path, places: tuple[Path, Path]) -> None:
    one, two = places
    with indexed(one, tmp_path / "index", two, two / "notes") as both:
        both.run(plain=True)
        two.rename(tmp_path / "new")
        both.run(plain=True, roots=[tmp_path / "new"])
        assert roots(both) == {0: one, 1: tmp_path / "new", 2: tmp_path / "new/notes"}
        assert both.run(plain=True).unchanged == 14
