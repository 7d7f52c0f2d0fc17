"""What the server counts, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.responses import Response
from starlette.types import Scope


class Metrics:
    """Requests and their seconds, by what was asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("anyseek_requests_total", "Requests", ["path"], registry=self._registry)
        self._seconds = Histogram(
            "anyseek_request_seconds", "Seconds a request took", ["path"], registry=self._registry
        )

    @contextmanager
    def timed(self, scope: Scope) -> Iterator[None]:
        """Counts one request."""
        start = time.perf_counter()
        try:
            yield
        finally:
            # The route, not the address: numbers of segments would make a series each.
            route = scope.get("route")
            path = getattr(route, "path", "unknown")
            self._requests.labels(path).inc()
            self._seconds.labels(path).observe(time.perf_counter() - start)

    def page(self) -> Response:
        """In Prometheus' text format."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
