"""A derived store never stops a search: whatever happens to it, hits are the exact ones, with one remark; doctor sees
it and a refresh repairs it. A few damaged files of each store by default, every file with `-m slow`."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from indexes import card, put, unit_rows
from qdrant_stub import qdrant_stub, serving
from toy_package import CODE, POINTS, install
from waiting import BRAKE_S

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.records import SpaceRecord
from anyseek.catalog.snapshot import Snapshot
from anyseek.contracts import Modality
from anyseek.errors import StoreRefused, StoreUnreachable
from anyseek.library.doctor import check_all
from anyseek.stores import fallback, qdrant_files, registry
from anyseek.stores.backend import StoreInUse
from anyseek.stores.exact import ExactStore
from anyseek.stores.fallback import FallbackStore
from anyseek.stores.manager import StoreManager
from anyseek.stores.qdrant_embedded import EmbeddedEngine
from anyseek.stores.qdrant_engines import QdrantOptions
from anyseek.stores.registry import Choice

pytest.importorskip("faiss")
pytest.importorskip("qdrant_client")
pytest.importorskip("qdrant_edge")

DIM = 16
STORES = ("faiss", "qdrant", "toy")
FOLDERS = {"faiss": "faiss", "qdrant": "qdrant", "toy": "stores/toy"}
N_PICTURES, N_TEXTS = 300, 100


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of docs/extend-store.md."""
    return install(tmp_path_factory.mktemp("package"), "toy_store", CODE, POINTS)


@pytest.fixture(autouse=True)
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small libraries are searched by every store all the same, and none is left alone because of another test."""
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setattr("anyseek.stores.faiss_store.FEW_NUMBERS", 0)
    monkeypatch.setattr("anyseek.stores.faiss_store.FEW_SHARE", 0.0)
    monkeypatch.setattr("anyseek.stores.qdrant_store.FEW", 0)
    monkeypatch.setattr(fallback, "_resting", {})


def new_catalog(folder: Path, seed: int = 0, dim: int = DIM) -> Catalog:
    catalog = Catalog.create(folder, [folder.parent])
    with catalog.begin() as writer:
        space = writer.ensure_space(card(dim=dim))
        put(writer, space, "pictures", unit_rows(N_PICTURES, seed + 1, dim), Modality.IMAGE)
        put(writer, space, "texts", unit_rows(N_TEXTS, seed + 2, dim), Modality.TEXT)
    return catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with new_catalog(tmp_path / "index") as catalog:
        yield catalog


def manager(catalog: Catalog) -> StoreManager:
    return StoreManager(catalog, lambda: unit_rows(20, 5, DIM))


def remark(catalog: Catalog) -> str:
    """Of a few searches, whose hits are the exact ones wherever there is one."""
    remarks = set()
    with catalog.read() as snapshot, ExactStore(snapshot, 1) as exact:
        for allow in (None, np.arange(50, 300)):
            with closing(registry.open_store(snapshot, 1)) as store:
                scores, rows = store.search(unit_rows(3, 9, DIM), 5, allow)
                remarks.add(store.remark)
                if store.remark:
                    expected = exact.search(unit_rows(3, 9, DIM), 5, allow)
                    np.testing.assert_array_equal(rows, expected[1])
                    np.testing.assert_array_equal(scores, expected[0])
    assert len(remarks) == 1
    return remarks.pop()


def codes(catalog: Catalog, *, repair: bool = False) -> list[str]:
    return [finding.code for finding in check_all(catalog.folder, repair=repair)]


def files_of(folder: Path) -> list[Path]:
    """The store's own, without locks."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name not in ("open", "writer")
    )


# ---------------------------------------------------------------- damage


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def zeroed(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, 0)
    os.truncate(path, size)


def random_bytes(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(random.Random(1).randbytes(min(path.stat().st_size, 1 << 16)))


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(b"x")


DAMAGES: tuple[Callable[[Path], None], ...] = (cut, emptied, zeroed, random_bytes, gone, a_folder)


def survives(catalog: Catalog, name: str, damage: Callable[[Path], None], n_files: int) -> None:
    manager(catalog).set(Choice(name))
    assert (remark(catalog), codes(catalog)) == ("", [])
    folder = catalog.folder / FOLDERS[name]
    files = files_of(folder)
    chosen = random.Random(f"{name} {damage.__name__}").sample(files, min(n_files, len(files)))
    for number, path in enumerate(chosen):
        if not path.exists():  # of an earlier collection
            continue
        before = path.read_bytes()
        damage(path)
        if path.is_file() and path.read_bytes() == before:
            continue
        told = remark(catalog)
        assert "The search was exact instead." in told, path
        assert "\n" not in told
        assert codes(catalog) == ["store-damaged"], path
        if number % 2:
            assert codes(catalog, repair=True) == []
        else:
            assert manager(catalog).follow() == ""
        assert (remark(catalog), codes(catalog)) == ("", []), path


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", STORES)
def test_damaged_files_cost_a_remark_and_are_made_again(
    catalog: Catalog, name: str, damage: Callable[[Path], None]
) -> None:
    survives(catalog, name, damage, 2)


def test_half_a_list_of_what_qdrant_has_is_none(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    cut(catalog.folder / "qdrant/1.npz")
    assert "The search was exact instead." in remark(catalog)
    assert codes(catalog) == ["store-damaged"]
    assert manager(catalog).follow() == ""
    assert (remark(catalog), codes(catalog)) == ("", [])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", STORES)
def test_every_damaged_file_costs_a_remark_and_is_made_again(
    catalog: Catalog, name: str, damage: Callable[[Path], None]
) -> None:
    survives(catalog, name, damage, 1000)


@pytest.mark.parametrize("in_its_place", ["nothing", "an empty folder", "a file"])
@pytest.mark.parametrize("name", STORES)
def test_a_store_that_is_gone_is_made_again(catalog: Catalog, name: str, in_its_place: str) -> None:
    manager(catalog).set(Choice(name))
    folder = catalog.folder / FOLDERS[name]
    shutil.rmtree(folder)
    if in_its_place == "an empty folder":
        folder.mkdir()
    elif in_its_place == "a file":
        folder.write_bytes(b"x")
    assert "The search was exact instead." in remark(catalog)
    assert codes(catalog) == ["store-damaged"]
    assert manager(catalog).follow() == ""
    assert (remark(catalog), codes(catalog)) == ("", [])


@pytest.mark.parametrize("dim", [DIM, 2 * DIM])
@pytest.mark.parametrize("name", ["faiss", "qdrant"])
def test_the_store_of_another_index_is_not_believed(
    catalog: Catalog, tmp_path: Path, name: str, dim: int
) -> None:
    """Even under the names that this index's own files have."""
    with new_catalog(tmp_path / "other", seed=50, dim=dim) as other:
        StoreManager(other, lambda: unit_rows(20, 5, dim)).set(Choice(name))
        manager(catalog).set(Choice(name))
        ours, theirs = (one.folder / FOLDERS[name] for one in (catalog, other))
        if name == "qdrant":
            (mine,), (foreign,) = (list(one.glob("anyseek-*")) for one in (ours, theirs))
            shutil.rmtree(mine)
            shutil.copytree(foreign, mine)
        else:
            shutil.rmtree(ours)
            shutil.copytree(theirs, ours)
    assert "The search was exact instead." in remark(catalog)
    assert codes(catalog) == ["store-damaged"]
    assert manager(catalog).follow() == ""
    assert (remark(catalog), codes(catalog)) == ("", [])


def test_what_a_killed_search_leaves_is_still_whole(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    (folder,) = (catalog.folder / "qdrant").glob("anyseek-*")
    code = (
        "import os, sys, qdrant_edge\n"
        "shard = qdrant_edge.EdgeShard.load(sys.argv[1])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert (remark(catalog), codes(catalog)) == ("", [])


AS_A_USER = """
import os, sys
from contextlib import closing
from pathlib import Path
import faiss, numpy.random, qdrant_edge
from indexes import unit_rows
from anyseek.catalog.catalog import Catalog
from anyseek.stores import faiss_backend, faiss_store, qdrant_backend, qdrant_store, registry, tuning
from anyseek.stores.exact import ExactStore
from anyseek.stores.manager import StoreManager
qdrant_store.FEW = faiss_store.FEW_NUMBERS = faiss_store.FEW_SHARE = 0

def remark(catalog):
    with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
        rows = store.search(unit_rows(3, 9, 16), 5)[1]
        exact = ExactStore(snapshot, 1)
        assert not store.remark or (rows == exact.search(unit_rows(3, 9, 16), 5)[1]).all()
        return store.remark

index, place = map(Path, sys.argv[1:])
with Catalog.open(index) as catalog:
    assert remark(catalog) == ""  # imports what an ordinary user may not read here
if os.geteuid() == 0:
    for path in (index, *index.rglob("*")):
        os.chown(path, 65534, 65534)
    os.setgroups([])
    os.setuid(65534)
place.chmod(0)
with Catalog.open(index) as catalog:
    print(remark(catalog))
    print(StoreManager(catalog, lambda: unit_rows(20, 5, 16)).follow())
    print(remark(catalog))
"""


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that other users reach; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="anyseek-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("what", ["folder", "file"])
@pytest.mark.parametrize("name", ["faiss", "qdrant"])
def test_what_may_not_be_read_costs_a_remark_and_is_made_again(
    open_to_all: Path, name: str, what: str
) -> None:
    with new_catalog(open_to_all / "index") as catalog:
        manager(catalog).set(Choice(name))
    place = catalog.folder / FOLDERS[name]
    if what == "file":
        place = max(files_of(place), key=lambda path: path.stat().st_size)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "support")}
    done = subprocess.run(
        [sys.executable, "-c", AS_A_USER, str(catalog.folder), str(place)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, follow, after = done.stdout.split("\n")[:3]
    assert "The search was exact instead." in before
    assert (follow, after) == ("", "")


# ---------------------------------------------------------------- in use


def test_a_search_beside_another_process_is_exact_at_once_and_not_left_alone(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    holder = os.open(catalog.folder / "qdrant/open", os.O_RDWR)
    qdrant_files.fcntl.flock(holder, qdrant_files.fcntl.LOCK_EX)
    told = remark(catalog)
    assert told.startswith("Another process has the Qdrant files in")
    assert "The search was exact instead." in told
    assert codes(catalog) == []  # somebody searches: nothing is wrong
    os.close(holder)
    assert remark(catalog) == ""


def test_searches_of_a_process_share_the_embedded_engine(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    together = threading.Barrier(6)
    told: list[tuple[str, list[int]]] = []

    def search() -> None:
        with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
            rows = store.search(unit_rows(1, 9, DIM), 5)[1]
            together.wait(BRAKE_S)  # all have it open
            told.append((store.remark, rows[0].tolist()))

    threads = [threading.Thread(target=search) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 6
    assert {one for one, _ in told} == {""}
    assert len({tuple(rows) for _, rows in told}) == 1
    assert remark(catalog) == ""


SEARCHING = """
import sys
from contextlib import closing
from pathlib import Path
from indexes import unit_rows
from anyseek.catalog.catalog import Catalog
from anyseek.stores import qdrant_store, registry
qdrant_store.FEW = 0
with Catalog.open(Path(sys.argv[1])) as catalog:
    for _ in range(5):
        with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
            print(store.search(unit_rows(1, 9, 16), 5)[1].tolist(), store.remark[:15])
"""


def test_concurrent_processes_are_all_answered_while_a_sync_goes_on(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    with catalog.read() as snapshot, ExactStore(snapshot, 1) as exact:
        expected = exact.search(unit_rows(1, 9, DIM), 5)[1].tolist()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "support")}
    command = [sys.executable, "-c", SEARCHING, str(catalog.folder)]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for _ in range(3):
        manager(catalog).refresh(anew=True)
    for process in running:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        answers = [line.partition("]] ") for line in out.splitlines()]
        assert [f"{rows}]]" for rows, _, _ in answers] == [str(expected)] * 5
        assert {remark for _, _, remark in answers} <= {"", "Another process"}


def test_a_sync_gets_the_engine_from_searches_that_never_end(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    is_done = threading.Event()
    remarks: set[str] = set()
    failures: list[Exception] = []

    def search() -> None:
        try:
            while not is_done.is_set():
                with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
                    store.search(unit_rows(1, 9, DIM), 5)
                    remarks.add(store.remark)
        except Exception as error:  # noqa: BLE001 - for the test to show
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for i in range(3):
            with catalog.begin() as writer:
                put(writer, 1, f"new{i}", unit_rows(1, 100 + i, DIM))
            assert manager(catalog).follow() == ""
            state = manager(catalog).state()
            assert state is not None
            assert state.rows == state.of == N_PICTURES + N_TEXTS + i + 1
    finally:
        is_done.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert remarks <= {"", *(one for one in remarks if "Another process" in one)}
    assert remark(catalog) == ""


def test_a_sync_that_cannot_have_the_engine_says_so_and_the_index_is_kept(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_files, "WAIT_S", 0.0)
    manager(catalog).set(Choice("qdrant"))
    engine = EmbeddedEngine(QdrantOptions(), next((catalog.folder / "qdrant").glob("anyseek-*")))
    engine.count()  # as a search would open it
    with catalog.begin() as writer:
        put(writer, 1, "new", unit_rows(1, 100, DIM))
    assert manager(catalog).follow().startswith("Another process has the Qdrant files in")
    with pytest.raises(StoreInUse):
        manager(catalog).refresh()
    engine.close()
    assert manager(catalog).follow() == ""


# ---------------------------------------------------------------- a server


class Frozen(BaseHTTPRequestHandler):
    """Answers as `inner` does until it is frozen; from then on no request is answered before `thaw`."""

    inner: Any
    is_frozen: threading.Event
    thaw: threading.Event
    status: int
    seen: int

    def _handle(self) -> None:
        kind = type(self)
        if not kind.is_frozen.is_set():
            kind.inner._handle(self)
            return
        kind.seen += 1
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if not kind.status:
            kind.thaw.wait(BRAKE_S)
        body = json.dumps({"status": {"error": "no"}}).encode()
        self.send_response(kind.status or 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815

    def _result(self, *arguments: Any) -> Any:
        return type(self).inner._result(self, *arguments)

    def _send(self, *arguments: Any) -> None:
        type(self).inner._send(self, *arguments)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server(catalog: Catalog) -> Iterator[Any]:
    """A Qdrant that answers for the catalog, and can be frozen or made to refuse."""
    with qdrant_stub() as (stub, _):
        attributes = {name: getattr(stub, name) for name in ("engine", "lock", "indexed", "search_params")}
        own = {
            "inner": stub,
            "is_frozen": threading.Event(),
            "thaw": threading.Event(),
            "status": 0,
            "seen": 0,
        }
        with serving(Frozen, **own, **attributes) as (served, url):
            manager(catalog).set(Choice("qdrant", {"url": url}))
            assert (remark(catalog), codes(catalog)) == ("", [])
            yield served
            served.thaw.set()


def test_a_server_that_refuses_costs_a_remark_with_the_reason(catalog: Catalog, server: Any) -> None:
    server.status = 401
    server.is_frozen.set()
    told = remark(catalog)
    assert "refused the key" in told
    assert "Check what --api-key-env names." in told
    (finding,) = check_all(catalog.folder, repair=False)
    assert (finding.code, finding.is_repairable) == ("store-fails", False)
    assert finding.remedy == "Check what --api-key-env names."
    with catalog.begin() as writer:
        put(writer, 1, "new", unit_rows(1, 100, DIM))
    told = manager(catalog).follow()
    assert "refused the key" in told
    assert "The index itself is up to date" in told
    with pytest.raises(StoreRefused):
        manager(catalog).refresh()
    server.is_frozen.clear()
    assert manager(catalog).follow() == ""
    assert (remark(catalog), codes(catalog)) == ("", [])


def test_a_frozen_server_is_not_waited_for_twice(
    catalog: Catalog, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyseek.stores.backend.StoreBackend.deadline_s", 0.05)
    now = [1000.0]
    monkeypatch.setattr(fallback, "monotonic", lambda: now[0])
    server.is_frozen.set()
    assert "did not answer within 0.05 seconds" in remark(catalog)
    seen = server.seen
    for _ in range(3):
        assert "did not answer within 0.05 seconds" in remark(catalog)
    assert server.seen == seen
    assert codes(catalog) == ["store-fails"]
    server.is_frozen.clear()
    server.thaw.set()
    monkeypatch.setattr("anyseek.stores.backend.StoreBackend.deadline_s", BRAKE_S)
    now[0] += fallback.REST_S
    assert remark(catalog) == ""


def test_a_server_that_is_gone_costs_a_remark(tmp_path: Path, catalog: Catalog) -> None:
    with qdrant_stub() as (_, url):
        manager(catalog).set(Choice("qdrant", {"url": url}))
    told = remark(catalog)
    assert told.startswith(f"Qdrant at {url} does not answer")
    assert codes(catalog) == ["store-fails"]
    assert "The index itself is up to date" in manager(catalog).follow()
    with pytest.raises(StoreUnreachable):
        manager(catalog).refresh()


# ---------------------------------------------------------------- a package that does as it likes


class Panic(BaseException):
    """As Rust's panics come: no Exception."""


Panic.__name__ = "PanicException"

OUTCOMES: dict[str, BaseException] = {
    "error": RuntimeError("no\nstore today"),
    "exit": SystemExit(3),
    "panic": Panic("index out of bounds"),
    "memory": MemoryError(),
    "full disk": OSError(28, "No space left on device"),
    "wrong use": TypeError("search() missing 1 argument"),
}


@pytest.mark.parametrize("where", ["open", "search"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_whatever_a_store_raises_the_search_is_exact(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, outcome: str, where: str
) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    def fail(*arguments: object) -> None:
        raise OUTCOMES[outcome]

    target = toy_store.ToyBackend if where == "open" else toy_store.ToyStore
    monkeypatch.setattr(target, where, fail)
    told = remark(catalog)
    assert "The search was exact instead." in told
    assert "\n" not in told
    assert codes(catalog) == ["store-fails"]


def test_ctrl_c_ends_a_search_in_a_store(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(toy_store.ToyStore, "search", stop)
    with pytest.raises(KeyboardInterrupt):
        remark(catalog)


def test_a_store_that_never_answers_is_closed_when_it_does(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    is_free, is_closed = threading.Event(), threading.Event()
    monkeypatch.setattr(toy_store.ToyBackend, "deadline_s", 0.05)
    monkeypatch.setattr(toy_store.ToyStore, "search", lambda *_: is_free.wait(BRAKE_S))
    monkeypatch.setattr(toy_store.ToyStore, "close", lambda _: is_closed.set())
    with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
        assert (store.search(unit_rows(1, 9, DIM), 5)[1] >= 0).all()
        assert "did not answer within 0.05 seconds" in store.remark
        assert not is_closed.is_set()
        is_free.set()
        assert is_closed.wait(BRAKE_S)


@pytest.mark.parametrize("where", ["open", "search"])
def test_a_late_store_reads_a_snapshot_of_its_own_that_nobody_closes_before_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It reads the catalog while the search goes on, after that has ended, and after the index was closed."""
    manager(catalog).set(Choice("toy"))
    import toy_store

    steps: Queue[str] = Queue()
    reading: Queue[Any] = Queue()
    snapshots: list[Snapshot] = []
    open_toy = toy_store.ToyBackend.open

    def read_late() -> None:
        try:
            for _ in iter(lambda: steps.get(timeout=BRAKE_S), "end"):
                reading.put((snapshots[0].counts_in(1), len(snapshots[0].vectors(1))))
        except BaseException as error:
            reading.put(error)
            raise

    def open_late(self: Any, snapshot: Snapshot, space: SpaceRecord) -> Any:
        snapshots.append(snapshot)
        if where == "open":
            read_late()
        return open_toy(self, snapshot, space)

    def read_meanwhile() -> Any:
        steps.put("read")
        return reading.get(timeout=BRAKE_S)

    is_closed = threading.Event()
    monkeypatch.setattr(toy_store.ToyBackend, "deadline_s", 0.05 if where == "open" else BRAKE_S)
    monkeypatch.setattr(toy_store.ToyBackend, "open", open_late)
    monkeypatch.setattr(toy_store.ToyStore, "close", lambda _: is_closed.set())
    if where == "search":
        monkeypatch.setattr(toy_store.ToyStore, "search", lambda *_: read_late())
    counts = ({Modality.IMAGE: N_PICTURES, Modality.TEXT: N_TEXTS}, N_PICTURES + N_TEXTS)
    with catalog.read() as snapshot:
        with closing(registry.open_store(snapshot, 1)) as store:
            assert ("did not answer" in store.remark) == (where == "open")
            store._deadline_s = 0.05
            assert (store.search(unit_rows(1, 9, DIM), 5)[1] >= 0).all()
            assert "did not answer within 0.05 seconds" in store.remark
            assert snapshots[0].database is not snapshot.database
            assert read_meanwhile() == counts
        assert read_meanwhile() == counts
    assert read_meanwhile() == counts
    catalog.close()
    assert read_meanwhile() == counts
    steps.put("end")
    assert is_closed.wait(BRAKE_S)


def test_a_store_with_a_deadline_is_not_opened_for_an_index_that_changed_meanwhile(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager(catalog).set(Choice("toy"))
    import toy_store

    monkeypatch.setattr(toy_store.ToyBackend, "deadline_s", BRAKE_S)
    with catalog.read() as snapshot:
        with catalog.begin() as writer:
            put(writer, 1, "new", unit_rows(1, 100, DIM))
        with closing(registry.open_store(snapshot, 1)) as store:
            assert store.inner is None
            assert "The index was changed while it was searched." in store.remark
            assert (store.search(unit_rows(1, 9, DIM), 5)[1] < N_PICTURES + N_TEXTS).all()
    assert remark(catalog) == "", "it is not left alone because of that"


class AnswerAtTheDeadline(threading.Event):
    """Of a call that ends at the very moment at which its time is over."""

    def wait(self, timeout: float | None = None) -> bool:
        super().wait(BRAKE_S)
        return False

    def is_set(self) -> bool:
        return super().wait(BRAKE_S)


def test_an_answer_at_the_deadline_is_either_taken_or_late(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[str | None] = []
    threads = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr(fallback.threading, "Event", AnswerAtTheDeadline)
        call = fallback._Call(lambda: "answer", late.append)
    try:
        taken = [call.answer(0.01, "The store")]
    except StoreUnreachable:
        taken = []
    for thread in set(threading.enumerate()) - threads:
        thread.join()
    assert (taken, late) in ((["answer"], []), ([], ["answer"]))


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
def test_the_answer_of_a_call_that_was_interrupted_is_given_back(when: str) -> None:
    is_free = threading.Event()
    late: Queue[str | None] = Queue()
    call = fallback._Call(lambda: "answer" if is_free.wait(BRAKE_S) else None, late.put)
    wait = call._ended.wait

    def interrupted(_: float) -> bool:
        if when == "after the answer":
            is_free.set()
            wait(BRAKE_S)
        raise KeyboardInterrupt

    call._ended.wait = interrupted  # type: ignore[assignment,method-assign]
    with pytest.raises(KeyboardInterrupt):
        call.answer(BRAKE_S, "The store")
    is_free.set()
    assert late.get(timeout=BRAKE_S) == "answer"
    assert call.is_left


def test_what_does_not_find_its_own_vectors_is_seen_by_doctor(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager(catalog).set(Choice("toy"))
    path = catalog.folder / "stores/toy/1.0.npy"
    np.save(path, np.roll(np.load(path), 150, axis=0))
    assert codes(catalog) == ["store-damaged"]
    assert codes(catalog, repair=True) == []


def test_an_unknown_store_or_option_in_the_settings_costs_a_remark(catalog: Catalog) -> None:
    for setting, words in (
        ({"name": "nowhere"}, "is not installed"),
        ({"name": "faiss", "faiss": {"recall": "much"}}, "recall"),
    ):
        with catalog.begin() as writer:
            writer.set_setting("store", setting)
        assert words in remark(catalog)
        assert codes(catalog) == ["store-fails"]


def test_an_exact_store_has_nothing_to_remark(catalog: Catalog) -> None:
    assert (remark(catalog), codes(catalog)) == ("", [])
    with catalog.read() as snapshot:
        assert isinstance(registry.open_store(snapshot, 1), FallbackStore)
