"""Where the indexed folders are when the index, or what lies around it, was moved or copied."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import WordEmbedder
from indexes import card, hash_of, seen, sql, unit_rows

import anyseek
from anyseek.catalog import places, root_places
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.repair import repair
from anyseek.contracts import Modality, Span
from anyseek.errors import IndexDamaged

NAMES = ("a.txt", "b/c.txt", "b/d.txt", "z.txt")


def fill(folder: Path, names: Sequence[str] = NAMES, text: str = "of ours") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text} {name}")
    return folder


def index_of(index: Path, *roots: Path) -> Path:
    """An index that knows the files that lie in these folders."""
    with Catalog.create(index, roots) as catalog, catalog.begin() as writer:
        space = writer.ensure_space(card())
        for number, root in enumerate(roots):
            for path in sorted(root.rglob("*.txt")):
                facts = path.stat()
                name = path.relative_to(root).as_posix()
                file = seen(name, number, size=facts.st_size, mtime_ns=facts.st_mtime_ns)
                file_id = writer.put_file(file, hash_of(name), Modality.TEXT)
                writer.add_segments(file_id, space, Modality.TEXT, [(Span(0, 1), name)], unit_rows(1))
    return index


def where(index: Path) -> list[Path]:
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        return list(snapshot.roots().values())


def recorded(index: Path) -> list[tuple[bytes, bytes]]:
    with Catalog.open(index) as catalog, catalog.read() as snapshot:
        return snapshot.database.all("SELECT path, relative FROM roots ORDER BY root")


def codes(index: Path) -> list[str]:
    return [finding.code for finding in check(index)]


@contextmanager
def counted_looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The files that are looked at."""
    looks: list[object] = []
    real = root_places.stat_file

    def look(file: object) -> os.stat_result:
        looks.append(file)
        return real(file)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(root_places, "stat_file", look)
        yield looks


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder that holds an index of itself and of the folder beside it, Music."""
    music = fill(tmp_path / "me/Music", ("s1.txt", "s2.txt"))
    folder = fill(tmp_path / "me/Pictures")
    index_of(folder / ".anyseek", folder, music)
    return folder


# ---------------------------------------------------------------- what moves with an index


def test_all_that_moves_together_is_where_it_is_now(pictures: Path, tmp_path: Path) -> None:
    pictures.parent.rename(tmp_path / "mount")
    mount = tmp_path / "mount"
    assert where(mount / "Pictures/.anyseek") == [mount / "Pictures", mount / "Music"]


def test_a_drive_that_is_mounted_below_where_it_was(tmp_path: Path) -> None:
    drive = fill(tmp_path / "mnt")
    index_of(drive / ".anyseek", drive)
    drive.rename(tmp_path / "aside")
    drive.mkdir()
    (tmp_path / "aside").rename(drive / "usb")
    assert where(drive / "usb/.anyseek") == [drive / "usb"]
    assert codes(drive / "usb/.anyseek") == []


@pytest.mark.parametrize("keeps_times", [True, False])
def test_the_index_in_a_copied_folder_is_of_the_copy(
    pictures: Path, tmp_path: Path, keeps_times: bool
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pictures, copy, copy_function=shutil.copy2 if keeps_times else shutil.copyfile)
    assert where(copy / ".anyseek") == [copy, pictures.parent / "Music"]
    assert where(pictures / ".anyseek") == [pictures, pictures.parent / "Music"]


def test_some_files_may_have_gone_or_changed_meanwhile(pictures: Path, tmp_path: Path) -> None:
    pictures.rename(tmp_path / "now")
    (tmp_path / "now/a.txt").unlink()
    (tmp_path / "now/z.txt").write_text("something else")
    assert where(tmp_path / "now/.anyseek")[0] == tmp_path / "now"


def test_an_index_that_moves_with_its_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    index_of(folder / ".anyseek", folder)
    folder.rename(tmp_path / "newer")
    assert where(tmp_path / "newer/.anyseek") == [tmp_path / "newer"]


# ---------------------------------------------------------------- what does not


def test_a_folder_of_the_same_name_beside_the_moved_one_is_another(pictures: Path, tmp_path: Path) -> None:
    fill(tmp_path / "usb/Music", ("diary.txt",))
    pictures.rename(tmp_path / "usb/Pictures")
    assert where(tmp_path / "usb/Pictures/.anyseek") == [tmp_path / "usb/Pictures", tmp_path / "me/Music"]


@pytest.mark.parametrize("names", [("diary.txt",), ("s1.txt", "s2.txt")])
def test_a_strange_folder_does_not_stand_for_one_that_is_gone(
    pictures: Path, tmp_path: Path, names: Sequence[str]
) -> None:
    """Whatever its files are called."""
    fill(tmp_path / "usb/Music", names, "of theirs, and longer")
    pictures.rename(tmp_path / "usb/Pictures")
    shutil.rmtree(tmp_path / "me/Music")
    assert where(tmp_path / "usb/Pictures/.anyseek")[1] == tmp_path / "me/Music"


def test_empty_files_of_the_same_names_prove_nothing(tmp_path: Path) -> None:
    folder, names = tmp_path / "me/package", ("__init__.py.txt", "sub/__init__.py.txt")
    for root in (folder, tmp_path / "theirs/package"):
        fill(root, names)
        for name in names:
            (root / name).write_text("")
            os.utime(root / name, (1e9, 1e9) if root == folder else (1.1e9, 1.1e9))
    index = index_of(tmp_path / "me/index", folder)
    index.rename(tmp_path / "theirs/index")
    folder.rename(tmp_path / "aside")
    assert where(tmp_path / "theirs/index") == [folder]
    shutil.rmtree(tmp_path / "theirs/package")
    (tmp_path / "aside").rename(tmp_path / "theirs/package")
    assert where(tmp_path / "theirs/index") == [tmp_path / "theirs/package"]


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_backup_of_the_index_alone_is_of_the_folder_that_was_indexed(
    pictures: Path, tmp_path: Path, is_gone: bool
) -> None:
    home = fill(tmp_path / "home", ("secret.txt",))
    shutil.copytree(pictures / ".anyseek", home / "backup")
    if is_gone:
        shutil.rmtree(pictures.parent)
    assert where(home / "backup") == [pictures, pictures.parent / "Music"]
    assert codes(home / "backup") == []


@pytest.mark.parametrize("is_inside", [False, True])
def test_a_folder_that_was_named_with_two_slashes_is_the_one_that_is_meant(
    tmp_path: Path, is_inside: bool
) -> None:
    """POSIX keeps two at the beginning of a path."""
    media = fill(tmp_path / "media")
    odd = Path(f"/{media}")
    assert str(odd).startswith("//")
    with anyseek.create(odd, index=None if is_inside else tmp_path / "index", model=WordEmbedder()) as made:
        made.add(workers=1)
        made.tags.add("ours", f"{odd}/a.txt")
        index = made.folder
        assert made.roots() == [media]
        assert [json.loads(line)["path"] for line in made.tags.lines()] == [str(media / "a.txt")]
    assert codes(index) == []
    with Catalog.open(Path(f"/{index}")) as catalog, catalog.read() as snapshot:
        assert list(snapshot.roots().values()) == [media]


def test_two_slashes_that_were_recorded_are_put_right(tmp_path: Path) -> None:
    media = fill(tmp_path / "media")
    index = index_of(tmp_path / "index", media)
    sql(index, f"UPDATE roots SET path = CAST('/{media}' AS BLOB)")
    assert codes(index) == ["places-damaged"]
    repair(index, check(index))
    assert codes(index) == []
    assert recorded(index) == [(os.fsencode(media), b"../media")]


def test_a_folder_that_holds_the_index_now_and_did_not_before_is_not_taken(tmp_path: Path) -> None:
    """Even where all files of a folder lie in it."""
    photos = fill(tmp_path / "me/photos")
    index = index_of(tmp_path / "me/deep/index", photos)
    (tmp_path / "photos/in").mkdir(parents=True)
    index.rename(tmp_path / "photos/in/index")
    fill(tmp_path / "photos")
    photos.rename(tmp_path / "me/gone")
    assert where(tmp_path / "photos/in/index") == [photos]


def test_a_link_among_the_files_proves_nothing(pictures: Path, tmp_path: Path) -> None:
    strange = tmp_path / "usb/Music"
    strange.mkdir(parents=True)
    for name in ("s1.txt", "s2.txt"):
        (strange / name).symlink_to(tmp_path / "me/aside" / name)
    (tmp_path / "me/Music").rename(tmp_path / "me/aside")
    pictures.rename(tmp_path / "usb/Pictures")
    assert where(tmp_path / "usb/Pictures/.anyseek")[1] == tmp_path / "me/Music"


# ---------------------------------------------------------------- how much is looked at


def test_nothing_is_looked_at_while_the_index_lies_where_it_lay(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted_looks(monkeypatch) as looks:
        where(pictures / ".anyseek")
    assert looks == []


def test_a_few_files_from_all_over_a_folder_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "old", [f"{letter}/{n}.txt" for letter in "abcdefgh" for n in range(20)])
    index_of(folder / ".anyseek", folder)
    folder.rename(tmp_path / "new")
    with counted_looks(monkeypatch) as looks:
        assert where(tmp_path / "new/.anyseek") == [tmp_path / "new"]
    folders = {os.path.dirname(os.fspath(file)) for file in looks}  # type: ignore[call-overload]
    assert 2 < len(folders) <= len(looks) < 10


# ---------------------------------------------------------------- records


def test_a_run_records_where_the_folders_have_shown_themselves(pictures: Path, tmp_path: Path) -> None:
    pictures.parent.rename(tmp_path / "mount")
    index = tmp_path / "mount/Pictures/.anyseek"
    with Catalog.open(index) as catalog, catalog.begin() as writer:
        places.record_places(writer)
    at = os.fsencode(tmp_path / "mount")
    assert recorded(index) == [(at + b"/Pictures", b".."), (at + b"/Music", b"../../Music")]


def test_a_folder_that_shows_nothing_is_recorded_as_before(pictures: Path, tmp_path: Path) -> None:
    pictures.rename(tmp_path / "now")
    index, before = tmp_path / "now/.anyseek", recorded(tmp_path / "now/.anyseek")
    for name in NAMES:
        (tmp_path / "now" / name).unlink()
    fill(pictures, ("other.txt",))
    shutil.rmtree(tmp_path / "me/Music")
    with Catalog.open(index) as catalog, catalog.begin() as writer:
        places.record_places(writer)
    assert recorded(index) == before


def test_two_folders_that_lie_where_the_other_lay_do_not_clash(tmp_path: Path) -> None:
    roots = [fill(tmp_path / "me/one", ("1.txt",)), fill(tmp_path / "me/two", ("2.txt",))]
    index = index_of(tmp_path / "me/index", *roots)
    sql(index, "UPDATE roots SET path = CAST(replace(CAST(path AS TEXT), '/me/two', '/me/one2') AS BLOB)")
    sql(index, f"UPDATE roots SET path = CAST('{roots[1]}' AS BLOB) WHERE root = 0")
    with Catalog.open(index) as catalog, catalog.begin() as writer:
        places.record_places(writer)
        places.record_places(writer)
    assert where(index) == roots


@pytest.mark.parametrize(
    "way", [".", "..", "../..", "../../..", "/", "/etc", "../x", "../../Musik", "..//.", "", " "]
)
def test_a_damaged_way_leads_nowhere_and_is_put_right(pictures: Path, way: str) -> None:
    index = pictures / ".anyseek"
    before, roots = recorded(index), where(index)
    fill(pictures.parent / "Musik", ("other.txt",))
    for number, right in enumerate(("..", "../../Music")):
        if way == right:
            continue
        sql(index, f"UPDATE roots SET relative = CAST('{way}' AS BLOB) WHERE root = {number}")
        assert where(index) == roots
        assert codes(index) == ["places-damaged"]
        repair(index, check(index))
        assert codes(index) == []
        assert recorded(index) == before


def test_a_folder_whose_path_is_damaged_is_where_the_way_leads(pictures: Path) -> None:
    index = pictures / ".anyseek"
    before, roots = recorded(index), where(index)
    sql(index, "UPDATE roots SET path = CAST(replace(CAST(path AS TEXT), 'Music', 'Musik') AS BLOB)")
    assert where(index) == roots
    assert codes(index) == ["places-damaged"]
    repair(index, check(index))
    assert recorded(index) == before


@pytest.mark.parametrize("path", ["", "Pictures", "./x"])
def test_a_path_that_is_not_absolute_is_no_folder_of_the_one_a_command_runs_in(
    pictures: Path, path: str
) -> None:
    index = pictures / ".anyseek"
    sql(index, f"UPDATE roots SET path = CAST('{path}' AS BLOB) WHERE root = 0")
    with pytest.raises(IndexDamaged):
        where(index)
    assert codes(index) == ["places-damaged"]
    repair(index, check(index))
    assert where(index)[0] == pictures
