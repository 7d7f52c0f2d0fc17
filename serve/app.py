"""The HTTP interface: search by words, file or hit, look at hits, embed, and index when it is allowed to.

Every error is a problem document (RFC 9457) with one sentence and what to do. Nothing but indexed files is ever
read: hits are named by their numbers, never by a path.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from anyseek.errors import AnyseekError, IndexNotFound, MediaError, UsageError
from anyseek.serve import embeddings, jobs, searching
from anyseek.serve.guard import Guard, Guarded, problem
from anyseek.serve.metrics import Metrics
from anyseek.serve.service import Served

LOG = logging.getLogger("anyseek.serve")
PAGE = Path(__file__).parent / "page.html"

_STATUS = {
    10: 404,
    11: 409,
    12: 409,
    13: 409,
    14: 500,
    20: 404,
    23: 422,
    30: 502,
    31: 502,
    40: 422,
    41: 409,
    42: 404,
    50: 507,
    51: 403,
}


Number = Annotated[int, PathParameter(ge=0, le=2**63 - 1)]


class Asked(BaseModel):
    """A search. like, unlike: numbers of segments, added and subtracted as whole parts of the query. k: hits of each
    modality, after the first `offset`."""

    words: str = Field("", max_length=2000)
    without: str = Field("", max_length=2000)
    like: list[Annotated[int, Field(ge=0, le=2**63 - 1)]] = Field(default_factory=list, max_length=50)
    unlike: list[Annotated[int, Field(ge=0, le=2**63 - 1)]] = Field(default_factory=list, max_length=50)
    to: str | None = Field(None, max_length=200)
    k: int = Field(20, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10_000)
    where: str = Field("", max_length=4000)
    merge: bool = False
    fold: bool = False
    min_match: float = Field(0.0, ge=0, le=1)
    segments: bool = False


def make_app(folder: Path, *, guard: Guard, allow_write: bool = False) -> FastAPI:
    """The application over one index. Raises what opening the index raises."""
    served = Served(folder)
    work = jobs.Jobs(served)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        work.close()
        served.close()

    app = FastAPI(
        title="Anyseek", description=__doc__ or "", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.served, app.state.jobs = served, work
    metrics = Metrics()
    _add_errors(app)
    _add_pages(app, served, metrics)
    _add_search(app, served)
    _add_hits(app, served)
    _add_models(app, served)
    if allow_write:
        _add_jobs(app, work)

    app.add_middleware(Guarded, guard=guard, metrics=metrics)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(AnyseekError)
    async def known(request: Request, error: AnyseekError) -> JSONResponse:
        status = 400 if isinstance(error, UsageError) else _STATUS.get(error.exit_code, 500)
        status = 422 if isinstance(error, MediaError) else status
        LOG.info("%s %s: %s", request.method, request.url.path, error.message)
        return problem(status, error.message, error.hint, error.code)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(
            422, f"{where}: {first['msg']}.", "See /openapi.json for what each endpoint takes.", "malformed"
        )

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), "See /openapi.json for what there is.")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        LOG.error("%s %s", request.method, request.url.path, exc_info=error)
        return problem(
            500, "Something unexpected happened.", "This is a bug; the server's log has it.", "bug"
        )


def _add_pages(app: FastAPI, served: Served, metrics: Metrics) -> None:
    @app.get("/", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text("utf-8"))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Whether the index can be read."""
        with served.index() as index:
            return {"status": "ok", "model": index.model.name}

    @app.get("/metrics", include_in_schema=False)
    def counted() -> Response:
        return metrics.page()

    @app.get("/status")
    def status() -> dict[str, Any]:
        """What the index holds; the files are not compared with the disk."""
        with served.index() as index:
            told = asdict(index.status(look=False))
        told.pop("problems")
        return told


def _add_search(app: FastAPI, served: Served) -> None:
    async def found(asked: Asked, file: Path | None = None) -> Response:
        body = await to_thread.run_sync(searching.answer, served, asked, file)
        return Response(body, media_type="application/json")

    @app.post("/search", response_model=dict[str, Any])
    async def search(asked: Asked) -> Response:
        """Search by words, by hits, or by both."""
        return await found(asked)

    @app.get("/search", response_model=dict[str, Any])
    async def search_by_address(asked: Annotated[Asked, Query()]) -> Response:
        """The same, as an address."""
        return await found(asked)

    @app.post("/search/file", response_model=dict[str, Any])
    async def search_by_file(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        """Search with a picture, sound, film, text or depth map: the body is the file, up to 64 MB."""
        with searching.Upload() as upload:
            try:
                async with asyncio.timeout(searching.UPLOAD_S):
                    async for part in request.stream():
                        upload.add(part)
            except TimeoutError:
                return problem(408, "The file took too long to come.", "Send a smaller one.", "slow")
            except ClientDisconnect:
                return problem(400, "The client left before its file was here.", "", "left")
            return await found(asked, upload.finished())


def _add_hits(app: FastAPI, served: Served) -> None:
    @app.get("/segments/{segment_id}/preview")
    def preview(segment_id: Number) -> Response:
        """A small JPEG of a picture, film or depth map, a WAV of a sound's window; 204 where there is none."""
        made = served.preview(segment_id)
        if made is None:
            return Response(status_code=204)
        return Response(made.data, media_type=made.kind, headers={"Cache-Control": "private, max-age=3600"})

    @app.get("/segments/{segment_id}/content")
    def content(segment_id: Number) -> FileResponse:
        """The whole file that a segment is of."""
        _, path = served.segment(segment_id)
        if not Path(path).is_file() or Path(path).is_symlink():
            raise IndexNotFound("The file is no longer where it was indexed.", "Index again.")
        kind = None if Path(path).suffix.lower() not in (".html", ".htm", ".xhtml", ".svg") else "text/plain"
        return FileResponse(
            path, media_type=kind, filename=Path(path).name, content_disposition_type="inline"
        )

    @app.get("/segments/{segment_id}/similar")
    def similar(
        segment_id: Number, to: str | None = None, k: Annotated[int, Query(ge=1, le=1000)] = 20
    ) -> dict[str, Any]:
        """What resembles a segment's file."""
        _, path = served.segment(segment_id)
        with served.index() as index:
            return searching.shown(index.similar(path, to=to, k=k))


def _add_models(app: FastAPI, served: Served) -> None:
    @app.post("/v1/embeddings")
    def embed(asked: embeddings.Wanted) -> dict[str, Any]:
        """Embeddings in OpenAI's shape; an input may also be {"image": base64} or {"audio": base64}."""
        return embeddings.made(served, asked)

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        """The one model that this index has, in OpenAI's shape."""
        card = served.embedder.card
        return {"object": "list", "data": [{"id": card.name, "object": "model", "owned_by": card.source}]}


def _add_jobs(app: FastAPI, work: jobs.Jobs) -> None:
    @app.post("/index", status_code=202)
    def index() -> dict[str, Any]:
        """Bring the index up to date, in the background."""
        return work.start()

    @app.get("/index")
    def state() -> dict[str, Any]:
        """How the last such run stands."""
        return work.state()

    @app.get("/index/events", dependencies=[Depends(work.must_be_known)])
    def events() -> StreamingResponse:
        """The same as server-sent events, until the run ends."""
        return StreamingResponse(
            work.events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )
