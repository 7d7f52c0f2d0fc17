"""The Qdrant store over a server and the embedded engine: the same answers as the exact store."""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from indexes import card, put, unit_rows
from vector_store_suite import Build, VectorStoreSuite
from waiting import BRAKE_S

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Modality, VectorStore
from anyseek.errors import StoreRefused, StoreUnreachable
from anyseek.stores.exact import ExactStore
from anyseek.stores.qdrant_embedded import EmbeddedEngine
from anyseek.stores.qdrant_engines import QdrantEngine, QdrantOptions
from anyseek.stores.qdrant_server import ServerEngine
from anyseek.stores.qdrant_store import QdrantStore, connect, folder_of, read_synced_rows, sync

pytest.importorskip("qdrant_client")
pytest.importorskip("qdrant_edge")

from qdrant_stub import QdrantStub, qdrant_stub, serving

SERVER = os.environ.get("ANYSEEK_TEST_QDRANT", "")
KEY = "ANYSEEK_TEST_QDRANT_KEY" if os.environ.get("ANYSEEK_TEST_QDRANT_KEY") else ""


class QdrantSuite(VectorStoreSuite):
    options = QdrantOptions()
    run = ""
    numbers = itertools.count()

    def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
        space = next(space for space in snapshot.spaces() if space.space_id == space_id)
        synced = read_synced_rows(snapshot.folder, space, f"{self.run}{next(self.numbers)}")
        engine = connect(self.options, snapshot.folder, synced.collection)
        return QdrantStore(snapshot, space, engine, sync(snapshot, space, engine, synced), few=0)

    def test_equal_scores_lower_row_first(self, build: Build) -> None:
        # Which of the ties on the last place come is the engine's affair; their order is ours.
        one, two = unit_rows(2, seed=4)
        store, _ = build(np.stack([one, two] * 40))
        _, rows = store.search(one[None], 60)
        assert rows[0, :40].tolist() == list(range(0, 80, 2))
        assert (rows[0, 40:] % 2 == 1).all()
        assert (np.diff(rows[0, 40:]) > 0).all()


class TestEmbedded(QdrantSuite):
    pass


class TestServer(QdrantSuite):
    """By HTTP, to a stub that has the client's own engine behind it."""

    @pytest.fixture(autouse=True)
    def served(self) -> Iterator[None]:
        with qdrant_stub() as (_, url):
            self.options = QdrantOptions(url=url)
            yield


if SERVER:

    class TestRealServer(QdrantSuite):
        """Its collections are deleted afterwards."""

        run = f"test-{os.getpid()}-"

        @pytest.fixture(autouse=True, params=[False, True], ids=["http", "grpc"])
        def of_this_run(self, request: pytest.FixtureRequest) -> Iterator[None]:
            self.options = QdrantOptions(url=SERVER, api_key_env=KEY, grpc=request.param)
            yield
            from qdrant_client import QdrantClient

            client = QdrantClient(SERVER, api_key=os.environ.get(KEY) if KEY else None)
            for collection in client.get_collections().collections:
                if collection.name.startswith(f"anyseek-{self.run}"):
                    client.delete_collection(collection.name)
            client.close()


# ---------------------------------------------------------------- following the catalog


@pytest.fixture(params=["server", "embedded"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Catalog, int, QdrantEngine]]:
    catalog = Catalog.create(tmp_path / "index", [tmp_path])
    with catalog.begin() as writer:
        space = writer.ensure_space(card())
        for i in range(40):
            put(writer, space, f"f{i}", unit_rows(1, i), list(Modality)[i % 3])
    with qdrant_stub() if request.param == "server" else nullcontext((None, "")) as (_, url):
        engine = connect(QdrantOptions(url=url), catalog.folder, "c")
        yield catalog, space, engine
        engine.close()
    catalog.close()


def filled(catalog: Catalog, engine: QdrantEngine) -> int:
    """Bring Qdrant up to date; how many points it has."""
    with catalog.read() as snapshot:
        space = snapshot.spaces()[0]
        sync(snapshot, space, engine, read_synced_rows(catalog.folder, space, "x"))
    return engine.count()


def agrees(catalog: Catalog, space_id: int, engine: QdrantEngine) -> None:
    """Qdrant's answers are the exact ones, without a filter and under two."""
    with catalog.read() as snapshot, ExactStore(snapshot, space_id) as exact:
        space = snapshot.spaces()[0]
        store = QdrantStore(snapshot, space, engine, read_synced_rows(catalog.folder, space, "x"), few=0)
        for allow in (None, np.arange(5, 30), np.arange(0, 40, 3)):
            ours, theirs = store.search(unit_rows(6, 99), 7, allow), exact.search(unit_rows(6, 99), 7, allow)
            assert ours[1].tolist() == theirs[1].tolist()
            np.testing.assert_array_equal(ours[0], theirs[0])


def test_what_is_added_and_deleted_reaches_qdrant(index: tuple[Catalog, int, QdrantEngine]) -> None:
    catalog, space, engine = index
    assert filled(catalog, engine) == 40
    with catalog.begin() as writer:
        writer.delete([3, 4, 20])
        put(writer, space, "new", unit_rows(2, 77))
    assert filled(catalog, engine) == 39
    agrees(catalog, space, engine)


def test_a_lagging_qdrant_still_answers_right(index: tuple[Catalog, int, QdrantEngine]) -> None:
    catalog, space, engine = index
    filled(catalog, engine)
    with catalog.begin() as writer:
        writer.delete([1, 2, 3, 10])
        put(writer, space, "new", unit_rows(5, 78))
    agrees(catalog, space, engine)


def test_the_list_of_synced_rows_may_be_lost(index: tuple[Catalog, int, QdrantEngine]) -> None:
    catalog, space, engine = index
    filled(catalog, engine)
    next(folder_of(catalog.folder).glob("*.npz")).write_bytes(b"PK not a file of ours")
    assert filled(catalog, engine) == 40
    agrees(catalog, space, engine)


def test_a_stop_in_the_middle_loses_nothing(
    index: tuple[Catalog, int, QdrantEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, space, engine = index
    calls = itertools.count()

    def stop(sent: int, total: int) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("anyseek.stores.qdrant_store.BATCH", 8)
    with catalog.read() as snapshot:
        record = snapshot.spaces()[0]
        synced = read_synced_rows(catalog.folder, record, "x")
        with pytest.raises(KeyboardInterrupt):
            sync(snapshot, record, engine, synced, stop)
    assert filled(catalog, engine) == 40
    agrees(catalog, space, engine)


@pytest.fixture
def stub() -> Iterator[tuple[type[QdrantStub], str]]:
    with qdrant_stub() as served:
        yield served


def test_the_payload_index_is_made_before_the_first_point(stub: tuple[type[QdrantStub], str]) -> None:
    """One that is made after the graph ruins filtered recall (qdrant#6937)."""
    server, url = stub
    engine = ServerEngine(QdrantOptions(url=url), "c")
    engine.ensure(16)
    engine.upsert(np.arange(3), unit_rows(3), [Modality.IMAGE] * 3)
    engine.ensure(16)
    assert server.indexed == {"c": 0}
    engine.close()


def test_searches_are_as_wide_as_the_options_say(stub: tuple[type[QdrantStub], str]) -> None:
    server, url = stub
    engine = ServerEngine(QdrantOptions(url=url, ef=64, quantisation="int8"), "c")
    engine.ensure(16)
    engine.upsert(np.arange(3), unit_rows(3), [Modality.IMAGE] * 3)
    for k in (2, 100):
        engine.candidates(unit_rows(1), k, None)
    assert [params["hnsw_ef"] for params in server.search_params] == [64, 100]
    assert [params["quantization"]["rescore"] for params in server.search_params] == [True, True]
    engine.close()


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
    with serving(Faulty) as served:
        yield served


class Counting(QdrantStub):
    """Counts batches, notes their rows, and refuses those that hold row `refused`."""

    refused: int | None
    stored: set[int]
    most_at_once: int
    at_once: int
    batches: int
    counter: threading.Lock
    overlap: threading.Event

    def _handle(self) -> None:
        if self.command != "PUT" or "/points" not in self.path:
            super()._handle()
            return
        kind = type(self)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with kind.counter:
            kind.at_once += 1
            kind.most_at_once = max(kind.most_at_once, kind.at_once)
            if kind.at_once > 1:
                kind.overlap.set()
        kind.overlap.wait(BRAKE_S)  # a batch is answered when two have been there at once
        with kind.counter:
            kind.at_once -= 1
            kind.batches += 1
            rows = set(body["batch"]["ids"])
            if kind.refused in rows:
                self._send(400, {"status": {"error": "no"}})
                return
            kind.stored |= rows
            result = self._result(self.path.split("/")[2], "points", body)
        self._send(200, {"result": result, "status": "ok", "time": 0.0})

    do_GET = do_PUT = do_POST = _handle  # noqa: N815


@pytest.mark.thorough
def test_batches_go_side_by_side_and_one_that_is_refused_costs_the_others_nothing(
    index: tuple[Catalog, int, QdrantEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyseek.stores.qdrant_store.BATCH", 4)
    catalog, _, _ = index
    with qdrant_stub() as (stub, _):
        counters = {"stored": set(), "most_at_once": 0, "at_once": 0, "batches": 0, "refused": 21}
        of_stub = {name: getattr(stub, name) for name in ("engine", "lock", "indexed", "search_params")}
        with serving(
            Counting, counter=threading.Lock(), overlap=threading.Event(), **counters, **of_stub
        ) as (server, url):
            engine = ServerEngine(QdrantOptions(url=url), "c")
            with pytest.raises(StoreRefused):
                filled(catalog, engine)
            assert server.most_at_once > 1
            with catalog.read() as snapshot:
                synced = read_synced_rows(catalog.folder, snapshot.spaces()[0], "x").rows
            assert set(synced.tolist()) == server.stored  # what was acknowledged, and nothing else
            assert len(synced) >= 20
            server.refused, server.batches = None, 0
            filled(catalog, engine)
            assert server.stored == set(range(40))
            assert server.batches == -(-(40 - len(synced)) // 4)
            engine.close()


@pytest.mark.thorough
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
    engine = ServerEngine(QdrantOptions(url=url), "c")
    with pytest.raises(error, match=words):
        engine.count()
    engine.close()


def test_a_busy_server_gets_the_request_again(faulty: tuple[type[Faulty], str]) -> None:
    handler, url = faulty
    handler.failures = 2
    engine = ServerEngine(QdrantOptions(url=url), "c")
    engine.upsert(np.arange(2), unit_rows(2), [Modality.IMAGE] * 2)
    assert handler.seen == 3
    engine.close()


def test_nobody_there() -> None:
    engine = ServerEngine(QdrantOptions(url="http://127.0.0.1:9", timeout_s=60), "c")
    with pytest.raises(StoreUnreachable, match=r"127.0.0.1:9 does not answer"):
        engine.count()
    engine.close()


def test_the_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(StoreRefused, match="NO_SUCH_KEY is not set"):
        ServerEngine(QdrantOptions(url="http://127.0.0.1:9", api_key_env="NO_SUCH_KEY"), "c")


def test_a_collection_of_another_size_is_refused(stub: tuple[type[QdrantStub], str]) -> None:
    engine = ServerEngine(QdrantOptions(url=stub[1]), "c")
    engine.ensure(16)
    with pytest.raises(StoreRefused, match="vectors of 16 numbers, not 32"):
        engine.ensure(32)
    engine.close()


def test_one_process_holds_the_embedded_engine(tmp_path: Path) -> None:
    first, second = (EmbeddedEngine(QdrantOptions(), tmp_path / "c") for _ in range(2))
    first.ensure(16)
    with pytest.raises(StoreUnreachable, match="Another process"):
        second.ensure(16)
    first.close()
    second.ensure(16)
    second.close()


def test_the_list_of_synced_rows_names_no_key(index: tuple[Catalog, int, QdrantEngine]) -> None:
    catalog, _, engine = index
    filled(catalog, engine)
    with np.load(next(folder_of(catalog.folder).glob("*.npz"))) as saved:
        assert set(json.loads(str(saved["about"]))) == {"name", "generation"}
