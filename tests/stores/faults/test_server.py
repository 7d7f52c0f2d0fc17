"""A server that refuses, is frozen or gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from indexes import put, unit_rows
from qdrant_stub import qdrant_stub, serving
from store_faults import (
    DIM,
    codes,
    manager,
    remark,
)
from waiting import BRAKE_S

from anyseek.catalog.catalog import Catalog
from anyseek.errors import StoreRefused, StoreUnreachable
from anyseek.library.doctor import check_all
from anyseek.stores import fallback
from anyseek.stores.registry import Choice

pytest.importorskip("faiss")
pytest.importorskip("qdrant_client")
pytest.importorskip("qdrant_edge")


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


@pytest.mark.thorough
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
