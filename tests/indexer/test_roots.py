"""Several folders in one index, folders within folders, and drives that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_files
from folders import Indexed, indexed

from anyseek import indexer
from anyseek.contracts import FileState
from anyseek.errors import RootUnavailable
from anyseek.indexer import Progress


def states(both: Indexed) -> dict[int, set[FileState]]:
    found: dict[int, set[FileState]] = {}
    with both.catalog.read() as snapshot:
        for record in snapshot.files():
            found.setdefault(record.root, set()).add(record.state)
    return found


@pytest.mark.parametrize("how", ["gone", "empty", "a file"])
def test_an_unplugged_drive_is_no_mass_deletion(tmp_path: Path, how: str) -> None:
    drive, other = tmp_path / "drive", tmp_path / "other"
    sample_files.fill(drive)
    other.mkdir()
    sample_files.text(other / "a.txt", "red")
    with indexed(drive, tmp_path / "index", other) as both:
        both.run(plain=True)
        before = both.searchable
        drive.rename(tmp_path / "unplugged")
        if how == "empty":
            drive.mkdir()
        elif how == "a file":
            drive.write_text("")
        sample_files.text(other / "b.txt", "blue")
        assert both.run(plain=True, dry_run=True).gone == 0
        assert {path for what, path in both.planned if what != "new"} == {str(drive)}
        with pytest.raises(RootUnavailable, match="drive"):
            both.run(plain=True)
        assert both.searchable.keys() == before.keys() | {"b.txt"}, "the other root went on"
        assert states(both) == {0: {FileState.MISSING}, 1: {FileState.OK}}
        with both.catalog.read() as snapshot:
            last = snapshot.last_run()
            assert last is not None
            assert last.report is not None
            assert last.report.gone == 0
        if how != "gone":
            drive.rmdir() if how == "empty" else drive.unlink()
        (tmp_path / "unplugged").rename(drive)
        n_embedded = both.n_embedded
        report = both.run(plain=True)
        assert (report.new, report.changed, report.gone) == (0, 0, 0)
        assert both.n_embedded == n_embedded
        assert states(both) == {0: {FileState.OK}, 1: {FileState.OK}}


def test_a_drive_that_goes_while_it_is_read(made: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(30):
        sample_files.text(made.folder / f"{i:02}.txt", f"word{i}")
    made.run(plain=True)
    for i in range(0, 30, 2):
        sample_files.text(made.folder / f"{i:02}.txt", f"other word{i}")
    (made.folder / "29.txt").unlink()

    def unplug(*arguments: object, **more: object) -> object:
        if made.folder.exists():
            made.folder.rename(made.folder.with_name("unplugged"))
        return WordEmbedder.embed(made.embedder, *arguments, **more)  # type: ignore[arg-type]

    from fakes import WordEmbedder

    monkeypatch.setattr(made.embedder, "embed", unplug)
    with pytest.raises(RootUnavailable):
        made.run(plain=True, batch=1)
    assert len(made.searchable) == 30
    assert made.problems == {}


def test_a_drive_that_goes_after_all_was_compared(made: Indexed) -> None:
    """Nothing is left to read, so no file vanishes: only a last look tells that the root is not there."""
    for name in ("young.txt", "deleted.txt"):
        sample_files.text(made.folder / name, name)
    made.run(plain=True)
    (made.folder / "deleted.txt").unlink()

    def unplug(progress: Progress) -> None:
        if progress.stage == "index":
            assert progress.done == progress.total == 1
            made.folder.rename(made.folder.with_name("unplugged"))

    with pytest.raises(RootUnavailable, match="is not there"):
        indexer.update(made.catalog, made.embedder, progress=unplug)
    assert set(made.searchable) == {"young.txt", "deleted.txt"}
    made.folder.with_name("unplugged").rename(made.folder)
    assert made.run(plain=True).gone == 1


@pytest.mark.parametrize("index", [".anyseek", "own"])
@pytest.mark.parametrize("prune", [False, True])
def test_a_root_with_nothing_but_its_index_and_hidden_files_is_empty(
    tmp_path: Path, index: str, prune: bool
) -> None:
    folder = tmp_path / "media"
    sample_files.fill(folder)
    (folder / ".hidden").touch()
    with indexed(folder, folder / index) as both:
        both.run(plain=True)
        for name in ("pictures", "sounds", "notes", "rooms"):
            (folder / name).rename(tmp_path / name)
        with pytest.raises(RootUnavailable, match="is empty"):
            both.run(plain=True, prune=prune)
        assert len(both.searchable) == 13
        (tmp_path / "notes").rename(folder / "notes")
        assert both.run(plain=True).gone == 10, "it is not empty as a whole any more"
        assert len(both.searchable) == 3


def test_a_root_that_never_held_more_than_its_index_is_no_loss(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    with indexed(folder, folder / ".anyseek") as both:
        assert both.run(plain=True).seen == 0
        sample_files.text(folder / "new.txt", "red")
        assert both.run(plain=True).new == 1


def test_only_the_asked_root_is_judged(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        sample_files.text(folder / f"{folder.name}.txt", folder.name)
        sample_files.text(folder / "more.txt", f"more {folder.name}")
    with indexed(one, tmp_path / "index") as both:
        assert both.run(plain=True, roots=[two]).new == 2, "a new folder becomes a root"
        assert both.run(plain=True).new == 2
        (one / "one.txt").unlink()
        (two / "two.txt").unlink()
        assert both.run(plain=True, roots=[one]).gone == 1
        assert "two.txt" in both.searchable
        assert both.run(plain=True).gone == 1


def test_a_folder_inside_a_root_stands_for_that_root(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    sample_files.fill(folder)
    with indexed(folder, tmp_path / "index") as both:
        assert both.run(plain=True, roots=[folder / "notes"]).new == 13
        with both.catalog.read() as snapshot:
            assert len(snapshot.roots()) == 1


def test_a_root_around_another_one_leaves_it_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    sample_files.fill(folder)
    with indexed(folder / "notes", tmp_path / "index") as both:
        assert both.run(plain=True).new == 3
        report = both.run(plain=True, roots=[folder])
        assert (report.seen, report.new, report.unchanged) == (13, 10, 3)
        assert both.run(plain=True).unchanged == 13


def test_files_move_between_roots(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    sample_files.fill(one)
    with indexed(one, tmp_path / "index", two) as both:
        both.run(plain=True)
        before = both.n_embedded
        (one / "notes").rename(two / "notes")
        report = both.run(plain=True)
        assert (report.moved, report.gone, report.new) == (3, 0, 0)
        assert both.n_embedded == before


def test_where_an_index_and_its_folder_were_another_folder_can_be_indexed(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    sample_files.fill(folder)
    with indexed(folder, folder / ".anyseek") as both:
        both.run(plain=True)
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    sample_files.text(folder / "other.txt", "blue")
    from anyseek.catalog.catalog import Catalog

    with Catalog.open(tmp_path / "elsewhere" / ".anyseek") as catalog:
        moved = Indexed(tmp_path / "elsewhere", catalog)
        assert moved.run(plain=True, roots=[folder]).new == 1
        assert moved.run(plain=True).unchanged == 14
        with catalog.read() as snapshot:
            assert snapshot.roots() == {0: tmp_path / "elsewhere", 1: folder}


def test_an_index_and_its_folder_move_together(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    sample_files.fill(folder)
    with indexed(folder, folder / ".anyseek") as both:
        both.run(plain=True)
    folder.rename(tmp_path / "elsewhere")
    from anyseek.catalog.catalog import Catalog

    with Catalog.open(tmp_path / "elsewhere" / ".anyseek") as catalog:
        moved = Indexed(tmp_path / "elsewhere", catalog)
        report = moved.run(plain=True)
        assert (report.unchanged, report.embedded) == (13, 0)
