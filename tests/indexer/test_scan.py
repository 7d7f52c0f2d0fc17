"""The walk: what is seen, in which order, and what is left alone."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseek.contracts import SeenFile
from anyseek.indexer import scan as scanning
from anyseek.indexer.ignore import exclusions
from anyseek.indexer.scan import Unread, scan


def seen(folder: Path, **options: object) -> list[str]:
    return [item.path for item in scan(0, str(folder), **options) if isinstance(item, SeenFile)]  # type: ignore[arg-type]


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def test_every_regular_file_with_its_facts(tmp_path: Path) -> None:
    put(tmp_path, "b/c.txt", "a.txt")
    facts = (tmp_path / "a.txt").stat()
    first, second = scan(3, str(tmp_path))
    assert first == SeenFile(3, "a.txt", facts.st_size, facts.st_mtime_ns, facts.st_ino)
    assert second.path == "b/c.txt"


def test_a_folder_that_is_replaced_meanwhile_has_the_facts_of_the_one_that_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "root", "a/file")
    put(tmp_path, "outside/secret")
    inode = (tmp_path / "root/a").stat().st_ino
    real = scanning.open_folder

    def replaced(root: str, path: str) -> int:
        handle = real(root, path)
        if path == "a/":
            (tmp_path / "root/a").rename(tmp_path / "root/away")
            (tmp_path / "root/a").symlink_to(tmp_path / "outside")
        return handle

    monkeypatch.setattr(scanning, "open_folder", replaced)
    folders: dict[bytes, scanning.FolderFacts] = {}
    list(scan(0, str(tmp_path / "root"), folders=folders))
    assert folders == {b"a": (inode, False)}


def test_hidden_things_and_indexes_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "seen", ".hidden", ".git/config", "a/.x", ".anyseek/catalog.sqlite")
    put(tmp_path, "elsewhere/catalog.sqlite", "elsewhere/CACHEDIR.TAG", "elsewhere/vectors/1.0.f16")
    put(tmp_path, "cache/CACHEDIR.TAG", "cache/picture")  # a cache of someone else's is no index
    assert seen(tmp_path) == ["cache/CACHEDIR.TAG", "cache/picture", "seen"]


def test_links_are_not_followed_and_special_files_not_seen(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    put(outside, "secret")
    put(folder, "real")
    (folder / "to_folder").symlink_to(outside)
    (folder / "to_file").symlink_to(outside / "secret")
    (folder / "to_itself").symlink_to(folder)
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        before = Path.cwd()
        os.chdir(folder)  # the address of a socket has at most 108 bytes
        listener.bind("socket")
        os.chdir(before)
        assert seen(folder) == ["real"]


def test_a_root_that_is_itself_a_link_is_walked(tmp_path: Path) -> None:
    put(tmp_path / "real", "a")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert seen(tmp_path / "link") == ["a"]


@pytest.mark.parametrize("name", ["é ü 猫", "line\nbreak", os.fsdecode(b"\xff\xfe"), "a\tb\\", "-rf", "'\"$"])
def test_any_name_the_system_allows(tmp_path: Path, name: str) -> None:
    folder = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    os.mkdir(folder)
    Path(os.fsdecode(os.path.join(folder, os.fsencode(name)))).write_text("x")
    assert seen(tmp_path) == [f"{name}/{name}"]


def test_an_unreadable_folder_is_unread_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/1", "b/2", "c/3")
    listing = scanning._listing

    def refuse(base: bytes, path: bytes) -> tuple[list[bytes], bool, bool]:
        if path == b"b/":
            raise PermissionError(13, "Permission denied")
        return listing(base, path)

    monkeypatch.setattr(scanning, "_listing", refuse)
    found = list(scan(0, str(tmp_path)))
    assert [item.path for item in found] == ["a/1", "b/", "c/3"]
    assert found[1] == Unread(0, "b/", "Permission denied")
    assert found[1].covers("b/2")
    assert found[1].covers("b/deep/er")
    assert not found[1].covers("b")
    assert not found[1].covers("bb/2")


def test_a_root_that_is_not_there_is_unread_as_a_whole(tmp_path: Path) -> None:
    (found,) = scan(0, str(tmp_path / "gone"))
    assert isinstance(found, Unread)
    assert found.covers("anything/at/all")


def test_a_file_that_vanishes_during_the_walk_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a", "b", "c")
    walk = scan(0, str(tmp_path))
    assert next(walk).path == "a"
    (tmp_path / "b").unlink()
    assert [item.path for item in walk] == ["c"]


def test_a_folder_that_vanishes_or_turns_into_a_link_during_the_walk(tmp_path: Path) -> None:
    put(tmp_path, "a", "folder/x", "outside/secret")
    walk = scan(0, str(tmp_path / "."))
    assert next(walk).path == "a"
    (tmp_path / "folder" / "x").unlink()
    (tmp_path / "folder").rmdir()
    later = list(walk)
    assert isinstance(later[0], Unread)
    assert [item.path for item in later[1:]] == ["outside/secret"]


def test_other_roots_below_are_left_to_themselves(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "a/b/2", "c/3")
    assert seen(tmp_path, other_roots={"a/b/"}) == ["a/1", "c/3"]


def test_ignore_files_and_exclusions(tmp_path: Path) -> None:
    put(
        tmp_path,
        "keep.txt",
        "drop.log",
        "sub/drop.log",
        "sub/keep.log",
        "build/x",
        "deep/build/y",
        "only/here",
    )
    (tmp_path / ".anyseekignore").write_text("*.log\nbuild/\n/here\n")
    (tmp_path / "sub" / ".anyseekignore").write_text("!keep.log\n")
    assert seen(tmp_path) == ["keep.txt", "only/here", "sub/keep.log"]
    assert seen(tmp_path, rules=exclusions(["only", "*.txt"])) == ["sub/keep.log"]


@pytest.mark.thorough
def test_a_deep_tree_needs_no_recursion(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(1500):  # deeper than Python's stack; the path is 3,000 characters long
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("file", os.O_CREAT, dir_fd=here))
    finally:
        os.close(here)
    try:
        assert seen(tmp_path) == ["d/" * 1500 + "file"]
    finally:
        os.system(f"rm -rf '{tmp_path}/d'")


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=4).filter(
    lambda name: not name.startswith(".") and len(name.encode()) < 200
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(names, min_size=1, max_size=3), max_size=12))
def test_the_order_is_that_of_the_bytes_of_the_path(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for parts in paths:
        place = folder.joinpath(*parts)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # a file of one path is a folder of another
    found = seen(folder)
    expected = [os.fsencode(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert [os.fsencode(path) for path in found] == sorted(expected)


@pytest.mark.slow
def test_a_hundred_thousand_files_in_seconds(tmp_path: Path) -> None:
    for i in range(100):
        (tmp_path / f"d{i}").mkdir()
        for j in range(1000):
            os.close(os.open(tmp_path / f"d{i}" / f"f{j}", os.O_CREAT | os.O_WRONLY))
    started = time.process_time()
    assert sum(1 for _ in scan(0, str(tmp_path))) == 100_000
    assert time.process_time() - started < 10
