"""The application: routes, error responses, and the gate around them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from screener.runtime.versions import versions
from screener.serve import page, reference
from screener.serve.api import events, live, scans, server, shown, uploads
from screener.serve.api.given import Problem
from screener.serve.gate import Gate, client_is_gone
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.problems import CODES, Refusal, problem
from screener.serve.requests import Wish
from screener.serve.service import Service

_LOG = logging.getLogger(__name__)

API = "/api/v1"
_BY_STATUS = {status: code for code, status in reversed(CODES.items())}

_ABOUT = """Judges videos for face forgery. Sign in with `Authorization: Bearer TOKEN`. Errors are problem details (RFC 9457), with a
`code` for programs. A score is a lead to follow, never proof."""


def build(options: ServeOptions, service_made: Callable[[], Service], metrics: Metrics) -> Gate:
    """The complete application. service_made: called in the event loop, before the first request."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = service_made()
        app.state.service = service
        await service.open()
        try:
            yield
        finally:
            await service.close()

    app = FastAPI(
        title="screener", version=versions()["screener"], description=_ABOUT, docs_url=None, redoc_url=None, lifespan=lifespan,
        redirect_slashes=False, separate_input_output_schemas=False,
    )  # fmt: skip
    for router in (scans.router, uploads.router, events.router, shown.router, live.router, server.router):
        app.include_router(router, prefix=API)
    app.include_router(server.root)
    app.include_router(page.router)
    app.include_router(reference.router)
    app.mount("/static", page.assets, name="static")
    _handle_errors(app)
    _describe(app)
    gate = Gate(app, options, lambda cookie: app.state.service.sessions.knows(cookie), metrics)
    app.state.gate = gate
    return gate


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        app.state.gate.count_refusal(error.code)
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        wrong = [(".".join(str(step) for step in one["loc"]), str(one["msg"])) for one in error.errors()]
        return problem("invalid", "The request is invalid.", wrong)

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> Response:
        code = _BY_STATUS.get(error.status_code, "invalid")
        return problem(code, str(error.detail), headers=error.headers, status=error.status_code)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return problem("invalid", "The body ended early.", status=400)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        if not client_is_gone(error):
            _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem("fault", "The server failed on this by a fault of its own; its log says more.")


def _describe(app: FastAPI) -> None:
    """Define the schemas of problems and of requests for scans once in the OpenAPI document, for the routes to refer to."""
    made = app.openapi

    def openapi() -> dict[str, object]:
        schema = made()
        components = schema.setdefault("components", {})
        for kind in (Problem, Wish):
            components.setdefault("schemas", {})[kind.__name__] = kind.model_json_schema(ref_template="#/components/schemas/{model}")
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
