"""A file below a root is opened without a link on the way, whoever puts one there, and when."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from anyseek import opening
from anyseek.opening import FileBelow, NotRegular, is_link_error, open_file, open_folder, stat_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with `a/b/file`; beside it, a folder `outside` with the same names and other contents."""
    for top, words in (("root", "inside"), ("outside", "secret")):
        (tmp_path / top / "a" / "b").mkdir(parents=True)
        (tmp_path / top / "a" / "b" / "file").write_text(words)
    return tmp_path / "root"


def read(file: opening.AnyFile) -> str:
    with os.fdopen(open_file(file), "rb") as opened:
        return opened.read().decode()


def swap(path: Path, target: Path) -> None:
    path.rename(path.with_name("away"))
    path.symlink_to(target)


def test_it_is_read(root: Path) -> None:
    assert read(FileBelow(str(root), "a/b/file")) == "inside"
    (root / "top").write_text("top")
    assert read(FileBelow(str(root), "top")) == "top"
    assert os.fspath(FileBelow(str(root), "a/b/file")) == str(root / "a/b/file")


def test_the_root_may_be_a_link_and_so_may_a_file_that_somebody_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert read(FileBelow(str(tmp_path / "link"), "a/b/file")) == "inside"
    assert read(str(tmp_path / "link/a/b/file")) == "inside"
    os.close(open_folder(str(tmp_path / "link"), ""))


@pytest.mark.parametrize("place", ["a", "a/b", "a/b/file"])
def test_a_link_below_the_root_is_not_followed(root: Path, tmp_path: Path, place: str) -> None:
    swap(root / place, tmp_path / "outside" / place)
    with pytest.raises(OSError, match="link") as error:
        open_file(FileBelow(str(root), "a/b/file"))
    assert is_link_error(error.value)
    if place != "a/b/file":
        with pytest.raises(OSError, match="link"):
            open_folder(str(root), "a/b")


@pytest.mark.parametrize(
    "path", ["../outside/a/b/file", "a/../../outside/a/b/file", "a/b/..", "a/b/.", "", "a/b/"]
)
def test_the_way_goes_down_only(root: Path, path: str) -> None:
    with pytest.raises(OSError, match="not a name"):
        open_file(FileBelow(str(root), path))


def test_an_absolute_path_is_taken_below_the_root(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_file(FileBelow(str(root), str(tmp_path / "outside/a/b/file")))


@pytest.mark.parametrize("at", ["stat", "open"])
@pytest.mark.parametrize("place", ["a", "a/b", "a/b/file"])
def test_a_swap_in_the_middle_of_opening_leads_nowhere(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, place: str
) -> None:
    """Right before, and right after, each step: what is read is what was there, or nothing."""
    original: Callable[..., Any] = getattr(os, at)
    for is_after in (False, True):
        with monkeypatch.context() as patch:

            def racing(name: Any, *arguments: Any, is_after: bool = is_after, **keywords: Any) -> Any:
                is_here = name == os.path.basename(place) and not (root / place).is_symlink()
                if is_here and not is_after:
                    swap(root / place, tmp_path / "outside" / place)
                try:
                    return original(name, *arguments, **keywords)
                finally:
                    if is_here and is_after:
                        swap(root / place, tmp_path / "outside" / place)

            patch.setattr(opening.os, at, racing)
            seen: object = None
            try:
                seen = read(FileBelow(str(root), "a/b/file"))
            except OSError as error:
                seen = error.errno
            assert seen in ("inside", errno.ELOOP, errno.ENOTDIR)
        if (root / place).is_symlink():
            (root / place).unlink()
            (root / place).with_name("away").rename(root / place)


def test_what_is_no_file_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "a" / "pipe")
    with pytest.raises(NotRegular):
        open_file(FileBelow(str(root), "a/pipe"))
    with pytest.raises(NotRegular):
        open_file(FileBelow(str(root), "a/b"))
    with pytest.raises(NotRegular):
        open_file(str(root / "a/pipe"))
    with pytest.raises(NotADirectoryError):
        open_file(FileBelow(str(root), "a/b/file/more"))
    with pytest.raises(FileNotFoundError):
        open_file(FileBelow(str(root), "a/c/file"))
    with pytest.raises(ValueError, match="null"):
        open_file(FileBelow(str(root), "a/\0"))


def test_a_name_that_is_no_utf_8_is_opened(root: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (root / name).write_text("coffee")
    assert read(FileBelow(str(root), name)) == "coffee"


@pytest.mark.thorough
@pytest.mark.own_process
def test_no_descriptor_is_left_open(root: Path, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for path in ("a/b/file", "a/b/none", "a/none/file", "a/b", "../x", "a/b/file/x"):
        with suppress(OSError):
            os.close(open_file(FileBelow(str(root), path)))
    os.close(open_folder(str(root), "a/b"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_lies_there_is_looked_at_without_a_link_on_the_way(root: Path) -> None:
    assert stat_file(FileBelow(str(root), "a/b/file")).st_size == len("inside")
    (root / "a/link").symlink_to(root / "a/b/file")
    assert stat.S_ISLNK(stat_file(FileBelow(str(root), "a/link")).st_mode)
    swap(root / "a", root.parent / "outside" / "a")
    with pytest.raises(OSError, match="link") as caught:
        stat_file(FileBelow(str(root), "a/b/file"))
    assert is_link_error(caught.value)
    for path in ("", "..", "a/.."):
        with pytest.raises(OSError):
            stat_file(FileBelow(str(root), path))
