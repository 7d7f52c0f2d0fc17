"""The Qdrant store over the client's in-memory engine and the embedded one: same answers as the exact store."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from indexes import card, put, unit_rows
from vector_store_suite import Build, VectorStoreSuite

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Modality, VectorStore
from anyseek.errors import StoreRefused, StoreUnreachable
from anyseek.stores.exact import ExactStore
from anyseek.stores.qdrant_embedded import Edge
from anyseek.stores.qdrant_engines import Engine, QdrantOptions
from anyseek.stores.qdrant_server import Server
from anyseek.stores.qdrant_store import QdrantStore, connect, folder_of, read_held, sync

pytest.importorskip("qdrant_client")
pytest.importorskip("qdrant_edge")

MEMORY = QdrantOptions(url=":memory:")
SERVER = os.environ.get("ANYSEEK_TEST_QDRANT", "")
KEY = "ANYSEEK_TEST_QDRANT_KEY" if os.environ.get("ANYSEEK_TEST_QDRANT_KEY") else ""


class QdrantSuite(VectorStoreSuite):
    options = MEMORY
    numbers = itertools.count()

    def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
        space = next(space for space in snapshot.spaces() if space.space_id == space_id)
        held = read_held(snapshot.folder, space, str(next(self.numbers)))
        engine = connect(self.options, snapshot.folder, held.name)
        return QdrantStore(snapshot, space_id, engine, sync(snapshot, space, engine, held), few=0)

    def test_equal_scores_lower_row_first(self, build: Build) -> None:
        # Which of the ties on the last place come is the engine's affair; their order is ours.
        one, two = unit_rows(2, seed=4)
        store, _ = build(np.stack([one, two] * 40))
        _, rows = store.search(one[None], 60)
        assert rows[0, :40].tolist() == list(range(0, 80, 2))
        assert (rows[0, 40:] % 2 == 1).all()
        assert (np.diff(rows[0, 40:]) > 0).all()


class TestMemory(QdrantSuite):
    pass


class TestEdge(QdrantSuite):
    options = QdrantOptions()


if SERVER:

    class TestServer(QdrantSuite):
        """A real one. Its collections are dropped again."""

        @pytest.fixture(autouse=True, params=[False, True], ids=["http", "grpc"])
        def of_this_run(self, request: pytest.FixtureRequest) -> Iterator[None]:
            self.options = QdrantOptions(url=SERVER, api_key_env=KEY, grpc=request.param)
            self.opened: list[Engine] = []
            yield
            for engine in self.opened:
                engine.drop()

        def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
            space = next(space for space in snapshot.spaces() if space.space_id == space_id)
            held = read_held(snapshot.folder, space, f"test-{os.getpid()}-{next(self.numbers)}")
            engine = connect(self.options, snapshot.folder, held.name)
            self.opened.append(connect(self.options, snapshot.folder, held.name))
            return QdrantStore(snapshot, space_id, engine, sync(snapshot, space, engine, held), few=0)


# ---------------------------------------------------------------- following the catalog


@pytest.fixture(params=["memory", "edge"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Catalog, int, Engine]]:
    catalog = Catalog.create(tmp_path / "index", [tmp_path])
    with catalog.begin() as writer:
        space = writer.ensure_space(card())
        for i in range(40):
            put(writer, space, f"f{i}", unit_rows(1, i), list(Modality)[i % 3])
    engine: Engine = (
        Server(MEMORY, "c")
        if request.param == "memory"
        else Edge(QdrantOptions(), folder_of(catalog.folder) / "c")
    )
    yield catalog, space, engine
    engine.close()
    catalog.close()


def filled(catalog: Catalog, engine: Engine) -> int:
    """Bring Qdrant up to date; how many points it holds."""
    with catalog.read() as snapshot:
        space = snapshot.spaces()[0]
        sync(snapshot, space, engine, read_held(catalog.folder, space, "x"))
    return engine.count()


def agrees(catalog: Catalog, space_id: int, engine: Engine) -> None:
    """Qdrant's answers are the exact ones, without a filter and under two."""
    with catalog.read() as snapshot, ExactStore(snapshot, space_id) as exact:
        space = snapshot.spaces()[0]
        store = QdrantStore(snapshot, space_id, engine, read_held(catalog.folder, space, "x"), few=0)
        for allow in (None, np.arange(5, 30), np.arange(0, 40, 3)):
            ours, theirs = store.search(unit_rows(6, 99), 7, allow), exact.search(unit_rows(6, 99), 7, allow)
            assert ours[1].tolist() == theirs[1].tolist()
            np.testing.assert_array_equal(ours[0], theirs[0])


def test_what_is_added_and_deleted_reaches_qdrant(index: tuple[Catalog, int, Engine]) -> None:
    catalog, space, engine = index
    assert filled(catalog, engine) == 40
    with catalog.begin() as writer:
        writer.delete([3, 4, 20])
        put(writer, space, "new", unit_rows(2, 77))
    assert filled(catalog, engine) == 39
    agrees(catalog, space, engine)


def test_a_lagging_qdrant_still_answers_right(index: tuple[Catalog, int, Engine]) -> None:
    catalog, space, engine = index
    filled(catalog, engine)
    with catalog.begin() as writer:
        writer.delete([1, 2, 3, 10])
        put(writer, space, "new", unit_rows(5, 78))
    agrees(catalog, space, engine)


def test_the_memory_may_be_lost(index: tuple[Catalog, int, Engine]) -> None:
    catalog, space, engine = index
    filled(catalog, engine)
    next(folder_of(catalog.folder).glob("*.npz")).write_bytes(b"PK not a file of ours")
    assert filled(catalog, engine) == 40
    agrees(catalog, space, engine)


def test_a_stop_in_the_middle_loses_nothing(
    index: tuple[Catalog, int, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, space, engine = index
    calls = itertools.count()

    def stop(sent: int, total: int) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("anyseek.stores.qdrant_store.BATCH", 8)
    with catalog.read() as snapshot:
        record = snapshot.spaces()[0]
        held = read_held(catalog.folder, record, "x")
        with pytest.raises(KeyboardInterrupt):
            sync(snapshot, record, engine, held, stop)
    assert filled(catalog, engine) == 40
    agrees(catalog, space, engine)


# ---------------------------------------------------------------- servers that misbehave


class Faulty(BaseHTTPRequestHandler):
    """Answers every request with the status that the test chose, the first `failures` times."""

    status, failures, seen = 503, 99, 0

    def _answer(self) -> None:
        kind = type(self)
        kind.seen += 1
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        is_bad = kind.seen <= kind.failures
        body = (
            b'{"status": {"error": "no"}}'
            if is_bad
            else b'{"result": {"operation_id": 1, "status": "completed"}}'
        )
        self.send_response(kind.status if is_bad else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def faulty() -> Iterator[tuple[type[Faulty], str]]:
    handler = type("ThisFaulty", (Faulty,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Keeping(Faulty):
    """Keeps the numbers of the points that it is sent, and refuses batches that hold row `refused`."""

    refused: int | None = None

    def _answer(self) -> None:
        kind = type(self)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        result: object = {"operation_id": 1, "status": "completed"}
        status = 200
        if self.path.endswith("/exists"):
            result = {"exists": False}
        elif self.path.endswith("/points/count"):
            result = {"count": len(kind.kept)}
        elif self.command == "PUT" and "/points" in self.path:
            with kind.turn:
                kind.under_way += 1
                kind.most = max(kind.most, kind.under_way)
            time.sleep(0.05)
            sent = set(json.loads(body)["batch"]["ids"])
            if kind.refused in sent:
                status, result = 400, None
            else:
                kind.kept |= sent
            kind.batches += 1
            with kind.turn:
                kind.under_way -= 1
        elif self.command == "PUT" and self.path.count("/") == 2:
            result = True
        told = json.dumps({"result": result, "status": "ok" if status == 200 else {"error": "no"}}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815


def test_batches_go_side_by_side_and_one_that_is_refused_costs_the_others_nothing(
    index: tuple[Catalog, int, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyseek.stores.qdrant_store.BATCH", 4)
    catalog, _, _ = index
    facts = {"kept": set(), "most": 0, "under_way": 0, "batches": 0, "turn": threading.Lock(), "refused": 21}
    handler = type("ThisKeeping", (Keeping,), facts)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    engine = Server(QdrantOptions(url=f"http://127.0.0.1:{server.server_port}"), "c")
    with pytest.raises(StoreRefused):
        filled(catalog, engine)
    assert handler.most > 1
    with catalog.read() as snapshot:
        known = read_held(catalog.folder, snapshot.spaces()[0], "x").rows
    assert set(known.tolist()) == handler.kept  # told of what was acknowledged, and of nothing else
    assert len(known) >= 20
    missing = 40 - len(known)
    handler.refused, handler.batches = None, 0
    filled(catalog, engine)
    assert handler.kept == set(range(40))
    assert handler.batches == -(-missing // 4)
    engine.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, StoreRefused, "refused the key"),
        (403, StoreRefused, "refused the key"),
        (400, StoreRefused, "refused the request"),
        (507, StoreRefused, "no space left"),
        (500, StoreUnreachable, "does not answer as it should"),
    ],
)
def test_an_error_is_one_sentence(
    faulty: tuple[type[Faulty], str], status: int, error: type[Exception], words: str
) -> None:
    handler, url = faulty
    handler.status = status
    engine = Server(QdrantOptions(url=url), "c")
    with pytest.raises(error, match=words):
        engine.count()
    engine.close()


def test_a_busy_server_is_asked_again(faulty: tuple[type[Faulty], str]) -> None:
    handler, url = faulty
    handler.failures = 2
    engine = Server(QdrantOptions(url=url), "c")
    engine.upsert(np.arange(2), unit_rows(2), [Modality.IMAGE] * 2)
    assert handler.seen == 3
    engine.close()


def test_nobody_there() -> None:
    engine = Server(QdrantOptions(url="http://127.0.0.1:9", timeout_s=2), "c")
    with pytest.raises(StoreUnreachable, match=r"127.0.0.1:9 does not answer"):
        engine.count()
    engine.close()


def test_the_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(StoreRefused, match="NO_SUCH_KEY is not set"):
        Server(QdrantOptions(url="http://127.0.0.1:9", api_key_env="NO_SUCH_KEY"), "c")


def test_a_collection_of_another_size_is_refused() -> None:
    engine = Server(MEMORY, "c")
    engine.ensure(16)
    with pytest.raises(StoreRefused, match="vectors of 16 numbers, not 32"):
        engine.ensure(32)
    engine.close()


def test_one_process_holds_the_embedded_engine(tmp_path: Path) -> None:
    first, second = Edge(QdrantOptions(), tmp_path / "c"), Edge(QdrantOptions(), tmp_path / "c")
    first.ensure(16)
    with pytest.raises(StoreUnreachable, match="Another process"):
        second.ensure(16)
    first.close()
    second.ensure(16)
    second.close()


def test_what_is_remembered_names_no_key(index: tuple[Catalog, int, Engine]) -> None:
    catalog, _, engine = index
    filled(catalog, engine)
    with np.load(next(folder_of(catalog.folder).glob("*.npz"))) as saved:
        assert set(json.loads(str(saved["about"]))) == {"name", "generation"}
