"""A Qdrant server for tests: the HTTP interface of one, over the engine that qdrant-client has for use in memory.

It answers the requests that Anyseek sends, and notes what that engine has no use for: payload indexes and search
parameters.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdrant_client import QdrantClient


class QdrantStub(BaseHTTPRequestHandler):
    """Of one server: `serving` makes a class of its own, so that servers share nothing."""

    engine: QdrantClient
    lock: threading.Lock
    indexed: dict[str, int]
    """Collection -> how many points it had when its payload index was made."""
    search_params: list[dict[str, Any]]

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        _, collections, name, *rest = self.path.partition("?")[0].split("/")
        assert collections == "collections"
        with self.lock:
            result = self._result(name, "/".join(rest), json.loads(body or b"{}"))
        self._send(200, {"result": result, "status": "ok", "time": 0.0})

    def _result(self, name: str, what: str, body: dict[str, Any]) -> Any:
        from qdrant_client import models

        engine = self.engine
        match self.command, what:
            case "GET", "exists":
                return {"exists": engine.collection_exists(name)}
            case "GET", "":
                return _plain(engine.get_collection(name))
            case "PUT", "":
                vectors = models.VectorParams(**body["vectors"])
                return engine.create_collection(name, vectors_config=vectors)
            case "PUT", "index":
                self.indexed[name] = engine.count(name).count
                return {"operation_id": 0, "status": "completed"}
            case "PUT", "points":
                return _plain(engine.upsert(name, models.Batch(**body["batch"])))
            case "POST", "points/delete":
                return _plain(engine.delete(name, models.PointIdsList(**body)))
            case "POST", "points/count":
                return _plain(engine.count(name, exact=True))
            case "POST", "points/query/batch":
                self.search_params.extend(search.pop("params") for search in body["searches"])
                searches = [models.QueryRequest(**search) for search in body["searches"]]
                return [_plain(answer) for answer in engine.query_batch_points(name, searches)]
        raise NotImplementedError(f"{self.command} {self.path}")

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = _handle  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing to standard error."""


def _plain(answer: Any) -> Any:
    return answer.model_dump(mode="json", exclude_none=True)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], **attributes: Any) -> Iterator[tuple[Any, str]]:
    """A server on loopback: its own subclass of `handler`, with these attributes, and its URL."""
    own = type(f"Own{handler.__name__}", (handler,), attributes)
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield own, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def qdrant_stub() -> Iterator[tuple[type[QdrantStub], str]]:
    """A running one, and its URL."""
    from qdrant_client import QdrantClient

    engine = QdrantClient(":memory:")
    attributes = {"engine": engine, "lock": threading.Lock(), "indexed": {}, "search_params": []}
    with serving(QdrantStub, **attributes) as served:
        yield served
    engine.close()
