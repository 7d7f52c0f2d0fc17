"""A disk that fills up: DiskFull, nothing committed is lost, and it goes on when there is space again."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from indexes import contents, new_index, put, unit_rows

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.errors import AnyseekError, DiskFull


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four mebibytes, where we may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    told = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        pytest.skip(f"no right to mount here: {told.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(catalog: Catalog, space: int, segments: int) -> tuple[dict[str, list[bytes]], int]:
    """Write until it fails; what was there after the last commit, and how many commits there were."""
    for i in range(10_000):
        with catalog.read() as snapshot:
            before = contents(snapshot)
        try:
            with catalog.begin() as writer:
                put(writer, space, f"file {i}", unit_rows(segments, i))
        except DiskFull as error:
            assert str(catalog.folder) in str(error)  # noqa: PT017
            return before, i
    raise AssertionError("the disk never filled up")


@pytest.mark.parametrize("segments", [40, 2000])
def test_a_full_disk(small_disk: Path, segments: int) -> None:
    catalog, space = new_index(small_disk / "photos", 1)
    balloon = small_disk / "balloon"
    balloon.write_bytes(bytes(300_000))
    with catalog:
        before, commits = fill(catalog, space, segments)
        assert commits > 1
        with catalog.read() as snapshot:  # reading goes on, in this process
            assert contents(snapshot) == before
        with pytest.raises(DiskFull), catalog.begin() as writer:
            put(writer, space, "big", unit_rows(60_000))
    with Catalog.open(catalog.folder) as again:  # and in a new one
        with again.read() as snapshot:
            assert contents(snapshot) == before
        balloon.unlink()
        with again.begin() as writer:
            put(writer, space, "next", unit_rows(1))
        with again.read() as snapshot:
            assert contents(snapshot).keys() == before.keys() | {"next"}
    assert check(catalog.folder) == []


def test_no_room_to_compact(small_disk: Path) -> None:
    catalog, space = new_index(small_disk / "photos")
    with catalog:
        with catalog.begin() as writer:
            put(writer, space, "keep", unit_rows(5_000))
            gone = put(writer, space, "gone", unit_rows(10))
        with catalog.begin() as writer:
            writer.delete([gone])
        (small_disk / "balloon").write_bytes(b"x")
        _fill_up(small_disk / "balloon")
        with catalog.read() as snapshot:
            before = contents(snapshot)
        with pytest.raises(DiskFull):
            catalog.compact(space)
        with catalog.read() as snapshot:
            assert contents(snapshot) == before
        (small_disk / "balloon").unlink()
    assert check(catalog.folder) == []


def _fill_up(path: Path) -> None:
    with pytest.raises(OSError), path.open("ab", buffering=0) as file:  # noqa: PT012
        while True:
            file.write(bytes(4096))


def test_no_room_for_a_new_index(small_disk: Path) -> None:
    _fill_up(small_disk / "balloon")
    with pytest.raises(DiskFull):
        Catalog.create(small_disk / "index", [small_disk])
    (small_disk / "balloon").unlink()
    Catalog.create(small_disk / "index", [small_disk]).close()


@pytest.mark.thorough
def test_a_limit_on_file_size(tmp_path: Path) -> None:
    """The same where nothing can be mounted: the system refuses to let files grow."""
    catalog, space = new_index(tmp_path, 2)
    with catalog, catalog.read() as snapshot:
        before = contents(snapshot)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            with Catalog.open(catalog.folder) as again, again.begin() as writer:
                put(writer, space, "big", unit_rows(20_000))
        except DiskFull:
            code = 0
        except AnyseekError:
            code = 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        assert contents(snapshot) == before
