"""One writer; readers never wait; the dead never block."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from indexes import contents, new_index

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.locking import Holder, WriterLock, is_locked, read_holder
from anyseek.errors import AnyseekError, IndexLocked, UsageError

HOLD = """
import signal, sys
from pathlib import Path
from anyseek.catalog.locking import WriterLock
with WriterLock(Path(sys.argv[1]), "anyseek index /photos"):
    if "fork" in sys.argv:
        import os
        child = os.fork()
        if child == 0:
            signal.pause()  # until it is killed
        print(child, flush=True)
    else:
        print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


def test_the_second_writer_is_told_who_holds_it(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 1)
    child, _ = holder(catalog.folder)
    try:
        with pytest.raises(IndexLocked) as caught:  # at once: the first one holds it as long as we live
            catalog.lock("second").__enter__()
        told = str(caught.value)
        for fact in (str(child.pid), os.uname().nodename, "anyseek index /photos", time.strftime("%Y-")):
            assert fact in told
        assert is_locked(catalog.folder)
        with catalog, catalog.read() as snapshot:  # readers go on
            assert len(contents(snapshot)) == 1
    finally:
        end(child)


def test_a_dead_writer_does_not_block(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path)
    child, _ = holder(catalog.folder)
    end(child)
    left = read_holder(catalog.folder)
    assert left is not None
    assert left.pid == child.pid
    assert not is_locked(catalog.folder)
    with catalog, catalog.lock("next"):
        now = read_holder(catalog.folder)
        assert now is not None
        assert (now.pid, now.command) == (os.getpid(), "next")
    assert read_holder(catalog.folder) is None


def test_children_of_a_dead_writer_do_not_block(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path)
    child, grandchild = holder(catalog.folder, "fork")
    try:
        end(child)
        os.kill(int(grandchild), 0)  # it lives
        with catalog, catalog.lock("next"):
            pass
    finally:
        os.kill(int(grandchild), signal.SIGKILL)


def test_twice_in_one_process(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path)
    with catalog:
        with catalog.lock("one"):
            with pytest.raises(IndexLocked):
                catalog.lock("two").__enter__()
            assert is_locked(catalog.folder)
        with catalog.lock("two"):
            pass


def test_a_rival_in_the_making(tmp_path: Path) -> None:
    """Looking whether an index is locked never makes a writer fail."""
    catalog, _ = new_index(tmp_path)
    code = "import sys, time; from pathlib import Path; from anyseek.catalog.locking import is_locked\n"
    code += "print(1, flush=True)\nwhile True: is_locked(Path(sys.argv[1])), time.sleep(0.001)"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(catalog.folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        for _ in range(200):
            with WriterLock(catalog.folder, "x"):
                pass
    finally:
        end(child)
        catalog.close()


def test_odd_lock_files(tmp_path: Path) -> None:
    for text in (
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"pid": 1}',
        b'{"pid": "one", "host": "h", "since": 0, "command": "c"}',
    ):
        (tmp_path / "lock").write_bytes(text)
        assert read_holder(tmp_path) is None
        with WriterLock(tmp_path, "x"):
            pass


@pytest.mark.parametrize("since", ["1e300", "-1e300", "NaN", "Infinity", "-62135596801"])
def test_a_time_that_no_clock_has_is_no_bug(tmp_path: Path, since: str) -> None:
    (tmp_path / "lock").write_text(f'{{"pid": 1, "host": "h", "since": {since}, "command": "c"}}')
    assert str(read_holder(tmp_path)).startswith("process 1 on h, since ")
    with WriterLock(tmp_path, "x"):
        pass


def test_the_text_of_a_lock_cannot_steer_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "host": "\\u001b[31m", "since": 0, "command": "\\u0007"}')
    assert str(read_holder(tmp_path)).isprintable()


@pytest.mark.parametrize("text", [b"[" * 100_000, b"1" * 5000, b"x" * (8 << 20)])
def test_a_huge_lock_is_not_read_whole(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "lock").write_bytes(text)
    assert read_holder(tmp_path) is None


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_lock_is_told_and_not_touched(tmp_path: Path, kind: str) -> None:
    catalog, _ = new_index(tmp_path, 1)
    catalog.close()
    lock = catalog.folder / "lock"
    lock.unlink()
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    {"folder": lock.mkdir, "pipe": lambda: os.mkfifo(lock), "link": lambda: lock.symlink_to(precious)}[kind]()
    with pytest.raises(UsageError, match="The lock of an index is a file"):
        catalog.lock("x").__enter__()
    assert [finding.code for finding in check(catalog.folder)] == ["lock-not-a-file"]
    assert precious.read_text() == "mine"


def test_a_lock_that_cannot_be_seen_may_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctor then takes nothing for left over that a writer may be in the middle of."""
    assert not is_locked(tmp_path)

    def refused(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert is_locked(tmp_path)


def test_the_holder_of_a_later_version_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "host": "h", "since": 0, "command": "c", "x": 1}')
    assert read_holder(tmp_path) == Holder(1, "h", 0.0, "c")


def test_no_place_for_a_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(AnyseekError):
        WriterLock(tmp_path, "x").__enter__()


def test_transactions_of_two_processes_exclude_each_other(tmp_path: Path) -> None:
    """Even without the writer lock: neither loses what the other wrote."""
    catalog, space = new_index(tmp_path)
    catalog.close()
    code = (
        "import sys; from pathlib import Path; from indexes import put, unit_rows\n"
        "from anyseek.catalog.catalog import Catalog\n"
        "with Catalog.open(Path(sys.argv[1])) as c:\n"
        "    for i in range(30):\n"
        "        with c.begin() as w: put(w, int(sys.argv[2]), f'{sys.argv[3]}{i}', unit_rows(3, i))\n"
    )
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1] / "support"))
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(catalog.folder), str(space), name], env=env)
        for name in "ab"
    ]
    assert [child.wait() for child in children] == [0, 0]
    with Catalog.open(catalog.folder) as again, again.read() as snapshot:
        expected = {
            f"{name}{i}": [row.tobytes() for row in unit_rows_as_stored(i)]
            for name in "ab"
            for i in range(30)
        }
        assert contents(snapshot) == expected


def unit_rows_as_stored(seed: int) -> list[bytes]:
    from indexes import unit_rows

    return list(unit_rows(3, seed).astype("<f2"))  # type: ignore[arg-type]
