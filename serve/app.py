"""The HTTP interface: search by words, file or hit, look at hits, embed, and index when it is allowed to.

Every error is a problem document (RFC 9457) with one sentence and what to do. Nothing but indexed files is ever
read: hits are named by their numbers, never by a path. (`in` compares the name of a folder with those of the index.)
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route

from anyseek import modalities
from anyseek.errors import AnyseekError
from anyseek.serve import content, embeddings, jobs, searching, wording
from anyseek.serve.bodies import BodyRefused
from anyseek.serve.guard import Guard, problem
from anyseek.serve.guarded import PAGE_POLICY, Guarded
from anyseek.serve.metrics import Metrics
from anyseek.serve.requests import NoParameters, OptionsRequest, SearchRequest, SegmentId, Version
from anyseek.serve.service import Service
from anyseek.serve.strict import StrictRoute

LOG = logging.getLogger("anyseek.serve")
PAGE = Path(__file__).parent / "page.html"


def make_app(folder: Path, *, guard: Guard, allow_write: bool = False) -> FastAPI:
    """The application over one index. Raises what opening the index raises."""
    service = Service(folder)
    work = jobs.Jobs(service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        work.close()
        service.close()

    app = FastAPI(
        title="Anyseek", description=__doc__ or "", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.router.route_class = StrictRoute
    app.state.service, app.state.jobs = service, work
    metrics = Metrics()
    _add_errors(app)
    _add_pages(app, service)
    _add_health(app, service, guard, metrics)
    _add_search(app, service)
    _add_hits(app, service)
    _add_models(app, service)
    if allow_write:
        _add_jobs(app, work)
    else:
        _refuse_jobs(app)

    app.add_middleware(Guarded, guard=guard, metrics=metrics)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(AnyseekError)
    async def known(request: Request, error: AnyseekError) -> JSONResponse:
        LOG.info("%s %s: %s", request.method, request.scope["path"], error.message)
        return problem(error.http_status, error.message, error.hint, error.code)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        return wording.malformed(error.errors()).response()

    @app.exception_handler(BodyRefused)
    async def not_read(request: Request, error: BodyRefused) -> JSONResponse:
        return error.refusal.response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        path = request.scope["path"]
        if error.status_code == 404:
            return wording.no_such_place(path).response()
        if error.status_code == 405:
            methods = _methods_at(app, request)
            answer = wording.wrong_method(request.method, path, methods).response()
            answer.headers["Allow"] = ", ".join(sorted(methods))
            return answer
        return problem(error.status_code, str(error.detail), "See /openapi.json for what there is.")


def _methods_at(app: FastAPI, request: Request) -> set[str]:
    """What the address can be asked with: several endpoints may share it. What GET answers, HEAD answers too."""
    methods = {
        method
        for route in app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return methods | {"HEAD"} if "GET" in methods else methods


def _add_pages(app: FastAPI, service: Service) -> None:
    @app.get("/", include_in_schema=False)
    def page() -> HTMLResponse:
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
        return HTMLResponse(PAGE.read_text("utf-8"), headers=headers)

    @app.get("/status")
    def status(_: Annotated[NoParameters, Query()]) -> dict[str, Any]:
        """What the index holds; the files are not compared with the disk."""
        with service.index() as index:
            record = asdict(index.status(look=False))
        record.pop("problems")
        return record


def _add_health(app: FastAPI, service: Service, guard: Guard, metrics: Metrics) -> None:
    @app.get("/healthz")
    def healthz(http: Request) -> Any:
        """Whether the index can be read; without the token of a server that has one, no more than that."""
        try:
            with service.index() as index:
                model = index.model.name
        except AnyseekError as error:
            if guard.knows(http.scope):
                raise
            return problem(error.http_status, "The index cannot be read.", "", error.code)
        return {"status": "ok", "model": model} if guard.knows(http.scope) else {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse)
    def counted() -> Response:
        """Requests and their seconds, for Prometheus."""
        return metrics.page()


def _add_search(app: FastAPI, service: Service) -> None:
    async def answer(request: SearchRequest, file: Path | None = None) -> Response:
        body = await to_thread.run_sync(searching.search_json, service, request, file)
        return Response(body, media_type="application/json")

    @app.post("/search", response_model=dict[str, Any])
    async def search(request: SearchRequest, _: Annotated[NoParameters, Query()]) -> Response:
        """Search by words, by hits, or by both."""
        return await answer(request)

    @app.get("/search", response_model=dict[str, Any])
    async def search_by_address(request: Annotated[SearchRequest, Query()]) -> Response:
        """The same, as an address."""
        return await answer(request)

    @app.post("/search/file", response_model=dict[str, Any])
    async def search_by_file(http: Request, request: Annotated[SearchRequest, Query()]) -> Response:
        """Search with a picture, sound, video, text or depth map: the body is the file, up to 64 MB."""
        with searching.Upload() as upload:
            try:
                async for part in http.stream():
                    if upload.add(part):  # in a thread: a slow disk stops nobody else
                        await to_thread.run_sync(upload.write)
            except ClientDisconnect:
                return problem(400, "The client left before its file was here.", "", "left")
            return await answer(request, await to_thread.run_sync(upload.finish))


def _add_hits(app: FastAPI, service: Service) -> None:
    @app.get("/segments/{segment_id}/preview")
    def segment_preview(
        segment_id: SegmentId, version: Annotated[Version, Query()], http: Request
    ) -> Response:
        """A small JPEG of a picture, video or depth map, a WAV of a sound's window; 204 where there is none.

        It may be kept for ever under an address with the file's version, while the file is as it was indexed.
        """
        preview, is_as_indexed = service.preview(segment_id, version.v)
        is_final = version.v and is_as_indexed
        headers = {
            "Cache-Control": "private, max-age=31536000, immutable" if is_final else "private, no-cache"
        }
        if preview is None:
            return Response(status_code=204, headers=headers)
        headers["ETag"] = f'"{hashlib.sha256(preview.data).hexdigest()[:32]}"'
        if content.is_unchanged(http.headers, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(preview.data, media_type=preview.kind, headers=headers)

    @app.get("/segments/{segment_id}/content")
    def segment_content(
        segment_id: SegmentId, version: Annotated[Version, Query()], http: Request
    ) -> Response:
        """The whole file that a segment is of, or a range of it."""
        segment, _ = service.segment(segment_id, version.v)
        is_text = modalities.info(segment.modality).is_text
        return content.content(service.file(segment_id), http.headers, is_text=is_text)

    @app.get("/segments/{segment_id}/similar")
    def similar(segment_id: SegmentId, request: Annotated[OptionsRequest, Query()]) -> dict[str, Any]:
        """What resembles a segment's file."""
        _, path = service.segment(segment_id)
        with service.index() as index:
            return searching.results_record(index.similar(path, options=request.options()), index)


def _add_models(app: FastAPI, service: Service) -> None:
    @app.post("/v1/embeddings")
    def embed(request: embeddings.EmbeddingsRequest, _: Annotated[NoParameters, Query()]) -> dict[str, Any]:
        """Embeddings in OpenAI's shape; an input may also be a file: {"image": base64}, or of any modality."""
        return embeddings.embed(service, request)

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        """The one model that this index has, in OpenAI's shape."""
        card = service.embedder.card
        return {"object": "list", "data": [{"id": card.name, "object": "model", "owned_by": card.source}]}


def _add_jobs(app: FastAPI, work: jobs.Jobs) -> None:
    @app.post("/index", status_code=202)
    def index(_: NoParameters | None = None) -> dict[str, Any]:
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


def _refuse_jobs(app: FastAPI) -> None:
    @app.api_route("/index", methods=["GET", "POST"], include_in_schema=False)
    @app.get("/index/events", include_in_schema=False)
    def switched_off() -> Response:
        return problem(404, "Writing is switched off.", "Start the server with --allow-write.")
