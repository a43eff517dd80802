"""The HTTP interface: one image in, one document out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Event
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.serving.answering import Answer, MapKind, answer
from services.serving.counting import CONTENT_TYPE, NOBODY, Counters
from services.serving.limits import Limits
from services.serving.page import page
from services.serving.receiving import image_content
from services.serving.served import Served, Shelf
from services.serving.state import State
from tocoad.data.problems import DataError
from tocoad.errors import StageError
from tocoad.text.printable import printable

_LATER = {"Retry-After": "1"}
_IMAGE = {"type": "string", "format": "binary"}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": _IMAGE},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _IMAGE}}},
        },
    }
}


class Refusal(BaseModel):
    """In one line."""

    error: str


_REFUSED: dict[int | str, dict[str, Any]] = {"4XX": {"model": Refusal}, "5XX": {"model": Refusal}}


class Service:
    """What the routes share: the detectors, the threads that score, who is let in, and whether it was told to end."""

    def __init__(
        self,
        shelf: Shelf,
        state: State,
        pool: ThreadPoolExecutor,
        limits: Limits,
        counters: Counters,
        stopped: Event,
    ) -> None:
        self.stopped = stopped
        self.shelf, self.state, self.limits, self.counters = shelf, state, limits, counters
        self._pool = pool
        self._accepted = 0
        self.answered = 0
        counters.places.set(limits.places)

    def named(self, category: str) -> Served:
        """Raises HTTPException: 404, or 503 while models are being loaded."""
        found = self.shelf.find(category)
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(served.name for served in found)
            raise HTTPException(404, f"{category} is a category of several data sets: say which of {names}")
        if self.state.loading:
            raise HTTPException(503, "the models are being loaded", _LATER)
        names = ", ".join(self.shelf.served)
        raise HTTPException(404, f"no category {printable(category)} is served; there are {names}")

    async def predict(self, request: Request, category: str, kind: MapKind | None) -> Answer:
        """Raises HTTPException: 4xx for what the caller can mend, 503 for what passes."""
        name = self.named(category).name
        if self._accepted >= self.limits.places:
            raise HTTPException(503, f"{self._accepted} requests wait already", _LATER)
        self._move(1)
        try:
            return await self._in_time(request, name, kind)
        finally:
            self._move(-1)

    async def _in_time(self, request: Request, name: str, kind: MapKind | None) -> Answer:
        late = HTTPException(408, f"the image did not come within {self.limits.seconds:g} s")
        try:
            async with asyncio.timeout(self.limits.seconds):
                content = await image_content(request, self.limits.image_bytes)
                late = HTTPException(503, f"not answered within {self.limits.seconds:g} s", _LATER)
                # One that nobody waits for any more is not begun.
                return await asyncio.wrap_future(self._pool.submit(self._score, name, content, kind))
        except TimeoutError:
            raise late from None
        except DataError as error:
            raise HTTPException(422, f"the image: {printable(error.problems[0].reason)}") from None
        except StageError as error:
            raise HTTPException(500, str(error)) from None

    def _score(self, name: str, content: bytes, kind: MapKind | None) -> Answer:
        """In a thread: by the detector that is served when it begins."""
        with self.counters.scoring.labels(name).time():
            return answer(self.shelf.served[name], content, kind)

    def _move(self, step: int) -> None:
        self._accepted += step
        self.counters.accepted.set(self._accepted)

    def health(self) -> tuple[int, dict[str, Any]]:
        state, served = self.state, self.shelf.served
        followed = state.last_look is not None or state.registry_error is not None
        document = {
            "status": "loading" if state.loading else "ok",
            "loading": list(state.loading),
            "categories": {name: _told(one, state.not_taken.get(name)) for name, one in served.items()},
            "registry": {"error": state.registry_error, "last_look": _time(state.last_look)} if followed else None,
            "accepted": self._accepted,
            "places": self.limits.places,
        }
        return (503 if state.loading else 200), document


def make_app(service: Service) -> FastAPI:
    # Its own pages of documentation would load their scripts from elsewhere.
    app = FastAPI(title="ToCoAD", docs_url=None, redoc_url=None)
    _tell_errors_in_one_line(app)
    app.add_middleware(_LastAnswers, stopped=service.stopped)
    counters = service.counters

    @app.post("/v1/predict/{category}", openapi_extra=_BODY, response_model=Answer, responses=_REFUSED)
    async def predict(
        category: str, request: Request, map_kind: Annotated[MapKind | None, Query(alias="map")] = None
    ) -> Response:
        """Score and label one image: the file as the body, or as the one file of a form."""
        begin, status = time.perf_counter(), 500
        found = service.shelf.find(category)
        name = found[0].name if len(found) == 1 else NOBODY
        try:
            answered = await service.predict(request, category, map_kind)
            status = 200
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            counters.requests.labels(name, str(status)).inc()
        service.answered += 1
        counters.predictions.labels(name, str(answered.pred_label).lower()).inc()
        counters.seconds.labels(name).observe(time.perf_counter() - begin)
        return Response(answered.model_dump_json(), media_type="application/json")

    @app.get("/health")
    async def health() -> JSONResponse:
        """Ready (200) when all models are loaded; until then 503."""
        status, document = service.health()
        return JSONResponse(document, status)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(counters.text(service.shelf.served, service.state), media_type=CONTENT_TYPE)

    @app.get("/", response_class=HTMLResponse)
    async def index() -> HTMLResponse:
        return page(service.shelf.served)

    return app


class _LastAnswers:
    """Once the server is told to end, each answer is the last of its connection: who keeps one would ask again on it,
    be accepted, and not be answered when the time for ending is over.
    """

    def __init__(self, app: ASGIApp, stopped: Event) -> None:
        self._app, self._stopped = app, stopped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and self._stopped.is_set():
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_last)


def _tell_errors_in_one_line(app: FastAPI) -> None:
    """Whatever refuses a request: `{"error": "..."}`."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StarletteHTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)

    async def failed(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "a defect of tocoad: its log has the traceback"}, 500)

    told: dict[Any, Callable[[Request, Exception], Awaitable[JSONResponse]]] = {
        StarletteHTTPException: refused,
        RequestValidationError: invalid,
        Exception: failed,
    }
    for kind, handler in told.items():
        app.add_exception_handler(kind, handler)


def _told(served: Served, not_taken: str | None) -> dict[str, Any]:
    card = served.detector.card
    return {
        "version": served.version,
        "method": card.method,
        "threshold": card.image_threshold.value,
        "package_sha256": served.package_sha256,
        "since": _time(served.since),
        "error": not_taken,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
