"""Server-sent events of one scan, or of all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from screener.serve.api.given import ScanFound, ServiceGiven, problems
from screener.serve.hub import Event, Listener
from screener.serve.service import Service
from screener.serve.views import iso

router = APIRouter(tags=["events"])

QUIET_SECONDS = 15.0
"""Seconds without an event after which a comment is sent, so that no proxy closes the stream."""

RETRY_MS = 1000
LAST = ("verdict", "cancelled", "erased", "stopping")
_NAMES = {"queued": "queued", "running": "progress", "done": "verdict", "cancelled": "cancelled"}


async def to_all(service: ServiceGiven) -> AsyncIterator[Listener]:
    """A listener for as long as the response lasts: a stream whose client stops reading may never come to its own end."""
    with service.hub.listening() as listener:
        yield listener


async def to_one(service: ServiceGiven, scan: ScanFound) -> AsyncIterator[Listener]:
    """The same, to one scan."""
    with service.hub.listening(scan.id) as listener:
        yield listener


@router.get("/events", response_class=EventSourceResponse, responses=problems())
async def of_all(service: ServiceGiven, listener: Annotated[Listener, Depends(to_all)]) -> AsyncIterable[ServerSentEvent]:
    """`hello`, then all queued or running scans, then the events of all scans."""
    yield ServerSentEvent(data={"id": None, "worker": service.dispatch.state, "time": iso(time.time())}, event="hello", retry=RETRY_MS)
    for scan in await asyncio.to_thread(service.scans.under_way):
        yield _sent((_NAMES[scan.state], await asyncio.to_thread(service.view, scan)))
    async for sent in following(listener):
        yield sent


@router.get("/scans/{scan_id}/events", response_class=EventSourceResponse, responses=problems(404, 422))
async def of_one(service: ServiceGiven, scan: ScanFound, listener: Annotated[Listener, Depends(to_one)]) -> AsyncIterable[ServerSentEvent]:
    """A scan's state, then its events; ends with `verdict`, `cancelled` or `erased`."""
    name, view = await _state(service, scan.id)
    yield ServerSentEvent(data=view, event=name, retry=RETRY_MS)
    if name in LAST:
        return
    async for sent in following(listener):
        yield sent
        if sent.event in LAST:
            return


async def _state(service: Service, scan_id: str) -> Event:
    scan = await asyncio.to_thread(service.scans.find, scan_id)
    if scan is None:
        return "erased", {"id": scan_id}
    return _NAMES[scan.state], await asyncio.to_thread(service.view, scan)


async def following(listener: Listener) -> AsyncIterable[ServerSentEvent]:
    """A listener's events in the form in which they are sent."""
    async for event in listener.events(QUIET_SECONDS):
        yield ServerSentEvent(comment="") if event is None else _sent(event)


def _sent(event: Event) -> ServerSentEvent:
    return ServerSentEvent(data=event[1], event=event[0])
