"""Continuously watched sources: their state, pictures and events."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.responses import JSONResponse, StreamingResponse

from screener.serve.api.events import RETRY_MS, following
from screener.serve.api.given import ServiceGiven, problems
from screener.serve.hub import Listener
from screener.serve.live import LiveSource
from screener.serve.problems import Refusal

router = APIRouter(prefix="/live", tags=["live"])

SourceId = Annotated[str, Path(pattern="^[0-9]{1,4}$")]


def found_source(service: ServiceGiven, source_id: SourceId) -> LiveSource:
    """The source with this ID. Raises Refusal."""
    source = service.live.find(source_id)
    if source is None:
        raise Refusal("not_found", "No such source is watched.")
    return source


SourceFound = Annotated[LiveSource, Depends(found_source)]
"""Resolved before the response starts, because a stream that has started cannot return 404."""


async def viewed_source(source: SourceFound) -> AsyncIterator[LiveSource]:
    """The same, viewed for as long as the response lasts: the stream of one whose viewer stops reading may never come to its own end."""
    with source.viewed():
        yield source


ViewedSource = Annotated[LiveSource, Depends(viewed_source)]


async def to_source(service: ServiceGiven, source: SourceFound) -> AsyncIterator[Listener]:
    """A listener to the events of a source, for as long as the response lasts."""
    with service.live.hub.listening(source.id) as listener:
        yield listener


_BOUNDARY = "picture"
_MJPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"multipart/x-mixed-replace": {"schema": {"type": "string", "format": "binary"}}}}
}


class LiveView(BaseModel):
    """A source and its current state."""

    id: str
    name: str
    state: str
    outcome: str
    reasons: list[str]
    people: list[dict[str, Any]]
    message: str
    seconds: float
    threshold: float | None
    judged_fps: float
    delay_median_seconds: float | None


@router.get("", response_model=list[LiveView], responses=problems())
async def sources(service: ServiceGiven) -> Any:
    """The sources given by `--live`."""
    return JSONResponse(service.live.views())


@router.get("/{source_id}/picture", response_class=StreamingResponse, responses={**_MJPEG, **problems(404, 422)})
async def picture(source: ViewedSource) -> StreamingResponse:
    """The newest annotated pictures of a source, as a stream of JPEGs."""
    kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
    return StreamingResponse(_parts(source), media_type=kind)


@router.get("/{source_id}/events", response_class=EventSourceResponse, responses=problems(404, 422))
async def events(source: SourceFound, listener: Annotated[Listener, Depends(to_source)]) -> AsyncIterable[ServerSentEvent]:
    """`update` with the current state, a few times a second, and the events that `screener live --jsonl` writes."""
    yield ServerSentEvent(data=source.view, event="update", retry=RETRY_MS)
    async for sent in following(listener):
        yield sent


async def _parts(source: LiveSource) -> AsyncIterator[bytes]:
    async for jpeg in source.pictures():
        yield b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (_BOUNDARY.encode(), len(jpeg), jpeg)
