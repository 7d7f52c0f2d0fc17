"""Roots that are not there, and whose files lie below other folders now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sample_files
from folders import Indexed, indexed
from indexes import hash_of

from anyseek.catalog import codec
from anyseek.catalog.check import check
from anyseek.catalog.tags import counts, tag
from anyseek.contracts import FileRecord
from anyseek.errors import RootUnavailable
from anyseek.indexer import moved_root
from anyseek.indexer.drives import drive_of, is_connected
from anyseek.indexer.run_state import read_settings


def tags(both: Indexed) -> dict[str, int]:
    with both.catalog.read() as snapshot:
        return counts(snapshot)


def remarks(both: Indexed) -> list[str]:
    return [text for event in both.events for text in event.remarks]


def roots(both: Indexed) -> list[Path]:
    with both.catalog.read() as snapshot:
        return list(snapshot.roots().values())


def set_drive(both: Indexed, root: int, drive: tuple[str, int] | None) -> None:
    """As a run records it that finds the root on this drive; None: as an index that has never recorded one."""
    with both.catalog.read() as snapshot:
        drives = read_settings(snapshot)["drives"]
    drives.pop(str(root))
    if drive is not None:
        drives[str(root)] = drive
    with both.catalog.begin() as writer:
        writer.set_setting("drives", drives)


def another_drive(folder: Path) -> tuple[str, int]:
    place, number = drive_of(folder) or ("", 0)
    return place, number + 1


def place_of_no_drive(folder: Path) -> tuple[str, int]:
    return os.fsencode(folder / "mnt").hex(), 1


def copied(source: Path, target: Path) -> None:
    """To another file system: other inodes, the times stay."""
    shutil.copytree(source, target)
    shutil.rmtree(source)


MOVES: list[Callable[[Path, Path], object]] = [Path.rename, copied]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "home/Photos"
    folder.parent.mkdir()
    sample_files.fill(folder)
    return folder


@pytest.mark.parametrize("move", MOVES, ids=["renamed", "copied"])
@pytest.mark.parametrize("name", ["Photos", "deep/in/Other name"])
def test_a_root_that_moved_below_a_new_folder_keeps_its_vectors_and_tags(
    tmp_path: Path, photos: Path, move: Callable[[Path, Path], object], name: str
) -> None:
    big = tmp_path / "big"
    (big / name).parent.mkdir(parents=True)
    with indexed(photos, tmp_path / "index") as both:
        both.run(plain=True)
        tag(both.catalog, [photos / "notes"], "Notes")
        ids = {path: record.file_id for path, record in both.records.items()}
        n_embedded = both.n_embedded
        move(photos, big / name)
        sample_files.text(big / "added.txt", "blue blue blue")
        dry = both.run(plain=True, roots=[big], dry_run=True)
        assert roots(both) == [photos]
        report = both.run(plain=True, roots=[big])
        figures = report.new, report.moved, report.gone
        assert figures == (dry.new, dry.moved, dry.gone) == (1, 13, 0)
        (remark,) = report.remarks
        assert remark.startswith(f"13 files of {photos} lie in {big / name} now")
        assert "no longer an indexed folder" in remark
        assert dry.remarks == report.remarks == tuple(remarks(both))
        assert roots(both) == [big]
        assert both.n_embedded == n_embedded + 1
        assert {f"{name}/{path}": number for path, number in ids.items()}.items() <= {
            path: record.file_id for path, record in both.records.items()
        }.items()
        assert tags(both) == {"Notes": 3}
        assert both.run(plain=True).unchanged == 14
        assert remarks(both) == []
        assert check(both.catalog.folder) == []


@pytest.mark.parametrize("move", MOVES, ids=["renamed", "copied"])
def test_a_root_that_moved_into_another_root(
    tmp_path: Path, photos: Path, move: Callable[[Path, Path], object]
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    sample_files.text(archive / "own.txt", "red green")
    with indexed(photos, tmp_path / "index", archive) as both:
        both.run(plain=True)
        tag(both.catalog, [photos / "notes"], "Notes")
        n_embedded = both.n_embedded
        move(photos, archive / "2023")
        report = both.run(plain=True)  # and no RootUnavailable
        assert (report.moved, report.unchanged, report.new) == (13, 1, 0)
        assert (roots(both), tags(both), both.n_embedded) == ([archive], {"Notes": 3}, n_embedded)
        assert both.run(plain=True).unchanged == 14


def test_a_root_that_moved_within_the_root_around_it(tmp_path: Path, photos: Path) -> None:
    sample_files.text(photos.parent / "own.txt", "red green")
    with indexed(photos, tmp_path / "index") as both:
        both.run(plain=True)
        both.run(plain=True, roots=[photos.parent])
        n_embedded = both.n_embedded
        photos.rename(photos.parent / "Pictures")
        assert both.run(plain=True).moved == 13
        assert (roots(both), both.n_embedded) == ([photos.parent], n_embedded)


def test_roots_one_in_the_other_move_together(tmp_path: Path, photos: Path) -> None:
    with indexed(photos, tmp_path / "index", photos / "notes") as both:
        both.run(plain=True)
        tag(both.catalog, [photos / "notes"], "Notes")
        photos.parent.rename(tmp_path / "house")
        report = both.run(plain=True, roots=[tmp_path / "house"])
        assert (report.moved, report.new, len(report.remarks)) == (13, 0, 2)
        assert (roots(both), tags(both)) == ([tmp_path / "house"], {"Notes": 3})


def test_a_root_that_was_split_in_two_waits_for_the_other_half(tmp_path: Path, photos: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    with indexed(photos, tmp_path / "index") as both:
        both.run(plain=True)
        tag(both.catalog, [photos], "All")
        n_embedded = both.n_embedded
        (photos / "notes").rename(one / "notes")
        photos.rename(two)
        report = both.run(plain=True, roots=[one])
        assert (report.moved, report.gone, report.new) == (3, 0, 0)
        assert "10 other files stay" in report.remarks[0]
        assert f"anyseek forget {photos}" in report.remarks[0]
        assert roots(both) == [photos, one]
        report = both.run(plain=True, roots=[two])
        assert (report.unchanged, report.gone, report.new) == (10, 0, 0), "the whole of what was left"
        assert (sorted(roots(both)), tags(both), both.n_embedded) == ([one, two], {"All": 13}, n_embedded)


def test_a_root_of_which_most_was_renamed_does_not_lose_the_rest(tmp_path: Path, photos: Path) -> None:
    new, rest = tmp_path / "new", tmp_path / "rest"
    with indexed(photos, tmp_path / "index") as both:
        both.run(plain=True)
        n_embedded = both.n_embedded
        photos.rename(new)
        (new / "notes").rename(rest)
        assert both.run(plain=True, roots=[new]).gone == 0
        assert both.run(plain=True, roots=[rest]).moved == 3
        assert (roots(both), both.n_embedded) == ([new, rest], n_embedded)


@pytest.mark.parametrize(
    "drive", [another_drive, place_of_no_drive, None], ids=["another", "none", "unknown"]
)
def test_copies_of_files_of_a_drive_that_is_away_are_copies(
    tmp_path: Path, photos: Path, drive: Callable[[Path], tuple[str, int]] | None
) -> None:
    backup = tmp_path / "backup"
    with indexed(photos, tmp_path / "index") as both:
        both.run(plain=True)
        tag(both.catalog, [photos / "notes"], "Notes")
        n_embedded = both.n_embedded
        set_drive(both, 0, drive and drive(photos))
        shutil.copytree(photos, backup / "Photos")
        photos.rename(tmp_path / "unplugged")
        report = both.run(plain=True, roots=[backup])
        assert (report.new, report.moved, report.remarks) == (13, 0, ())
        assert both.n_embedded == n_embedded, "the vectors are copied"
        part = tmp_path / "part"
        shutil.copytree(tmp_path / "unplugged", part)
        (part / "notes/red.txt").unlink()
        assert both.run(plain=True, roots=[part]).remarks == (), "not the whole of it, and not the very files"
        assert roots(both) == [photos, backup, part]
        (tmp_path / "unplugged").rename(photos)
        assert both.run(plain=True).unchanged == 13 + 13 + 12
        with both.catalog.read() as snapshot:
            assert {record.root for record in snapshot.files() if tagged(both, record.file_id)} == {0}


def tagged(both: Indexed, file_id: int) -> bool:
    from anyseek.catalog.file_facts import tags_of

    with both.catalog.read() as snapshot:
        return bool(tags_of(snapshot, file_id))


def test_the_very_files_of_a_drive_are_recognised_where_it_is_mounted_now(
    tmp_path: Path, photos: Path
) -> None:
    with indexed(photos, tmp_path / "index") as both:
        both.run(plain=True)
        set_drive(both, 0, place_of_no_drive(tmp_path))
        (tmp_path / "mnt/other").mkdir(parents=True)
        photos.rename(tmp_path / "mnt/other/usb")
        assert both.run(plain=True, roots=[tmp_path / "mnt"]).moved == 13
        assert roots(both) == [tmp_path / "mnt"]


def test_files_that_were_moved_out_of_a_root_leave_it_indexed(tmp_path: Path, photos: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    with indexed(photos, tmp_path / "index", archive) as both:
        both.run(plain=True)
        for path in photos.iterdir():
            path.rename(archive / path.name)
        report = both.run(plain=True)
        assert (report.moved, report.new) == (13, 0)
        assert roots(both) == [photos, archive], "more may come into it"
        sample_files.text(photos / "more.txt", "red")
        assert both.run(plain=True).new == 1


@pytest.mark.thorough
@pytest.mark.parametrize("move", MOVES, ids=["renamed", "copied"])
def test_files_of_which_no_content_is_known_move_too(
    tmp_path: Path, move: Callable[[Path, Path], object]
) -> None:
    folder, big = tmp_path / "media", tmp_path / "big"
    folder.mkdir()
    big.mkdir()
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (folder / "program.bin").write_bytes(bytes(range(256)) * 4)
    sample_files.text(folder / "a.txt", "red")
    with indexed(folder, tmp_path / "index") as both:
        both.run()
        assert list(both.problems.values()) == ["broken"]
        tag(both.catalog, [folder], "mine")
        move(folder, big / "media")
        report = both.run(roots=[big])
        assert (report.moved, report.new, report.skipped) == (2, 0, {}), "the problem is known"
        assert roots(both) == [big]
        assert tags(both) == {"mine": 3}
        assert both.run(retry_failed=True).skipped == {"broken": 1}


def test_a_drive_is_told_from_another_one(tmp_path: Path) -> None:
    drive = drive_of(tmp_path)
    assert drive is not None
    assert is_connected(drive)
    assert drive_of(tmp_path / "not/there") == drive, "it is asked for what has gone, too"
    assert not is_connected((drive[0], drive[1] + 1))
    assert not is_connected(place_of_no_drive(tmp_path))
    (tmp_path / "mnt").mkdir()
    assert not is_connected(place_of_no_drive(tmp_path)), "a folder that is no mount point"


N_AWAY = 3000


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Indexed]:
    """An index over `here` and a drive of very many files that is away; a tenth of them failed, so nobody knows their
    content."""
    here, drive = tmp_path / "here", tmp_path / "drive"
    here.mkdir()
    sample_files.text(here / "own.txt", "red")
    with indexed(drive, tmp_path / "index", here) as both:
        sample_files.text(drive / "one.txt", "green")
        both.run(plain=True)
        failed = "failed", "decode", "No picture."
        rows = (
            (
                f"d/{i}".encode(),
                100 + i,
                i,
                i + 1,
                *((hash_of(str(i)), None, None, None) if i % 10 else (b"", *failed)),
            )
            for i in range(N_AWAY)
        )
        with both.catalog.begin() as writer:
            writer.database.run_many(
                "INSERT INTO files (root, path, size, mtime_ns, inode, content_hash, problem_code, problem_stage,"
                " problem_reason, modality, state, change) VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, 'text', 'ok', 1)",
                rows,
            )
        shutil.rmtree(drive)
        yield both


def test_a_run_reads_few_records_of_a_root_that_is_not_there(
    away: Indexed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many it has: a run after one change, over all roots, and over a new folder that may be the old one."""
    read: list[FileRecord] = []

    def counted(row: object) -> FileRecord:
        read.append(record(row))
        return read[-1]

    record = codec.file_record
    monkeypatch.setattr(codec, "file_record", counted)
    monkeypatch.setattr(moved_root, "SAMPLE", 20)
    here, new = tmp_path / "here", tmp_path / "new"
    sample_files.text(here / "own.txt", "red blue")
    assert away.run(plain=True, roots=[here]).changed == 1
    sample_files.text(here / "own.txt", "blue")
    with pytest.raises(RootUnavailable):
        away.run(plain=True)
    new.mkdir()
    sample_files.text(new / "new.txt", "green red")
    assert away.run(plain=True, roots=[new]).new == 1
    assert len(read) < 100


def test_failed_files_of_a_very_large_root_are_recognised_where_they_lie_now(
    away: Indexed, tmp_path: Path
) -> None:
    new = tmp_path / "new/d"
    new.mkdir(parents=True)
    for i in (10, 20):
        (new / f"{i}").write_bytes(bytes(100 + i))
        os.utime(new / f"{i}", ns=(i, i))
    (new / "30").write_bytes(bytes(130))  # another time: nobody's
    report = away.run(plain=True, roots=[tmp_path / "new"])
    assert (report.moved, report.new) == (2, 1)
    (remark,) = remarks(away)
    assert f"{N_AWAY - 1:,} other files stay" in remark
