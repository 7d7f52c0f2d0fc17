"""What SQLite and the system refuse: each its own sentence, and damage only where what was read is wrong."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from indexes import contents, new_index, put, unit_rows

from anyseek.catalog import failures
from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.database import connect
from anyseek.catalog.failures import translated
from anyseek.catalog.repair import repair
from anyseek.errors import (
    AnyseekError,
    DiskFailed,
    DiskFull,
    IndexDamaged,
    IndexLocked,
    IndexNotFound,
    ReadOnlyIndex,
    SystemRefused,
    UsageError,
)
from anyseek.system_errors import as_anyseek, is_absent, of_named


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    catalog, _ = new_index(tmp_path, 3)
    catalog.close()
    return catalog.folder


# ---------------------------------------------------------------- of the system


@pytest.mark.parametrize(
    ("number", "cls", "word"),
    [
        (errno.ENOSPC, DiskFull, "space"),
        (errno.EDQUOT, DiskFull, "quota"),
        (errno.EFBIG, DiskFull, "ulimit -f"),
        (errno.EACCES, ReadOnlyIndex, "permission"),
        (errno.EROFS, ReadOnlyIndex, "written"),
        (errno.EIO, DiskFailed, "failed"),
        (errno.ESTALE, DiskFailed, "network"),
        (errno.ENOENT, IndexNotFound, "not there"),
        (errno.EMFILE, SystemRefused, "ulimit -n"),
        (errno.ENOMEM, SystemRefused, "memory"),
        (errno.ENOLCK, SystemRefused, "locks"),
        (errno.EBUSY, IndexLocked, "process"),
        (errno.EISDIR, UsageError, "folder"),
        (errno.EINVAL, SystemRefused, "refused"),
        (9999, SystemRefused, "refused"),
    ],
)
def test_each_refusal_of_the_system_has_its_own_sentence(
    tmp_path: Path, number: int, cls: type[AnyseekError], word: str
) -> None:
    with pytest.raises(AnyseekError) as caught, translated(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "vectors/1.0.f16"))
    assert type(caught.value) is cls
    text = f"{caught.value.message} {caught.value.hint}"
    assert word in text
    assert str(tmp_path) in text
    assert not re.search("[Rr]emove the|[Dd]elete the", caught.value.hint)


def test_no_two_refusals_share_a_sentence() -> None:
    numbers = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO, errno.ESTALE]
    numbers += [
        errno.ENOENT,
        errno.EMFILE,
        errno.ENOMEM,
        errno.ENOLCK,
        errno.EBUSY,
        errno.EISDIR,
        errno.ELOOP,
    ]
    assert len({as_anyseek(OSError(number, "x"), "it").hint for number in numbers}) >= len(numbers) - 1
    assert len({as_anyseek(OSError(number, "x"), "it").message for number in numbers}) == len(numbers)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE])
def test_what_cannot_be_seen_is_not_absent(number: int) -> None:
    def refused() -> None:
        raise OSError(number, "x")

    with pytest.raises(OSError, match="x"):
        is_absent(refused)
    assert is_absent(lambda: os.stat("/nothing/here"))
    assert not is_absent(lambda: os.stat("/"))


# ---------------------------------------------------------------- of SQLite


def deep(n: int) -> str:
    return f"SELECT {'(' * n}1{')' * n}"


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT 1 WHERE " + " OR ".join(["1 = 2"] * 2000), ()),
        (deep(2000), ()),
        (f"SELECT {','.join('?' * 300_000)}", (1,) * 300_000),
        ("SELECT " + " UNION ALL SELECT ".join("1" * 2000), ()),
        ("SELECT zeroblob(2000000000)", ()),
        ("SELECT ?", (1 << 70,)),
    ],
    ids=["terms", "brackets", "values", "parts", "bytes", "number"],
)
def test_a_question_beyond_the_bounds_is_no_damage(folder: Path, sql: str, values: tuple[int, ...]) -> None:
    database = connect(folder, writable=False)
    with pytest.raises(UsageError):
        database.first(sql, values)
    database.close()


def test_a_stopped_question_is_no_damage(folder: Path) -> None:
    database = connect(folder, writable=False)
    database._connection.set_progress_handler(lambda: 1, 1)
    with pytest.raises(SystemRefused, match="stopped"):
        database.first("SELECT count(*) FROM files, files, files")
    database.close()


def test_memory_that_sqlite_does_not_get_is_no_damage(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from anyseek.catalog.database import connect\n"
        "from anyseek.errors import SystemRefused\n"
        "d = connect(Path(sys.argv[1]), writable=False)\n"
        "d.run('PRAGMA hard_heap_limit = 200000').fetchall()\n"
        "try: d.first('SELECT length(group_concat(hex(zeroblob(9000000)))) FROM files')\n"
        "except SystemRefused as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert "memory" in ran.stdout


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (sqlite3.SQLITE_CORRUPT, IndexDamaged),
        (sqlite3.SQLITE_NOTADB, IndexDamaged),
        (sqlite3.SQLITE_CORRUPT_VTAB, IndexDamaged),
        (sqlite3.SQLITE_IOERR_READ, DiskFailed),
        (sqlite3.SQLITE_IOERR_FSYNC, DiskFailed),
        (sqlite3.SQLITE_IOERR_NOMEM, SystemRefused),
        (sqlite3.SQLITE_IOERR_LOCK, SystemRefused),
        (sqlite3.SQLITE_IOERR_SHMLOCK, SystemRefused),
        (sqlite3.SQLITE_NOMEM, SystemRefused),
        (sqlite3.SQLITE_PROTOCOL, IndexLocked),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, IndexLocked),
        (sqlite3.SQLITE_READONLY, ReadOnlyIndex),
        (sqlite3.SQLITE_READONLY_DBMOVED, IndexNotFound),
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_INTERRUPT, SystemRefused),
        (sqlite3.SQLITE_MISUSE, AnyseekError),
        (sqlite3.SQLITE_CONSTRAINT, AnyseekError),
    ],
)
def test_only_what_was_found_wrong_is_damage(folder: Path, code: int, cls: type[AnyseekError]) -> None:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    with pytest.raises(AnyseekError) as caught, translated(folder):
        raise error
    assert type(caught.value) is cls
    assert "remove" not in caught.value.hint
    assert caught.value.hint


def test_what_refuses_a_write_is_looked_for_with_a_small_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files have no holes, one that begins where a large catalog ends takes as much of the disk."""
    os.truncate(folder / "catalog.sqlite", 1 << 30)
    sizes: list[int] = []

    def noted(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(failures.os, "fsync", noted)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    with pytest.raises(AnyseekError), translated(folder):
        raise error
    assert sizes == [64 << 10]


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS])
def test_a_failed_write_of_sqlite_is_what_the_system_refuses_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """SQLite keeps the number to itself; the same write by us meets it too."""

    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(failures.os, "pwrite", refused)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    with pytest.raises(AnyseekError) as caught, translated(folder):
        raise error
    expected = as_anyseek(OSError(number, os.strerror(number)), f"the index in {folder}")
    assert (type(caught.value), str(caught.value)) == (type(expected), str(expected))


LIMITED = """
import resource, sys
from pathlib import Path
from indexes import put, unit_rows
from anyseek.catalog.catalog import Catalog
from anyseek.errors import AnyseekError
with Catalog.open(Path(sys.argv[1])) as catalog:
    resource.setrlimit(getattr(resource, sys.argv[2]), (int(sys.argv[3]),) * 2)
    try:
        for i in range(200):
            with catalog.begin() as writer:
                put(writer, 1, f"more{i}", unit_rows(50, i))
    except AnyseekError as error:
        print(type(error).__name__, error)
"""


def limited(folder: Path, what: str, value: int) -> str:
    support = str(Path(__file__).parents[1] / "support")
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), what, str(value)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=support),
    )
    return ran.stdout


def test_a_limit_of_file_sizes_is_told_and_costs_nothing(folder: Path) -> None:
    assert limited(folder, "RLIMIT_FSIZE", 200_000).startswith("DiskFull A file of the index")
    assert check(folder) == []


def test_a_limit_of_open_files_is_told_and_costs_nothing(folder: Path) -> None:
    assert limited(folder, "RLIMIT_NOFILE", 3).startswith("SystemRefused Too many files are open")
    assert check(folder) == []


# ---------------------------------------------------------------- unreadable is not gone


@pytest.mark.parametrize(("number", "cls"), [(errno.EACCES, ReadOnlyIndex), (errno.EIO, DiskFailed)])
def test_vectors_that_cannot_be_opened_are_not_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, cls: type[AnyseekError]
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    opened = os.open

    def refused(path: str | Path, *more: int, **how: int) -> int:
        if str(path).endswith(".f16"):
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, *more, **how)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refused)
        with Catalog.open(folder) as catalog, catalog.read() as snapshot:
            assert len(list(snapshot.files())) == 3
            with pytest.raises(cls):
                snapshot.vectors(1)
        with pytest.raises(cls):
            check(folder)
    assert check(folder) == []
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_disk_that_fails_while_doctor_reads_is_no_damage(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", failing)
    with pytest.raises(DiskFailed):
        check(folder)


def test_nothing_is_dropped_where_no_vector_can_be_written(folder: Path) -> None:
    (folder / "vectors/1.0.f16").unlink()
    (folder / "vectors").rmdir()
    (folder / "vectors").symlink_to(folder / "not-mounted")
    findings = check(folder)
    assert [finding.code for finding in findings] == ["vectors-cut-off"]
    with pytest.raises(AnyseekError):
        repair(folder, findings)
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        assert snapshot.counts().problems_by_code == {}
        assert len(snapshot.rows_of_file(1, 1)) == 1
    (folder / "vectors").unlink()
    repair(folder, check(folder))
    assert check(folder) == []


# ---------------------------------------------------------------- another user

READER = """
import os, sys
from pathlib import Path
import anyseek.catalog.vectors  # now: the interpreter itself may lie where only root reads
from indexes import contents
from anyseek.catalog.catalog import Catalog
os.setgroups([]), os.setgid(65534), os.setuid(65534)
with Catalog.open(Path(sys.argv[1])) as catalog:
    for line in sys.stdin:
        with catalog.read() as snapshot:
            print(*sorted(contents(snapshot)), flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_reader_who_may_not_write_sees_what_the_owner_writes(open_to_all: Path) -> None:
    """Its connection keeps nobody from writing, so it is made again when the file is another."""
    catalog, _ = new_index(open_to_all, 2)
    catalog.close()
    shared = catalog.folder
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1] / "support"))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(shared)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    )
    assert reader.stdin is not None
    assert reader.stdout is not None

    def asked() -> list[str]:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write("?\n")
        reader.stdin.flush()
        return reader.stdout.readline().split()

    try:
        assert asked() == ["a0", "a1"]
        for i in range(5):
            with Catalog.open(shared) as catalog:  # which closes, and moves the log, each time
                with catalog.begin() as writer:
                    for j in range(30):
                        put(writer, 1, f"b{i}-{j}", unit_rows(20, i))
                    writer.delete([2] if i == 0 else [])
                if i == 3:
                    catalog.compact(1)
                assert len(asked()) == 1 + 30 * (i + 1)  # while the owner has it open
            assert len(asked()) == 1 + 30 * (i + 1)
        assert reader.poll() is None
    finally:
        reader.stdin.close()
        reader.stdout.close()
        reader.kill()
        reader.wait()
    with Catalog.open(shared) as catalog, catalog.read() as snapshot:
        assert len(contents(snapshot)) == 151


# ---------------------------------------------------------------- of a path that a person gave


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR, errno.EISDIR])
def test_a_path_that_leads_to_no_file_is_a_mistake_of_the_call(number: int) -> None:
    with pytest.raises(UsageError, match=r"out\.npy cannot be written"), of_named("out.npy", "written"):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "cls"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EACCES, ReadOnlyIndex),
        (errno.EIO, DiskFailed),
        (errno.EMFILE, SystemRefused),
    ],
)
def test_what_the_system_refuses_at_a_named_path_keeps_its_sentence(
    number: int, cls: type[AnyseekError]
) -> None:
    with pytest.raises(cls, match=r"out\.npy"), of_named("out.npy", "written"):
        raise OSError(number, os.strerror(number))
