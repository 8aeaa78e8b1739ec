"""The server itself: its description, health and metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from screener.serve.api.given import ServiceGiven, problems

router = APIRouter(tags=["server"])
root = APIRouter(tags=["server"])


class About(BaseModel):
    """Facts about a server for pages and programs."""

    version: str
    max_upload_bytes: int
    piece_bytes: int
    allow_urls: bool
    allow_paths: bool
    keep_days: float | None
    keep_videos: bool
    max_queue: int
    worker: str
    live: int
    settings: dict[str, Any]


@router.get("/server", response_model=About, responses=problems())
def about(service: ServiceGiven) -> Any:
    """Version, limits, and the settings that a request may change."""
    return JSONResponse(service.about())


@root.get("/healthz", responses=problems())
async def healthz() -> dict[str, str]:
    """Liveness: whether the server answers."""
    return {"status": "ok"}


@root.get("/readyz", responses={503: {"description": "It is ending"}, **problems()})
async def readyz(service: ServiceGiven) -> Response:
    """Readiness: whether scans are accepted. The workers' state is reported but not required: accepted scans will be judged."""
    stopping = service.hub.stopping
    return JSONResponse({"status": "stopping" if stopping else "ready", "worker": service.dispatch.state}, 503 if stopping else 200)


@root.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems()})
def metrics(service: ServiceGiven) -> Response:
    """Prometheus metrics."""
    counts = service.scans.counts()
    for state in ("queued", "running", "done", "cancelled"):
        service.metrics.scans.labels(state).set(counts.get(state, 0))
    service.metrics.free_bytes.set(service.state.free_bytes())
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)
