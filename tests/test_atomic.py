"""A file is written whole or not at all, and is on the disk before its name is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from waiting import BRAKE_S

from anyseek import atomic


def test_the_new_content_takes_the_place_of_the_old_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Synced, renamed, and the folder synced: in this order nothing that was said to be there can be lost."""
    path = tmp_path / "x"
    path.write_text("old")
    steps: list[tuple[str, str, str]] = []
    fsync, rename = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        steps.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name, path.read_text()))

    def watched_rename(self: Path, target: Any) -> Path:
        steps.append(("rename", self.name, path.read_text()))
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_rename)
    atomic.write(path, "new")
    assert path.read_text() == "new"
    assert steps == [("sync", ".x.part", "old"), ("rename", ".x.part", "old"), ("sync", tmp_path.name, "new")]
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic.replacing(path) as file:
            file.write(b"ne")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def written(path: Path) -> None:
    with atomic.writing(path) as file:
        file.write(b"..w")
        file.seek(0)
        file.write(b"ne")


def test_a_file_that_people_name_keeps_its_links_mode_and_owner(tmp_path: Path) -> None:
    path, link, another = tmp_path / "x", tmp_path / "link", tmp_path / "another link"
    path.write_text("old")
    path.chmod(0o640)
    with suppress(PermissionError):
        os.chown(path, 12345, 54321)
    before = path.stat()
    link.symlink_to("x")
    another.symlink_to(link)
    written(another)
    assert link.is_symlink()
    assert another.is_symlink()
    assert path.read_text() == "new"
    now = path.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    path.unlink()
    written(link)  # which leads to nothing yet
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == [another, link, path]


def test_a_link_that_leads_round_in_a_circle_stays_and_is_an_error(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match="symbolic links"):
        written(link)
    assert list(tmp_path.iterdir()) == [link]
    assert link.is_symlink()


def test_what_fails_half_way_leaves_a_file_that_people_name_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def fail() -> None:
        with atomic.writing(path) as file:
            file.write(b"ne")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_and_a_device_get_the_content_and_stay_what_they_are(tmp_path: Path) -> None:
    pipe, null = tmp_path / "pipe", tmp_path / "null"
    os.mkfifo(pipe)
    null.symlink_to(os.devnull)
    with ThreadPoolExecutor(1) as thread:
        content = thread.submit(pipe.read_text)
        written(pipe)
        assert content.result() == "new"
    written(null)
    assert pipe.is_fifo()
    assert null.is_char_device()
    assert sorted(tmp_path.iterdir()) == [null, pipe]


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_an_open_descriptor_gets_the_content_after_what_was_there(tmp_path: Path, folder: str) -> None:
    """As of a shell's `>> all.jsonl`."""
    path = tmp_path / "all"
    path.write_text("old ")
    link = tmp_path / "stdout"
    with path.open("ab") as file:
        link.symlink_to(f"{folder}/{file.fileno()}")
        written(link)
        file.write(b" more")
    assert path.read_text() == "old new more"


def test_what_need_not_be_durable_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    path = tmp_path / "x"
    path.write_text("old")
    atomic.write(path, "new", durable=False)
    assert (path.read_text(), list(tmp_path.iterdir()), synced) == ("new", [path], [])


def test_writers_at_the_same_moment_each_write_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    together, sync = threading.Barrier(2), os.fsync

    def synced(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            together.wait(BRAKE_S)  # both have written, and neither has renamed
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(atomic.write, path, text, is_shared=True) for text in ("one", "another")]:
            done.result()
    assert path.read_text() in ("one", "another")
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_what_people_name_at_the_same_moment_do_not_mix(tmp_path: Path) -> None:
    path, together = tmp_path / "x", threading.Barrier(2)

    def write(part: bytes) -> None:
        with atomic.writing(path) as file:
            file.write(part)
            file.flush()
            together.wait(BRAKE_S)
            file.write(part)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, part) for part in (b"a", b"bcd")]:
            done.result()
    assert path.read_bytes() in (b"aa", b"bcdbcd")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_process_that_is_gone_left_of_a_shared_file_is_removed_and_no_others(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    path = tmp_path / "1.npz"
    left = [f".1.npz.{gone.pid}-1.part", f".1.npz.{2**70}-1.part"]
    others = [f".1.npz.{os.getpid()}-1.part", f".2.npz.{gone.pid}-1.part", ".1.npz.part", ".1.npz.x-1.part"]
    for name in (*left, *others):
        (tmp_path / name).touch()
    atomic.remove_left(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "𝄞" * 63, "x" * 200, "x" * 201])
def test_a_name_of_any_length_that_a_file_can_have_is_written(tmp_path: Path, name: str) -> None:
    path, other = tmp_path / name, tmp_path / (name[:-1] + "y")
    with atomic.writing(path) as one, atomic.writing(other) as two:
        one.write(b"one")
        two.write(b"two")
    assert (path.read_bytes(), other.read_bytes()) == (b"one", b"two")
    assert sorted(tmp_path.iterdir()) == sorted([path, other])


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_what_lies_in_the_place_of_the_unfinished_file_is_not_written_to(tmp_path: Path, kind: str) -> None:
    path, precious = tmp_path / "x", tmp_path / "precious"
    precious.write_text("mine")
    unfinished = atomic.partial(path)
    os.mkfifo(unfinished) if kind == "pipe" else unfinished.symlink_to(precious)
    atomic.write(path, "new")
    assert path.read_text() == "new"
    assert not path.is_symlink()
    assert precious.read_text() == "mine"
