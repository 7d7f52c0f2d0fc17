"""Indexing on request: one run at a time in the background, with its progress."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from anyseek.errors import AnyseekError, IndexLocked, UsageError
from anyseek.printable import json_path

if TYPE_CHECKING:
    from anyseek.indexer import Progress
    from anyseek.serve.service import Service

_EVERY_S = 0.25


class Jobs:
    """Of one server; close it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._state: dict[str, Any] = {"state": "none"}

    def start(self) -> dict[str, Any]:
        """Raises IndexLocked while a run is going on."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise IndexLocked(
                    "The index is being brought up to date already.", "Watch it at /index/events."
                )
            self._state = {"state": "running", "stage": "scan", "done": 0, "total": None, "skipped": 0}
            self._thread = threading.Thread(target=self._run, name="anyseek-index", daemon=True)
            self._thread.start()
            return self.state()

    def state(self) -> dict[str, Any]:
        """none, running with its counts, done with its report, or failed with its reason."""
        return dict(self._state)

    def must_be_known(self) -> None:
        """Raises UsageError when there was no run yet."""
        if self._state["state"] == "none":
            raise UsageError("No run was started yet.", "POST /index starts one.")

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: the state whenever it changed, until the run has ended."""
        last = None
        while True:
            state = self.state()
            if state != last:
                yield f"data: {json.dumps(state)}\n\n"
                last = state
            if state["state"] != "running":
                return
            await asyncio.sleep(_EVERY_S)

    def close(self) -> None:
        """End a run after its batch; what it committed stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30)

    def _run(self) -> None:
        try:
            with self._service.index() as index:
                report = index.add(progress=self._show, stop=self._stop.is_set)
            remarks = tuple(map(json_path, report.remarks))
            self._state = {"state": "done", "report": asdict(replace(report, remarks=remarks))}
        except AnyseekError as error:
            title, detail = json_path(error.message), json_path(error.hint)
            self._state = {"state": "failed", "title": title, "detail": detail}
        except Exception as error:  # noqa: BLE001 - the thread's last word is its state
            self._state = {
                "state": "failed",
                "title": json_path(f"{type(error).__name__}: {error}"),
                "detail": "This is a bug.",
            }

    def _show(self, progress: Progress) -> None:
        facts = {name: getattr(progress, name) for name in ("stage", "done", "total", "skipped")}
        self._state = {"state": "running", **facts}
